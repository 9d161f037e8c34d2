"""Writes the manual page of `ccx` to standard output, from the same text as its help."""

from __future__ import annotations

import inspect
import re
from importlib.metadata import version
from typing import Any

import typer

from ccx.cli.main import make_app

_MARKUP = re.compile(r"\[/?[a-z ]*\]")


def main() -> None:
    command = typer.main.get_command(make_app())
    print(f'.TH CCX 1 "" "ccx {version("ccx")}" "User Commands"')
    print(f".SH NAME\nccx \\- {plain(command.help or '').rstrip('.').lower()}")
    print(".SH SYNOPSIS\n.B ccx\n.I COMMAND\n[OPTIONS] [ARGUMENTS]")
    print(".SH COMMANDS")
    for path, each in commands(command, "ccx"):
        write(path, each)
    print(".SH FILES\n.TP\n.I ~/.config/ccx/ccx.toml, /etc/ccx/ccx.toml\nSettings.")
    print(".SH ENVIRONMENT\n.TP\n.B CCX_SERVER\nThe node to ask.")
    print(".TP\n.B CCX_DEBUG\nShow the traceback of an internal error.")


def commands(command: Any, path: str) -> list[tuple[str, Any]]:
    """A command and those below it, with the words that call each."""
    below = getattr(command, "commands", {})
    own = [] if path == "ccx" else [(path, command)]
    return own + [found for name, each in below.items() for found in commands(each, f"{path} {name}")]


def write(path: str, command: Any) -> None:
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    options = [each for each in command.params if each.param_type_name == "option"]
    words = " ".join(each.display_name_raw for each in arguments)
    print(f'.SS "{escaped(f"{path} {words}".strip())}"')
    print(escaped(plain(inspect.cleandoc(command.help or ""))).replace("\n\n", "\n.PP\n"))
    for each in [*arguments, *options]:
        names = ", ".join([*each.opts, *each.secondary_opts]) if each in options else each.display_name_raw
        value = f" \\fI{escaped(each.metavar)}\\fR" if each in options and each.metavar else ""
        print(f".TP\n\\fB{escaped(names)}\\fR{value}\n{escaped(plain(each.help or ''))}")
    if command.epilog:
        print(f".PP\n.nf\n{escaped(plain(command.epilog).strip())}\n.fi")


def plain(text: str) -> str:
    return _MARKUP.sub("", text)


def escaped(text: str) -> str:
    """Text for roff: no character of it is a request."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"^([.'])", r"\\&\1", text, flags=re.MULTILINE)


if __name__ == "__main__":
    main()
