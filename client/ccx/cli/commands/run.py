"""`ccx run`: send a program, pass its streams and its exit code through, while it runs."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ccx.cli.options.program import Program, request_for
from ccx.cli.options.program_options import ProgramOptions, takes_program
from ccx.cli.options.server import ServerOption, open_client
from ccx.cli.options.sources import collect
from ccx.cli.output.exit_codes import of_submission
from ccx.cli.output.live_output import follow
from ccx.cli.output.presentation import Passage, Presentation, show
from ccx.cli.output.progress import Progress
from ccx.cli.standard_streams import has_input, read_stdin, read_stdin_so_far
from ccx.errors import BadInput

if TYPE_CHECKING:
    from ccx.cli.options.sources import Sources
    from ccx.client import Client
    from ccx.wire import Submission, SubmissionRequest


@takes_program
def run(
    context: typer.Context,
    options: ProgramOptions,
    artifacts_dir: Annotated[Path, typer.Option(metavar="DIR", help="Where artifacts are written.")] = Path(),
    interactive: Annotated[
        bool, typer.Option("--interactive", "-i", help="Type to the program while it runs; in a terminal, in its own.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No line about verdict, time and memory.")] = False,
    json: Annotated[
        bool, typer.Option("--json", help="Print the result as JSON instead of the program's output.")
    ] = False,
    server: ServerOption = None,
    embedded: Annotated[
        bool, typer.Option("--embedded", help="Start a node for this command, whatever node there is.")
    ] = False,
) -> int:
    """Run a program in a container of its own.

    Its standard output and standard error come out as they are, while it
    runs, and its exit code is the exit code of ccx. What is piped in is its
    standard input, what stands after [bold]--[/] are its arguments.
    """
    if interactive and (json or options.is_judged):
        raise BadInput(
            "--interactive: a program that is typed to has no --json, --expect, --checker or --interactor; "
            "leave them out."
        )
    if embedded and server:
        raise BadInput("--embedded: starts a node of its own; leave --server out, or CCX_SERVER empty.")
    sources = collect(options.files)
    stdin, typed = _input(sources, interactive=interactive, needs_all=json or options.is_judged)
    program = options.program(sources, stdin, context.ensure_object(tuple))
    presentation = Presentation(quiet, json, artifacts_dir, has_input=interactive or has_input())
    return asyncio.run(_run(program, presentation, server, typed, is_embedded=embedded))


def _input(sources: Sources, *, interactive: bool, needs_all: bool) -> tuple[bytes, bytes | None]:
    """What is sent with the program, and what is typed to it first: None where it has all of its input then."""
    if interactive:
        return b"", b""
    if sources.is_piped_in:
        return b"", None
    if needs_all:
        return read_stdin(), None
    data, is_all = read_stdin_so_far()
    return (data, None) if is_all else (b"", data)


async def _run(
    program: Program, presentation: Presentation, server: str | None, typed: bytes | None, *, is_embedded: bool
) -> int:
    """Where something is `typed`, if only from now on, the program is typed to; None: it has all of its input."""
    passage = Passage()
    async with open_client(server, is_embedded=is_embedded) as client:
        request = await request_for(client, program)
        if typed is not None:
            from ccx.cli.output.terminal import converse

            submission = await converse(client, request, passage, typed)
        elif presentation.json:
            submission = await client.submit(request)
        else:
            submission = await _follow(client, request, passage, quiet=presentation.quiet)
        # Shown before an embedded node is taken down: nobody waits for that.
        show(submission, program.artifacts, presentation, passage)
    return of_submission(submission)


async def _follow(client: Client, request: SubmissionRequest, passage: Passage, *, quiet: bool) -> Submission:
    with Progress(quiet=quiet) as progress:
        return await follow(client, client.run_stream(request), passage, progress)
