"""The command `ccx`: its subcommands, and the one place where an error becomes a sentence and an exit code."""

from __future__ import annotations

import os
import sys
import traceback
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from ccx.cli.commands import access, doctor, grade, gui, languages, mcp, nodes, run, serve, submissions, token
from ccx.cli.output.exit_codes import ExitCode, of_error
from ccx.cli.output.harmless import harmless
from ccx.cli.output.help import leave_types_out
from ccx.cli.standard_streams import ReaderGone, discard, write
from ccx.errors import CcxError, ProblemError

if TYPE_CHECKING:
    from collections.abc import Sequence

_RUN_EXAMPLES = """
[bold]Examples[/]

[cyan]ccx run hello.py[/]               one file
[cyan]ccx run sum.c < numbers.txt[/]    what is piped in is standard input
[cyan]ccx run sort.c -- -r names[/]     the program's arguments come after --
[cyan]ccx run Main.java Shape.java[/]   several files, the main one first
[cyan]ccx run project/[/]               a directory with a file called main
[cyan]ccx run --limit cpu=2,memory=128m hungry.c[/]
[cyan]ccx run plot.py --artifact plot.png --artifacts-dir out[/]
[cyan]ccx run -i guess.py[/]            a program to type to
[cyan]ccx run -l c - < hello.c[/]       the program itself is piped in

[bold]Exit codes[/]

The program's own, 128 + n where signal n ended it, or one of ccx's:
201 compile error, 202 wrong answer, 203 CPU time, 204 wall time,
205 memory, 206 output, 207 processes, 208 cancelled, 210 internal error,
211 node unreachable, 212 bad input, 213 queue full, 214 access denied.
"""
_SUBMIT_EXAMPLES = """
[bold]Examples[/]

[cyan]id=$(ccx submit slow.py)[/]   hand it in
[cyan]ccx status -f $id[/]          wait for its end
[cyan]ccx logs -f $id[/]            see what it writes, from its start to its end
[cyan]ccx cancel $id[/]             end it
[cyan]ccx list --state running[/]   what there is
"""
_SERVE_EXAMPLES = """
[bold]Examples[/]

[cyan]ccx serve[/]                            on http://127.0.0.1:8700
[cyan]ccx serve 4 --languages c,java[/]       four submissions at a time, two languages
[cyan]ccx serve --host 0.0.0.0 --tls[/]         for other machines as well, who need tokens
[cyan]ccx serve 2 --slave http://h1:8700[/]   what does not fit here runs on h1
[cyan]ccx serve 4 --join http://master:8700[/]   takes what does not fit there
"""
_NODES_EXAMPLES = """
[bold]Examples[/]

[cyan]ccx nodes --server http://master:8700[/]
[cyan]ccx nodes drain h1[/]         before its machine is switched off
[cyan]ccx nodes drain h1 --off[/]   when it is back
"""
_BUILD_EXAMPLES = """
[bold]Examples[/]

[cyan]ccx images build[/]          every language
[cyan]ccx images build c java[/]   these two
"""
_LANGUAGES_EXAMPLES = """
[bold]Examples[/]

[cyan]ccx languages[/]                                   of this machine
[cyan]ccx languages --server http://node-1:8700 --json[/]
"""

_DOCTOR_EXAMPLES = """
[bold]Examples[/]

[cyan]ccx doctor[/]          exit code 1 if anything failed
[cyan]ccx doctor --json[/]
"""

_GRADE_EXAMPLES = """
[bold]Examples[/]

[cyan]ccx grade class/ --tests tests/[/]
[cyan]ccx grade moodle.zip --tests tests/ --report class.html --csv class.csv[/]
[cyan]ccx grade solutions/ --tests problem/ --junit out.xml --server https://h1:8700[/]
"""
_GUI_EXAMPLES = """
[bold]Examples[/]

[cyan]ccx gui[/]                                    asks which node
[cyan]ccx gui http://127.0.0.1:8700 hello.py[/]
"""
_MCP_EXAMPLES = """
[bold]Examples[/]

[cyan]ccx mcp[/]                                a node of its own, on the local Docker engine
[cyan]ccx mcp --server http://127.0.0.1:8700[/]
"""
_LOGIN_EXAMPLES = """
[bold]Examples[/]

[cyan]ccx login https://ccx.school.example:8700[/]
[cyan]ccx login https://h1:8700 < token.txt[/]   or set CCX_TOKEN, or CCX_TOKEN_FILE
"""
_EXAMPLES_OF_ACCESS = """
[bold]Examples[/]

[cyan]ccx token create root --role admin[/]   the first one, on the node's machine
[cyan]ccx token create alice --expires 90d --quota unfinished=4,per-minute=60[/]
[cyan]ccx token list[/]
[cyan]ccx token revoke alice --server https://ccx.school.example:8700[/]
"""

app = typer.Typer(
    help="Run programs, each in a throwaway container of its own.",
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode="rich",
)
images = typer.Typer(help="The images programs run in.")
app.command("run", epilog=_RUN_EXAMPLES)(run.run)
app.command("submit", epilog=_SUBMIT_EXAMPLES)(submissions.submit)
app.command("status")(submissions.status)
app.command("logs")(submissions.logs)
app.command("cancel")(submissions.cancel)
app.command("list")(submissions.list_submissions)
app.command("serve", epilog=_SERVE_EXAMPLES)(serve.serve)
app.add_typer(nodes.nodes, name="nodes", epilog=_NODES_EXAMPLES)
app.command("top")(nodes.top)
app.command("languages", epilog=_LANGUAGES_EXAMPLES)(languages.languages)
images.command("build", epilog=_BUILD_EXAMPLES)(serve.build)
app.command("doctor", epilog=_DOCTOR_EXAMPLES)(doctor.doctor)
app.add_typer(images, name="images")
app.command("grade", epilog=_GRADE_EXAMPLES)(grade.grade_all)
app.command("gui", epilog=_GUI_EXAMPLES)(gui.gui)
app.command("mcp", epilog=_MCP_EXAMPLES)(mcp.mcp)
app.command("login", epilog=_LOGIN_EXAMPLES)(access.login)
app.command("logout")(access.logout)
app.command("whoami")(access.whoami)
app.add_typer(token.token, name="token", epilog=_EXAMPLES_OF_ACCESS)


@app.callback(invoke_without_command=True)
def ccx(
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


@images.callback()
def _images() -> None:
    """Keeps `build` a subcommand: an application with one command alone would swallow its name."""


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
    status = typer.main.get_command(app).main(ours, prog_name="ccx", standalone_mode=False, obj=theirs)
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
    try:
        return version("ccx")
    except PackageNotFoundError:
        return "(not installed)"
