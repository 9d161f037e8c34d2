"""The tests of an assignment: pairs of input and answer, in folders that are groups."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal

from ccx.cli.options.language_choice import language_of
from ccx.errors import BadInput
from ccx.wire import (
    CaseRequest,
    Checker,
    CheckerConvention,
    Comparison,
    LanguageInfo,
    LimitOverrides,
    SourceFile,
    encode_shortly,
)

ANSWERS = (".ans", ".out", ".a")
POINTS_FILE = "points"
JUDGE_SECONDS = 60.0  # as the problem package format has it where a package says nothing


@dataclass(frozen=True, slots=True)
class SuiteTest:
    """One run, and what it should write. `group` is the folder it lies in; empty: none."""

    name: str
    group: str
    stdin: bytes
    expected: str | None
    args: tuple[str, ...] = ()
    judge_args: tuple[str, ...] = ()

    def request(self, compare: Comparison) -> CaseRequest:
        """As a case of a submission."""
        stdin, encoding = encode_shortly(self.stdin)
        return CaseRequest(
            name=self.name,
            stdin=stdin,
            stdin_encoding=encoding,
            args=self.args,
            expected_stdout=self.expected,
            compare=compare,
            checker_args=self.judge_args,
        )


@dataclass(frozen=True, slots=True)
class SuiteJudge:
    """The checker or interactor of a problem package."""

    field: Literal["checker", "interactor"]
    files: tuple[tuple[str, bytes], ...]
    convention: CheckerConvention
    entrypoint: str | None = None

    def in_language_of(self, languages: Sequence[LanguageInfo]) -> dict[str, Checker]:
        """As the field of a submission. Raises BadInput where no language here is its own."""
        try:
            entrypoint = self.entrypoint or self._main_file(languages)
            language = language_of(entrypoint, languages)
        except BadInput as error:
            raise BadInput(f"--tests: the {self.field} of this problem cannot be run here: {error}") from error
        most = language.highest_limits
        files = tuple(SourceFile.of(name, data) for name, data in self.files)
        limits = LimitOverrides(
            cpu_seconds=min(most.cpu_seconds, JUDGE_SECONDS), wall_seconds=min(most.wall_seconds, 2 * JUDGE_SECONDS)
        )
        checker = Checker(
            language=language.name, files=files, entrypoint=entrypoint, limits=limits, convention=self.convention
        )
        return {self.field: checker}

    def _main_file(self, languages: Sequence[LanguageInfo]) -> str:
        """The one called main, or else the first by name in a language served, as problemtools has it."""
        names = sorted(name for name, _ in self.files)
        suffixes = tuple(suffix for language in languages for suffix in language.suffixes)
        sources = [name for name in names if name.endswith(suffixes)]
        mains = [name for name in sources if PurePosixPath(name).stem == "main"]
        return (mains or sources or names)[0]


@dataclass(frozen=True, slots=True)
class Suite:
    """All tests. `points` are those of groups, given where all of a group is right; without, each test is one point."""

    tests: tuple[SuiteTest, ...]
    points: dict[str, float] = field(default_factory=dict)
    compare: Comparison = Comparison()  # noqa: RUF009  (frozen)
    limits: LimitOverrides = LimitOverrides()  # noqa: RUF009
    judge: SuiteJudge | None = None

    @property
    def most_points(self) -> float:
        """What somebody has who is right everywhere."""
        return self.score([True] * len(self.tests))

    def score(self, passed: list[bool]) -> float:
        """The points for these tests, in their order."""
        groups: dict[str, list[bool]] = {}
        for test, is_right in zip(self.tests, passed, strict=True):
            groups.setdefault(test.group, []).append(is_right)
        return sum(self.points[name] * all(each) if name in self.points else sum(each) for name, each in groups.items())


def pairs(place: Path) -> tuple[list[SuiteTest], dict[str, float]]:
    """The tests in a folder, and the points of those groups that say them. Raises BadInput."""
    tests: list[SuiteTest] = []
    points: dict[str, float] = {}
    for path in sorted(place.rglob("*"), key=lambda one: (one.parent.as_posix(), _natural(one.name))):
        group = path.parent.relative_to(place).as_posix().removeprefix(".")
        if path.name == POINTS_FILE:
            points[group] = _points(path)
        elif path.is_file() and (answer := _answer_of(path)) is not None:
            stem = path.name.removesuffix(".in")
            args = path.with_name(f"{stem}.args")
            name = f"{group}/{stem}" if group else stem
            words = tuple(shlex.split(text_in(args))) if args.exists() else ()
            tests.append(SuiteTest(name, group, path.read_bytes(), text_in(answer) if answer.exists() else None, words))
    return tests, points


def _answer_of(path: Path) -> Path | None:
    """Where the answer to this input is or would be; None where it is no input."""
    if path.suffix == ".in":
        return next((found for end in ANSWERS if (found := path.with_suffix(end)).exists()), path.with_suffix(".ans"))
    polygon = path.with_name(f"{path.name}.a")
    return polygon if not path.suffix and polygon.exists() else None


def text_in(path: Path) -> str:
    """The text of a file. Raises BadInput."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(f"{str(path)!r} is not UTF-8 text; only text can be compared.") from error


def _points(path: Path) -> float:
    try:
        return float(text_in(path))
    except ValueError as error:
        raise BadInput(f"{str(path)!r} must hold a number: the points of its folder.") from error


def number_in(path: Path) -> float | None:
    """The number that a file holds, if it is there and holds one."""
    try:
        return float(path.read_text())
    except (OSError, ValueError):
        return None


def _natural(name: str) -> tuple[int, str]:
    """2 before 10."""
    digits = "".join(letter for letter in name.partition(".")[0] if letter.isdigit())
    return (int(digits) if digits else -1, name)
