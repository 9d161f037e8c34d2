"""`ccx mcp`: tools for agents, over standard input and output."""

from __future__ import annotations

import asyncio
from functools import partial

from ccx.cli.options.server import ServerOption, open_client
from ccx.errors import BadInput


def mcp(server: ServerOption = None) -> None:
    """Serve tools for agents over standard input and output (Model Context Protocol), until that ends.

    An agent's host starts this command by itself: name it in the host's settings.
    """
    try:
        from ccx.agents import mcp_server_of
    except ImportError as error:
        raise BadInput(f"This install of ccx has no tools for agents ({error}): pip install 'ccx[mcp]'.") from error
    asyncio.run(mcp_server_of(partial(open_client, server)).run_stdio_async())
