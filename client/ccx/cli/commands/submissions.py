"""`ccx submit`, `status`, `logs`, `cancel` and `list`: submissions that go on without the command that made them."""

from __future__ import annotations

import asyncio
import shlex
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from ccx.cli.options import completion
from ccx.cli.options.program import Program, request_for
from ccx.cli.options.program_options import ProgramOptions, takes_program
from ccx.cli.options.server import NamedServerOption, running_client
from ccx.cli.options.short_id import whole_id
from ccx.cli.options.sources import collect
from ccx.cli.output.exit_codes import ExitCode, of_submission
from ccx.cli.output.live_output import follow
from ccx.cli.output.presentation import Passage
from ccx.cli.output.progress import Progress
from ccx.cli.output.submission_table import status_line, table
from ccx.cli.standard_streams import read_stdin, write
from ccx.wire import MAX_PAGE, State, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ccx.wire import Submission, SubmissionPage

_ID_HELP = "What ccx submit has printed, or the last characters of it."
_VERDICTS = ", ".join(Verdict)

IdArgument = Annotated[
    str, typer.Argument(metavar="ID", show_default=False, help=_ID_HELP, autocompletion=completion.ids)
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the node's answer as JSON.")]


@takes_program
def submit(
    context: typer.Context,
    options: ProgramOptions,
    json: JsonOption = False,
    server: NamedServerOption = None,
) -> None:
    """Hand a program in and leave; what is printed is its id.

    It takes what [bold]ccx run[/] takes. See [bold]ccx status[/], [bold]ccx logs[/] and
    [bold]ccx cancel[/] for what comes after.
    """
    program = options.program(collect(options.files), read_stdin(), context.ensure_object(tuple))
    submission = asyncio.run(_submit(server, program))
    _print(_json(submission) if json else submission.id)


def status(
    submission_id: IdArgument,
    follow_it: Annotated[
        bool, typer.Option("--follow", "-f", help="Wait for its end; exit as the program did, like ccx run.")
    ] = False,
    json: JsonOption = False,
    server: NamedServerOption = None,
) -> int:
    """Tell how a submission is."""
    submission = asyncio.run(_status(server, submission_id, follow_it=follow_it))
    _print(_json(submission) if json else status_line(submission))
    return of_submission(submission) if follow_it else ExitCode.OK


def logs(
    submission_id: IdArgument,
    follow_it: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on to its end; exit as the program did, like ccx run.")
    ] = False,
    server: NamedServerOption = None,
) -> int:
    """Print what a submission has written so far, each output to its own."""
    submission = asyncio.run(_logs(server, submission_id, follow_it=follow_it))
    return of_submission(submission) if follow_it else ExitCode.OK


def cancel(
    submission_ids: Annotated[
        list[str],
        typer.Argument(metavar="ID...", show_default=False, help=_ID_HELP, autocompletion=completion.ids),
    ],
    json: JsonOption = False,
    server: NamedServerOption = None,
) -> None:
    """End submissions that wait or run. What they have written is kept; one that has ended stays as it is."""
    asyncio.run(_cancel(server, submission_ids, json=json))


def list_submissions(
    limit: Annotated[int | None, typer.Option(metavar="N", min=1, max=MAX_PAGE, help="At most so many.")] = None,
    cursor: Annotated[str | None, typer.Option(metavar="TEXT", help="Go on where a list broke off.")] = None,
    state: Annotated[State | None, typer.Option(metavar="STATE", help="Only those: queued, running or done.")] = None,
    language: Annotated[str | None, typer.Option("--language", "-l", metavar="NAME", help="Only those in it.")] = None,
    verdict: Annotated[Verdict | None, typer.Option(metavar="VERDICT", help=f"Only those: {_VERDICTS}.")] = None,
    json: JsonOption = False,
    server: NamedServerOption = None,
) -> None:
    """List submissions, the newest first."""
    asked = {"limit": limit, "state": state, "language": language, "verdict": verdict}
    page = asyncio.run(_list(server, limit, cursor, state, language, verdict))
    _print(page.model_dump_json(indent=2) if json else table(page))
    if page.next_cursor and not json:
        write(sys.stderr, f"ccx: there are more: {_next_page(page.next_cursor, asked)}\n".encode())


def _next_page(cursor: str, asked: Mapping[str, object]) -> str:
    """The command that goes on with a list, as it was asked for."""
    filters = [f"--{name} {shlex.quote(str(value))}" for name, value in asked.items() if value is not None]
    return " ".join(["ccx list", *filters, f"--cursor {cursor}"])


async def _submit(server: str | None, program: Program) -> Submission:
    async with running_client(server) as client:
        return await client.submit(await request_for(client, program), wait=False)


async def _status(server: str | None, submission_id: str, *, follow_it: bool) -> Submission:
    async with running_client(server) as client:
        submission_id = await whole_id(client, submission_id)
        if not follow_it:
            return await client.submission(submission_id)
        with Progress() as progress:
            return await follow(client, client.events(submission_id), None, progress)


async def _logs(server: str | None, submission_id: str, *, follow_it: bool) -> Submission:
    passage = Passage()
    async with running_client(server) as client:
        submission_id = await whole_id(client, submission_id)
        if follow_it:
            with Progress() as progress:
                submission = await follow(client, client.events(submission_id), passage, progress)
        else:
            submission = await client.submission(submission_id)
        passage.write_rest(submission)
        return submission


async def _cancel(server: str | None, submission_ids: list[str], *, json: bool) -> None:
    async with running_client(server) as client:
        for submission_id in submission_ids:
            submission = await client.cancel(await whole_id(client, submission_id))
            _print(_json(submission) if json else status_line(submission))


async def _list(
    server: str | None,
    limit: int | None,
    cursor: str | None,
    state: State | None,
    language: str | None,
    verdict: Verdict | None,
) -> SubmissionPage:
    async with running_client(server) as client:
        return await client.list(limit=limit, cursor=cursor, state=state, language=language, verdict=verdict)


def _json(submission: Submission) -> str:
    return submission.model_dump_json(indent=2)


def _print(text: str) -> None:
    write(sys.stdout, f"{text}\n".encode())
