"""What came of everybody's submission, and the file from which a run that was broken off goes on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any, overload
from uuid import uuid4

from pydantic import BaseModel, ValidationError

from ccx.cli.grading.people import Files, Person
from ccx.cli.grading.suite import Suite
from ccx.cli.options.language_choice import language_of, main_file, named_language
from ccx.client import Client
from ccx.errors import BadInput
from ccx.wire import (
    CaseRequest,
    CaseResult,
    Checker,
    LanguageInfo,
    LimitOverrides,
    SourceFile,
    Submission,
    SubmissionRequest,
    Verdict,
)
from ccx.wire.complaints import first_complaint
from ccx.wire.fields import MAX_CASES

# Of inputs and answers in one submission: half of what a node takes, for what JSON adds.
MOST_CASE_BYTES = 16 * 2**20
KEPT_CHARACTERS = 4_000  # of messages and standard error, for the report


class GradedTest(BaseModel):
    """One test of one person."""

    name: str
    verdict: Verdict
    message: str = ""
    feedback: str = ""
    stderr: str = ""
    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0
    memory_bytes: int = 0


class Grade(BaseModel):
    """One person. `trouble` is why nothing was run; `compiler` what it complained of."""

    person: str
    digest: str = ""
    language: str = ""
    trouble: str = ""
    compiler: str = ""
    tests: list[GradedTest] = []
    points: float = 0.0

    @property
    def verdict(self) -> str:
        """In a word: the first that is not ok."""
        if self.trouble:
            return "not run"
        return next((test.verdict.value for test in self.tests if test.verdict is not Verdict.OK), "ok")

    @property
    def passed(self) -> int:
        """How many tests are right."""
        return sum(test.verdict is Verdict.OK for test in self.tests)

    @property
    def is_ours(self) -> bool:
        """Whether the service failed, so that it is worth trying again."""
        return any(test.verdict in {Verdict.INTERNAL_ERROR, Verdict.CANCELLED} for test in self.tests)


@dataclass(frozen=True)
class Assignment:
    """What all are measured by."""

    suite: Suite
    languages: tuple[LanguageInfo, ...]
    language: str | None
    limits: LimitOverrides
    judge: Mapping[str, Checker] = field(default_factory=dict)  # the suite's, in a language of the node

    def requests(self, files: Files) -> list[SubmissionRequest]:
        """What is sent for somebody's files: one submission, or several where there are more tests than one may have.
        Raises BadInput where they cannot be run.
        """
        named = named_language(self.language, self.languages) if self.language else None
        entrypoint = main_file(files, [named] if named else self.languages)
        language = named or language_of(entrypoint, self.languages)
        judge: dict[str, Any] = dict(self.judge)
        try:
            sources = tuple(SourceFile.of(name, data) for name, data in files.items())
            return [
                SubmissionRequest(
                    language=language.name,
                    files=sources,
                    entrypoint=entrypoint,
                    limits=self.limits,
                    cases=cases,
                    **judge,
                )
                for cases in self._batches
            ]
        except ValidationError as error:
            raise BadInput(first_complaint(error)) from error

    @cached_property
    def _batches(self) -> list[tuple[CaseRequest, ...]]:
        """The tests as the cases of as few submissions as may hold them; the same for everybody."""
        batches: list[tuple[CaseRequest, ...]] = []
        batch: list[CaseRequest] = []
        size = 0
        for test in self.suite.tests:
            weight = len(test.stdin) + len(test.expected or "")
            if batch and (len(batch) == MAX_CASES or size + weight > MOST_CASE_BYTES):
                batches.append(tuple(batch))
                batch, size = [], 0
            batch.append(test.request(self.suite.compare))
            size += weight
        return [*batches, tuple(batch)]

    @cached_property
    def _own_digest(self) -> bytes:
        return hashlib.sha256(repr((self.suite, self.language, self.limits)).encode()).digest()

    def digest(self, files: Files) -> str:
        """The same for the same files, tests and limits: what was graded so is not graded again."""
        whole = hashlib.sha256(self._own_digest)
        for name, data in sorted(files.items()):
            whole.update(f"{name}\0{len(data)}\0".encode() + data)
        return whole.hexdigest()


@dataclass(frozen=True, slots=True)
class _Sent:
    """One of the submissions of a person."""

    person: str
    digest: str
    part: int
    count: int


async def grade(client: Client, people: Iterable[Person], assignment: Assignment, run: str) -> AsyncGenerator[Grade]:
    """The grades as they come. Who cannot be run has one at once. `run` names this run to the node: one that was broken
    off and goes on under the same name is given what it has sent already.
    """
    sent: dict[int, _Sent] = {}
    parts: dict[str, dict[int, Submission | str]] = {}
    ready: list[Grade] = []

    def requests() -> Iterator[SubmissionRequest]:
        numbers = count()
        for person in people:
            try:
                files = person.read()
                found = assignment.requests(files)
            except BadInput as error:
                ready.append(Grade(person=person.name, trouble=str(error)))
                continue
            digest = assignment.digest(files)
            for part, request in enumerate(found):
                sent[next(numbers)] = _Sent(person.name, digest, part, len(found))
                yield request

    def key_of(number: int) -> str:
        one = sent[number]
        return hashlib.sha256(f"{run}\0{one.person}\0{one.part}".encode()).hexdigest()

    async for outcome in client.run_many(requests(), key_of=key_of):
        while ready:
            yield ready.pop()
        one = sent.pop(outcome.number)
        found = parts.setdefault(one.person, {})
        found[one.part] = outcome.submission or str(outcome.error)
        if len(found) == one.count:
            del parts[one.person]
            yield _grade(assignment.suite, one, [found[at] for at in range(one.count)])
    while ready:
        yield ready.pop()


def _grade(suite: Suite, sent: _Sent, parts: list[Submission | str]) -> Grade:
    grade = Grade(person=sent.person, digest=sent.digest)
    for part in parts:
        if isinstance(part, str):
            grade.trouble = part
            return grade
        grade.language = f"{part.language} {part.language_version or ''}".strip()
        if part.compile and (part.compile.stderr or part.compile.stdout):
            grade.compiler = (part.compile.stderr or part.compile.stdout)[:KEPT_CHARACTERS]
        grade.tests += [_test(part, case) for case in part.cases]
    names = {test.name: test for test in grade.tests}
    ended = next((part for part in parts if isinstance(part, Submission) and part.verdict), None)
    verdict, message = (ended.verdict, ended.message) if ended else (None, None)
    grade.tests = [
        names.get(test.name)
        or GradedTest(name=test.name, verdict=verdict or Verdict.INTERNAL_ERROR, message=message or "")
        for test in suite.tests
    ]
    grade.points = suite.score([test.verdict is Verdict.OK for test in grade.tests])
    return grade


def _test(submission: Submission, case: CaseResult) -> GradedTest:
    stderr = case.stderr if case.stderr_encoding == "utf-8" else ""
    return GradedTest(
        name=case.name,
        verdict=case.verdict or submission.verdict or Verdict.INTERNAL_ERROR,
        message=(case.message or "")[:KEPT_CHARACTERS],
        feedback=(case.feedback or "")[:KEPT_CHARACTERS],
        stderr=stderr[-KEPT_CHARACTERS:],
        cpu_seconds=case.cpu_seconds,
        wall_seconds=case.wall_seconds,
        memory_bytes=case.memory_bytes,
    )


class Kept:
    """Grades in a file, a line each, as they come. What was cut off at its end is not counted.

    In memory is only where each is: a class of thousands with a hundred tests each would not be small. With `resume`
    what the file has already is kept. Raises BadInput where the file cannot be written.
    """

    def __init__(self, path: Path, *, resume: bool) -> None:
        self.path = path
        self.run = uuid4().hex
        self._places: dict[str, int] = {}
        self._digests: dict[str, str] = {}
        try:
            end = self._index() if resume and path.exists() else 0
            with path.open("ab") as file:
                file.truncate(end)
                if not end:
                    file.write(f"{json.dumps(self.run)}\n".encode())
        except OSError as error:
            raise BadInput(f"{path} cannot be written: {error.strerror}.") from error

    def _index(self) -> int:
        """Find what is there; those that the service failed are left out. Where the last whole line ends, in bytes."""
        at = 0
        with self.path.open("rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self._note(line, at)
                at += len(line)
        return at

    def _note(self, line: bytes, at: int) -> None:
        try:
            kept = json.loads(line)
            if isinstance(kept, str):
                self.run = kept
                return
            grade = Grade.model_validate(kept)
        except (ValueError, ValidationError):
            return
        if not grade.is_ours:
            self._places[grade.person], self._digests[grade.person] = at, grade.digest

    def has(self, person: str, digest: str) -> bool:
        """Whether this person's work was graded as it is now."""
        return self._digests.get(person) == digest

    def add(self, grade: Grade) -> None:
        """One more."""
        with self.path.open("ab") as file:
            self._places[grade.person] = file.tell()
            file.write(f"{grade.model_dump_json()}\n".encode())

    def grades(self, people: Iterable[str]) -> Grades:
        """Those of these people, in their order."""
        return Grades(self.path, [self._places[person] for person in people])


class Grades(Sequence[Grade]):
    """Grades that are read from their file one by one, each time they are wanted."""

    def __init__(self, path: Path, places: list[int]) -> None:
        self._path = path
        self._places = places

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, at: int) -> Grade: ...
    @overload
    def __getitem__(self, at: slice) -> Grades: ...
    def __getitem__(self, at: int | slice) -> Grade | Grades:
        if isinstance(at, slice):
            return Grades(self._path, self._places[at])
        (found,) = Grades(self._path, [self._places[at]])
        return found

    def __iter__(self) -> Iterator[Grade]:
        with self._path.open("rb") as file:
            for place in self._places:
                file.seek(place)
                yield Grade.model_validate_json(file.readline())
