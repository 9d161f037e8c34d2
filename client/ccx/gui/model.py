"""The program that is being written, as plain objects: its files, input, limits and cases. No Qt here."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from pydantic import ValidationError

from ccx.errors import BadInput
from ccx.wire import CaseRequest, LanguageInfo, LimitOverrides, SourceFile, SubmissionRequest
from ccx.wire.complaints import first_complaint

MEBIBYTE = 2**20
_WESTERN = ("cp1252", "latin_1", "iso8859_15")


@dataclass(slots=True)
class Document:
    """A file: its name in the submission, its text, and where on the disk it is, if it is."""

    name: str
    content: str = ""
    path: str | None = None
    encoding: str = "utf-8"
    stamp: float = 0.0
    is_changed: bool = False


@dataclass(slots=True)
class Case:
    """Input, and the output that is expected of it; empty: none is."""

    name: str
    stdin: str = ""
    expected: str = ""


@dataclass(slots=True)
class Workspace:
    """All that a run is made of. Limits are as they are typed: empty is the language's own."""

    language: str = "python"
    documents: list[Document] = field(default_factory=lambda: [Document("main.py", 'print("Hello, world!")\n')])
    stdin: str = ""
    args: str = ""
    artifacts: str = ""
    cpu_seconds: str = ""
    wall_seconds: str = ""
    memory_mebibytes: str = ""
    cases: list[Case] = field(default_factory=list)

    def request(self) -> SubmissionRequest:
        """What is sent. Raises BadInput, which names what is wrong."""
        try:
            args = tuple(shlex.split(self.args))
            artifacts = tuple(shlex.split(self.artifacts))
        except ValueError as error:
            raise BadInput(f"Arguments: {error}.") from error
        fields: dict[str, object] = {"stdin": self.stdin, "args": args}
        if self.cases:
            fields = {"cases": tuple(_case(case, args) for case in self.cases)}
        try:
            return SubmissionRequest(
                language=self.language,
                files=tuple(
                    SourceFile.of(one.name, one.content.encode("utf-8", "surrogateescape")) for one in self.documents
                ),
                limits=self._limits(),
                artifacts=artifacts,
                **fields,  # type: ignore[arg-type]
            )
        except ValidationError as error:
            raise BadInput(f"{first_complaint(error)}.") from error

    def _limits(self) -> LimitOverrides:
        cpu, wall = _number("CPU", self.cpu_seconds), _number("wall", self.wall_seconds)
        memory = _number("memory", self.memory_mebibytes)
        return LimitOverrides(
            cpu_seconds=cpu, wall_seconds=wall, memory_bytes=None if memory is None else round(memory * MEBIBYTE)
        )

    def add(self, documents: Iterable[Document], languages: Sequence[LanguageInfo]) -> int:
        """Put these beside what is there, or in place of what has their name; the place of the first. Pairs of `.in`
        and `.ans` or `.out` become cases. A program that nobody has touched makes way.
        """
        given = list(documents)
        self.cases += _cases_in(given)
        sources = [one for one in given if not one.name.endswith((".in", ".ans", ".out"))]
        if not sources:
            return 0
        names = {one.name for one in sources}
        untouched = [one.content for one in self.documents] == [Workspace().documents[0].content]
        before = [] if untouched else [one for one in self.documents if one.name not in names]
        if not before and (language := language_of(sources[0].name, languages)):
            self.language = language
        self.documents = [*before, *sources]
        return len(before)

    def to_json(self) -> str:
        """As it is kept beside."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Workspace:
        """What was kept. Raises ValueError, KeyError or TypeError."""
        kept = json.loads(text)
        documents = [Document(**one) for one in kept.pop("documents")]
        cases = [Case(**one) for one in kept.pop("cases")]
        return cls(**kept, documents=documents or Workspace().documents, cases=cases)


def language_of(name: str, languages: Sequence[LanguageInfo]) -> str | None:
    """The language whose sources end as this name does."""
    found = [one for one in languages if name.endswith(tuple(one.suffixes))]
    return next((one.name for one in sorted(found, key=lambda one: one.by_name_only)), None)


def read_document(path: Path, root: Path | None = None) -> Document:
    """A file of the disk, in whatever encoding it is. Raises BadInput."""
    try:
        data, stamp = path.read_bytes(), path.stat().st_mtime
    except OSError as error:
        raise BadInput(f"{path.name}: {error.strerror}") from error
    text, encoding = decoded(data)
    name = path.relative_to(root).as_posix() if root else path.name
    return Document(name, text, str(path), encoding, stamp)


def decoded(data: bytes) -> tuple[str, str]:
    """The text in bytes, and the encoding that it was in."""
    for encoding in ("utf-8-sig", "utf-16") if data[:2] in {b"\xff\xfe", b"\xfe\xff"} else ("utf-8-sig",):
        try:
            return data.decode(encoding), "utf-8" if encoding == "utf-8-sig" else encoding
        except UnicodeDecodeError:
            continue
    from charset_normalizer import from_bytes

    # Of the encodings with one byte a letter, that of western Europe is by far the most usual.
    found = from_bytes(data)
    western = [match for match in found if match.encoding in _WESTERN]
    best = western[0] if western else found.best()
    return (str(best), best.encoding) if best else (data.decode("latin-1"), "latin-1")


def write_document(document: Document, path: Path) -> None:
    """Keep it on the disk, in the encoding that it came in where that can hold it. Raises BadInput."""
    try:
        data = document.content.encode(document.encoding)
    except UnicodeEncodeError:
        document.encoding = "utf-8"
        data = document.content.encode()
    try:
        path.write_bytes(data)
        document.path, document.stamp, document.is_changed = str(path), path.stat().st_mtime, False
    except OSError as error:
        raise BadInput(f"{path.name}: {error.strerror}") from error


def files_in(paths: Iterable[Path]) -> list[tuple[Path, Path | None]]:
    """The files among these, and those in the folders among them, with the folder their names begin from."""
    found: list[tuple[Path, Path | None]] = []
    for path in paths:
        if path.is_dir():
            for parent, folders, names in os.walk(path):
                folders[:] = sorted(folder for folder in folders if not folder.startswith("."))
                found += [(Path(parent, name), path) for name in sorted(names) if not name.startswith(".")]
        else:
            found.append((path, None))
    return found


def _case(case: Case, args: tuple[str, ...]) -> CaseRequest:
    return CaseRequest(name=case.name, stdin=case.stdin, args=args, expected_stdout=case.expected or None)


def _cases_in(documents: list[Document]) -> list[Case]:
    answers = {one.name: one.content for one in documents}
    cases = []
    for one in documents:
        if one.name.endswith(".in"):
            name = one.name.removesuffix(".in")
            cases.append(Case(name, one.content, answers.get(f"{name}.ans") or answers.get(f"{name}.out") or ""))
    return cases


def _number(what: str, text: str) -> float | None:
    if not text.strip():
        return None
    try:
        number = float(text.replace(",", "."))
    except ValueError as error:
        raise BadInput(f"{what}: {text!r} is not a number.") from error
    if number <= 0:
        raise BadInput(f"{what}: must be above 0.")
    return number
