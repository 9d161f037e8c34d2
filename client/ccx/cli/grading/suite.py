"""The tests of an assignment: pairs of input and answer, in folders that are groups; problem packages of Kattis and
DOMjudge; folders of Codeforces' Polygon.
"""

from __future__ import annotations

import itertools
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ccx.cli.options.compare_option import parse_comparison
from ccx.errors import BadInput
from ccx.wire import CaseRequest, Comparison, LimitOverrides, encode_shortly

ANSWERS = (".ans", ".out", ".a")
POINTS_FILE = "points"


@dataclass(frozen=True, slots=True)
class SuiteTest:
    """One run, and what it should write. `group` is the folder it lies in; empty: none."""

    name: str
    group: str
    stdin: bytes
    expected: str | None
    args: tuple[str, ...] = ()

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
        )


@dataclass(frozen=True, slots=True)
class Suite:
    """All tests. `points` are those of groups, given where all of a group is right; without, each test is one point."""

    tests: tuple[SuiteTest, ...]
    points: dict[str, float] = field(default_factory=dict)
    compare: Comparison = Comparison()  # noqa: RUF009  (frozen)
    limits: LimitOverrides = LimitOverrides()  # noqa: RUF009

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


def read_suite(place: Path) -> Suite:
    """The tests in a folder, whatever kind it is of. Raises BadInput."""
    if not place.is_dir():
        raise BadInput(f"--tests: {str(place)!r} is no folder; name one with pairs of .in and .ans or .out files.")
    if (place / "problem.yaml").exists():
        return _package(place)
    if (place / "problem.xml").exists():
        place /= "tests"
    tests, points = _pairs(place)
    if not tests:
        raise BadInput(
            f"--tests: there is no test in {str(place)!r}: neither pairs of .in and .ans files nor 01 and 01.a."
        )
    return Suite(tuple(tests), points)


def _pairs(place: Path) -> tuple[list[SuiteTest], dict[str, float]]:
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
            words = tuple(shlex.split(_text(args))) if args.exists() else ()
            tests.append(SuiteTest(name, group, path.read_bytes(), _text(answer) if answer.exists() else None, words))
    return tests, points


def _answer_of(path: Path) -> Path | None:
    """Where the answer to this input is or would be; None where it is no input."""
    if path.suffix == ".in":
        return next((found for end in ANSWERS if (found := path.with_suffix(end)).exists()), path.with_suffix(".ans"))
    polygon = path.with_name(f"{path.name}.a")
    return polygon if not path.suffix and polygon.exists() else None


def _package(place: Path) -> Suite:
    about = _yaml(place / "problem.yaml")
    validation = str(about.get("validation", "default")).split()
    if validation[0] != "default" or (place / "output_validators").is_dir():
        raise BadInput(
            "--tests: this problem has an output validator of its own, or is interactive; ccx compares output alone."
        )
    tests: list[SuiteTest] = []
    points: dict[str, float] = {}
    for part in ("sample", "secret"):
        if (place / "data" / part).is_dir():
            found, of_part = _pairs(place / "data" / part)
            groups = {test.group for test in found}
            tests += [
                SuiteTest(
                    f"{part}/{test.name}", f"{part}/{test.group}".rstrip("/"), test.stdin, test.expected, test.args
                )
                for test in found
            ]
            points |= {f"{part}/{name}".rstrip("/"): value for name, value in of_part.items()}
            for group in groups:
                settings = _yaml(place / "data" / part / group / "testdata.yaml")
                if "accept_score" in settings:
                    points[f"{part}/{group}".rstrip("/")] = float(settings["accept_score"])
    if not tests:
        raise BadInput(f"--tests: there is no test in {str(place / 'data')!r}.")
    flags = str(about.get("validator_flags") or _yaml(place / "data/testdata.yaml").get("output_validator_flags") or "")
    limits = about.get("limits") or {}
    seconds = limits.get("time_limit") or _number_in(place / ".timelimit")
    memory = limits.get("memory")
    return Suite(
        tuple(tests),
        points,
        _comparison(flags),
        LimitOverrides(
            cpu_seconds=float(seconds) if seconds else None,
            memory_bytes=int(memory) * 2**20 if memory else None,
        ),
    )


def _comparison(flags: str) -> Comparison:
    """Kattis' flags, in our words: by default its validator compares words without regard to case."""
    words, given = ["tokens"], flags.split()
    if "case_sensitive" not in given:
        words.append("ignore-case")
    names = {"float_tolerance": "float", "float_absolute_tolerance": "abs", "float_relative_tolerance": "rel"}
    words += [f"{names[flag]}={value}" for flag, value in itertools.pairwise(given) if flag in names]
    return parse_comparison(",".join(words))


def _yaml(path: Path) -> dict[str, Any]:
    import yaml

    try:
        found = yaml.safe_load(path.read_text("utf-8")) if path.exists() else {}
    except (yaml.YAMLError, OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{str(path)!r} cannot be read: {' '.join(str(error).split())}.") from error
    return found if isinstance(found, dict) else {}


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(f"{str(path)!r} is not UTF-8 text; only text can be compared.") from error


def _points(path: Path) -> float:
    try:
        return float(_text(path))
    except ValueError as error:
        raise BadInput(f"{str(path)!r} must hold a number: the points of its folder.") from error


def _number_in(path: Path) -> float | None:
    try:
        return float(path.read_text())
    except (OSError, ValueError):
        return None


def _natural(name: str) -> tuple[int, str]:
    """2 before 10."""
    digits = "".join(letter for letter in name.partition(".")[0] if letter.isdigit())
    return (int(digits) if digits else -1, name)
