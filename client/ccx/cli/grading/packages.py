"""Folders of tests of whatever kind: plain ones, problem packages of Kattis and DOMjudge, Codeforces' Polygon.

The formats: <https://icpc.io/problem-package-format/> (`problem.yaml`, both of its versions) and what Polygon exports.
"""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any
from xml.etree import ElementTree as ET

from ccx.cli.grading.suite import Suite, SuiteJudge, SuiteTest, number_in, pairs
from ccx.cli.options.compare_option import parse_comparison
from ccx.errors import BadInput
from ccx.wire import Comparison, LimitOverrides

VALIDATORS = ("output_validators", "output_validator")
FLAGS = ("output_validator_flags", "output_validator_args")
TESTLIB = "testlib.h"


def read_suite(place: Path) -> Suite:
    """The tests in a folder. Raises BadInput."""
    if not place.is_dir():
        raise BadInput(f"--tests: {str(place)!r} is no folder; name one with pairs of .in and .ans or .out files.")
    if (place / "problem.yaml").exists():
        return _package(place)
    if (place / "problem.xml").exists():
        return _polygon(place)
    return _plain(place)


def _plain(place: Path) -> Suite:
    tests, points = pairs(place)
    if not tests:
        raise BadInput(
            f"--tests: there is no test in {str(place)!r}: neither pairs of .in and .ans files nor 01 and 01.a."
        )
    return Suite(tuple(tests), points)


def _package(place: Path) -> Suite:
    about = _yaml(place / "problem.yaml")
    judge = _validator(place, about)
    usual_flags, settings = about.get("validator_flags"), dict[Path, dict[str, Any]]()
    tests: list[SuiteTest] = []
    points: dict[str, float] = {}
    for part in ("sample", "secret"):
        found, of_part = pairs(place / "data" / part)
        points |= {f"{part}/{name}".rstrip("/"): value for name, value in of_part.items()}
        for test in found:
            group = f"{part}/{test.group}".rstrip("/")
            if (score := _setting(place, group, settings, "accept_score", inherits=False)) is not None:
                points[group] = float(score)
            args = tuple(_flags(place, group, settings, usual_flags)) if judge else ()
            tests.append(replace(test, name=f"{part}/{test.name}", group=group, judge_args=args))
    if not tests:
        raise BadInput(f"--tests: there is no test in {str(place / 'data')!r}.")
    compare = Comparison() if judge else _comparison(_flags(place, "secret", settings, usual_flags))
    return Suite(tuple(tests), points, compare, _limits(place, about), judge)


def _flags(place: Path, group: str, read: dict[Path, dict[str, Any]], usual: Any) -> list[str]:
    """What a group says to the validator, or else the problem: a text in the older version of the format, a list in the
    newer.
    """
    found = next(filter(None, (_setting(place, group, read, name) for name in FLAGS)), usual or "")
    return [str(flag) for flag in found] if isinstance(found, list) else shlex.split(str(found))


def _setting(place: Path, group: str, read: dict[Path, dict[str, Any]], name: str, *, inherits: bool = True) -> Any:
    """What `testdata.yaml` of a group says, or else of a folder around it."""
    folder = place / "data" / group
    for each in (folder, *folder.parents):
        if each not in read:
            read[each] = _yaml(each / "testdata.yaml") | _yaml(each / "test_group.yaml")
        found = read[each].get(name)
        if found is not None or not inherits or each == place / "data":
            return found
    return None


def _validator(place: Path, about: dict[str, Any]) -> SuiteJudge | None:
    words = " ".join(str(about.get(field, "")) for field in ("validation", "type")).split()
    found = [each for name in VALIDATORS for each in _programs(place / name)]
    if not found:
        if "custom" in words or "interactive" in words:
            raise BadInput(f"--tests: this problem says that it has an output validator, but {VALIDATORS[0]} has none.")
        return None
    if len(found) > 1:
        raise BadInput("--tests: this problem has several output validators; one is what can be used.")
    return SuiteJudge("interactor" if "interactive" in words else "checker", found[0], "kattis")


def _programs(folder: Path) -> Iterator[tuple[tuple[str, bytes], ...]]:
    """The programs in a folder, each a file or a folder of its own; the folder itself where it has files of one."""
    if not folder.is_dir():
        return
    if folder.name == VALIDATORS[1]:
        yield _files_in(folder)
        return
    for each in sorted(folder.iterdir()):
        if not each.name.startswith("."):
            yield _files_in(each) if each.is_dir() else ((each.name, each.read_bytes()),)


def _files_in(folder: Path) -> tuple[tuple[str, bytes], ...]:
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file() and not path.name.startswith("."))
    return tuple((path.relative_to(folder).as_posix(), path.read_bytes()) for path in paths)


def _limits(place: Path, about: dict[str, Any]) -> LimitOverrides:
    limits = about.get("limits") or {}
    seconds = limits.get("time_limit") or number_in(place / ".timelimit")
    memory = limits.get("memory")
    return LimitOverrides(
        cpu_seconds=float(seconds) if seconds else None,
        memory_bytes=int(memory) * 2**20 if memory else None,
    )


def _comparison(given: list[str]) -> Comparison:
    """Kattis' flags, in our words: by default its validator compares words without regard to case."""
    words = ["tokens"]
    if "case_sensitive" not in given:
        words.append("ignore-case")
    names = {"float_tolerance": "float", "float_absolute_tolerance": "abs", "float_relative_tolerance": "rel"}
    words += [f"{names[flag]}={value}" for flag, value in itertools.pairwise(given) if flag in names]
    return parse_comparison(",".join(words))


def _polygon(place: Path) -> Suite:
    suite = _plain(place / "tests")
    try:
        about = ET.parse(place / "problem.xml")  # noqa: S314  (the teacher's own)
    except (ET.ParseError, OSError) as error:
        raise BadInput(f"{str(place / 'problem.xml')!r} cannot be read: {error}.") from error
    judges = [
        _testlib_judge(place, source, field)
        for field in ("interactor", "checker")
        if (source := about.find(f"./assets/{field}/source")) is not None
    ]
    seconds, memory = about.findtext(".//time-limit"), about.findtext(".//memory-limit")
    limits = LimitOverrides(
        cpu_seconds=int(seconds) / 1000 if seconds else None, memory_bytes=int(memory) if memory else None
    )
    return replace(suite, limits=limits, judge=next(filter(None, judges), None))


def _testlib_judge(place: Path, source: ET.Element, field: Any) -> SuiteJudge | None:
    """One that was written with testlib.h, which a package brings along."""
    path = PurePosixPath(source.get("path", ""))
    program, library = place / path, place / "files" / TESTLIB
    if not program.is_file():
        return None
    files = [(path.name, program.read_bytes())]
    if library.is_file():
        files.append((TESTLIB, library.read_bytes()))
    return SuiteJudge(field, tuple(files), "testlib", path.name)


def _yaml(path: Path) -> dict[str, Any]:
    import yaml

    try:
        found = yaml.safe_load(path.read_text("utf-8")) if path.exists() else {}
    except (yaml.YAMLError, OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{str(path)!r} cannot be read: {' '.join(str(error).split())}.") from error
    return found if isinstance(found, dict) else {}
