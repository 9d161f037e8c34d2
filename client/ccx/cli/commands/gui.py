"""`ccx gui`: the window."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ccx.errors import BadInput


def gui(
    what: Annotated[
        list[str] | None,
        typer.Argument(metavar="[URL] [FILE]...", help="A node to connect to, and files to open.", show_default=False),
    ] = None,
) -> int:
    """Open the window: write, run and watch. Without a URL it asks which node, or starts one on this computer."""
    given = what or []
    url = given[0] if given and ("://" in given[0] or given[0].startswith(":")) else None
    paths = [Path(word) for word in (given[1:] if url else given)]
    if missing := [str(path) for path in paths if not path.exists()]:
        raise BadInput(f"{missing[0]!r} does not exist; a node's address is written like http://127.0.0.1:8700.")
    try:
        from ccx.gui import app
    except ImportError as error:
        raise BadInput(
            f"This install of ccx has no window ({error}); install it with: pip install 'ccx[gui]'."
        ) from error
    return app.run(url, paths)
