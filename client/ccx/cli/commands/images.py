"""`ccx images`: what programs run in. It needs the orchestrator on this machine."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from ccx.cli import embedded
from ccx.cli.standard_streams import write

_EXAMPLES = """
[bold]Examples[/]

[cyan]ccx images build[/]          every language
[cyan]ccx images build c java[/]   these two
"""

images = typer.Typer(help="The images programs run in.")


@images.callback()
def _images() -> None:
    """Keeps `build` a subcommand: an application with one command alone would swallow its name."""


@images.command(epilog=_EXAMPLES)
def build(
    languages: Annotated[
        list[str] | None, typer.Argument(metavar="[LANG]...", help="Left out: every language.")
    ] = None,
) -> None:
    """Build the images of languages on the local Docker engine."""
    embedded.build_images(languages or [], lambda line: write(sys.stdout, f"{line}\n".encode()))
