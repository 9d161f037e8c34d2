"""The command `ccx`: its subcommands, and the one place where an error becomes a sentence and an exit code."""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from ccx.cli.command_table import NAMES, load
from ccx.cli.output.exit_codes import ExitCode, of_error
from ccx.cli.output.harmless import harmless
from ccx.cli.output.help import leave_types_out
from ccx.cli.standard_streams import ReaderGone, discard, write
from ccx.errors import CcxError, ProblemError
from ccx.own_node import this_version

if TYPE_CHECKING:
    from collections.abc import Sequence


def make_app(only: str | None = None) -> typer.Typer:
    """The whole command line, or the one command: no other is imported then, which is a fifth of the time of a short
    one.
    """
    app = typer.Typer(
        help="Run programs, each in a throwaway container of its own.",
        context_settings={"help_option_names": ["-h", "--help"]},
        rich_markup_mode="rich",
    )
    app.callback(invoke_without_command=True)(_ccx)
    for name in (only,) if only else NAMES:
        command, examples = load(name)
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name, epilog=examples)
        else:
            app.command(name, epilog=examples)(command)
    return app


def _ccx(
    context: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Settings of the nodes that are started here, instead of the usual files."),
    ] = None,
    show_version: Annotated[bool, typer.Option("-V", "--version", help="Print the version and leave.")] = False,
) -> None:
    """Run programs, each in a throwaway container of its own."""
    if config is not None:
        os.environ["CCX_CONFIG"] = str(config)  # read where a node is started, by this process alone
    if show_version:
        write(sys.stdout, f"ccx {_version()}\n".encode())
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help(), nl=False)


def main() -> NoReturn:
    """Entry point of `ccx`: never a traceback, always an exit code of the table in `exit_codes`."""
    sys.exit(_status(sys.argv[1:]))


def _status(arguments: Sequence[str]) -> int:
    try:
        return _unless_nobody_reads(arguments)
    except CcxError as error:
        _complain(_sentence(error))
        return of_error(error)
    except typer.TyperException as error:
        _complain(_usage_sentence(error))
        return ExitCode.BAD_INPUT
    except (KeyboardInterrupt, typer.Abort):
        return ExitCode.INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the last line of defence: our own mistakes must not look like the user's
        if os.environ.get("CCX_DEBUG"):
            traceback.print_exc()
        _complain(f"internal error: {type(error).__name__}: {error} (CCX_DEBUG=1 tells more).")
        return ExitCode.INTERNAL_ERROR


def _unless_nobody_reads(arguments: Sequence[str]) -> int:
    """Run the subcommand; a reader who leaves early, as `| head -1` does, is no error."""
    try:
        return _dispatch(arguments)
    except (ReaderGone, BrokenPipeError):
        discard(sys.stdout)
        return ExitCode.READER_GONE
    except SystemExit as left:
        if isinstance(left.__context__, BrokenPipeError):  # how rich leaves where nobody reads the help to its end
            return ExitCode.OK
        raise


def _dispatch(arguments: Sequence[str]) -> int:
    """Run the subcommand. The parser must not see what follows `--`: it would take the arguments for files."""
    ours = list(arguments)
    if ours[:1] == ["help"]:
        ours = [*ours[1:], "--help"]
    theirs: tuple[str, ...] = ()
    if ours[:1] in (["run"], ["submit"]) and "--" in ours:
        cut = ours.index("--")
        ours, theirs = ours[:cut], tuple(ours[cut + 1 :])
    leave_types_out()
    only = ours[0] if ours and ours[0] in NAMES else None
    status = typer.main.get_command(make_app(only)).main(ours, prog_name="ccx", standalone_mode=False, obj=theirs)
    return status if isinstance(status, int) else ExitCode.OK


def _sentence(error: CcxError) -> str:
    """The error's text, and what the node found wrong in particular where the text does not say it."""
    text = str(error)
    details = []
    if isinstance(error, ProblemError):
        untold = (each for each in error.errors if each.field not in text or each.message not in text)
        details = [f"{each.field}: {each.message}" for each in untold]
    return f"{text.rstrip('.')}; {'; '.join(details)}." if details else text


def _usage_sentence(error: typer.TyperException) -> str:
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "ccx"
    message = error.format_message().rstrip(".")
    return f"{message}{'' if message.endswith('?') else ';'} '{command} --help' shows how."


def _complain(text: str) -> None:
    """One line on standard error, whatever is in the text."""
    write(sys.stderr, f"ccx: {harmless(' '.join(text.split()))}\n".encode(errors="backslashreplace"))


def _version() -> str:
    return this_version() or "(not installed)"
