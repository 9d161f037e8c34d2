"""`ccx grade`: run everybody's program against the tests, and say what came of it."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ccx.cli.options.compare_option import parse_comparison
from ccx.cli.options.limit_option import parse_limits
from ccx.cli.options.program import CompareOption, LanguageOption, LimitOption
from ccx.cli.options.server import ServerOption, open_client
from ccx.cli.standard_streams import write
from ccx.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ccx.cli.grading.grades import Assignment, Grade, Kept
    from ccx.cli.grading.likeness import Alike
    from ccx.cli.grading.people import Person
    from ccx.cli.grading.suite import Suite
    from ccx.wire import LimitOverrides

EXIT_NOT_ALL_RIGHT = 1


def grade_all(
    submissions: Annotated[
        Path, typer.Argument(metavar="SUBMISSIONS", help="A folder or zip: a file, folder or zip for each person.")
    ],
    tests: Annotated[
        Path, typer.Option(metavar="DIR", help="Pairs of .in and .ans or .out, a problem package, or Polygon's folder.")
    ],
    language: LanguageOption = None,
    limit: LimitOption = None,
    compare: CompareOption = None,
    report: Annotated[Path | None, typer.Option(metavar="FILE", help="A page of everything, in one HTML file.")] = None,
    csv: Annotated[Path | None, typer.Option(metavar="FILE", help="A line for each person.")] = None,
    xlsx: Annotated[Path | None, typer.Option(metavar="FILE", help="The same as a spreadsheet.")] = None,
    json: Annotated[Path | None, typer.Option(metavar="FILE", help="The same for programs.")] = None,
    junit: Annotated[Path | None, typer.Option(metavar="FILE", help="The same for a step of CI.")] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where the last run was broken off; what has changed is run again.")
    ] = False,
    server: ServerOption = None,
) -> int:
    """Run everybody's program against all tests.

    Each is compiled once. The exit code is 0 where all are right, otherwise 1.
    """
    # Only now: no other command needs these, and all would wait for them.
    from ccx.cli.grading import reports
    from ccx.cli.grading.likeness import find_alike
    from ccx.cli.grading.packages import read_suite
    from ccx.cli.grading.people import find_people

    people, suite = find_people(submissions), read_suite(tests)
    if compare and suite.judge:
        raise BadInput(f"--compare: cannot be used, for this problem has its own {suite.judge.field}.")
    if compare:
        suite = replace(suite, compare=parse_comparison(compare))
    limits = suite.limits.model_copy(update=parse_limits(limit or ()).model_dump(exclude_none=True))
    state = Path(f"{str(submissions).rstrip('/')}.ccx-grade.jsonl")
    kept = asyncio.run(_grade(people, suite, language, limits, state, server, resume=resume))
    grades = kept.grades(person.name for person in people)
    alike = find_alike(people)
    write(sys.stdout, reports.table(grades, suite).encode())
    for pair in alike:
        write(sys.stderr, f"ccx: alike: {pair.one} and {pair.other}, {pair.share:.0%}\n".encode())
    wanted = {"report": report, "csv": csv, "xlsx": xlsx, "json": json, "junit": junit}
    _write_reports(grades, suite, alike, submissions.name, wanted)
    are_right = all(one.verdict == "ok" for one in grades)
    kept.path.unlink()
    return 0 if are_right else EXIT_NOT_ALL_RIGHT


async def _grade(
    people: list[Person],
    suite: Suite,
    language: str | None,
    limits: LimitOverrides,
    state: Path,
    server: str | None,
    *,
    resume: bool,
) -> Kept:
    from rich.console import Console
    from rich.progress import Progress

    from ccx.cli.grading.grades import Assignment, Kept, grade

    async with open_client(server) as client:
        languages = await client.languages()
        judge = suite.judge.in_language_of(languages) if suite.judge else {}
        assignment = Assignment(suite, languages, language, limits, judge)
        kept = Kept(state, resume=resume)
        left = [person for person in people if not _is_graded(person, assignment, kept)]
        done = len(people) - len(left)
        console = Console(stderr=True)
        with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
            bar = progress.add_task("grading", total=len(people), completed=done)
            try:
                async for one in grade(client, left, assignment, kept.run):
                    kept.add(one)
                    done += 1
                    progress.advance(bar)
            except asyncio.CancelledError:
                text = f"ccx: {done} of {len(people)} are graded; the same command with --resume goes on\n"
                write(sys.stderr, text.encode())
                raise
    return kept


def _is_graded(person: Person, assignment: Assignment, kept: Kept) -> bool:
    try:
        return kept.has(person.name, assignment.digest(person.read()))
    except BadInput:
        return False


def _write_reports(
    grades: Sequence[Grade], suite: Suite, alike: Sequence[Alike], title: str, wanted: dict[str, Path | None]
) -> None:
    from ccx.cli.grading import reports

    makers: dict[str, Callable[[], Iterable[str | bytes]]] = {
        "report": lambda: reports.as_page(grades, suite, alike, title),
        "csv": lambda: reports.as_csv(grades, suite),
        "xlsx": lambda: [reports.as_spreadsheet(grades, suite)],
        "json": lambda: reports.as_json(grades, suite, alike),
        "junit": lambda: reports.as_junit(grades, suite),
    }
    for kind, path in wanted.items():
        if path is not None:
            try:
                pieces = makers[kind]()
                with path.open("wb") as file:
                    file.writelines(piece if isinstance(piece, bytes) else piece.encode() for piece in pieces)
            except OSError as error:
                raise BadInput(f"--{kind}: {str(path)!r} cannot be written: {error.strerror}.") from error
