"""The node a command talks to: the one that `--server` or CCX_SERVER names, else the user's own in the background, else
an embedded one.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from ccx import own_node
from ccx.cli.embedded import embedded_node
from ccx.client import Client
from ccx.credentials import credential_of
from ccx.errors import BadInput
from ccx.node_address import DEFAULT_SERVER

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ServerOption = Annotated[
    str | None,
    typer.Option(
        "--server",
        envvar="CCX_SERVER",
        metavar="URL",
        help="The node to ask, such as http://127.0.0.1:8700. Left out: yours in the background (ccx start), or one "
        "that is started for this command on the local Docker engine.",
    ),
]

# Of commands that a node started for them alone could not serve: it would know nothing of what they ask for.
NamedServerOption = Annotated[
    str | None,
    typer.Option(
        "--server",
        envvar="CCX_SERVER",
        metavar="URL",
        help="The node to ask, such as http://127.0.0.1:8700. Left out: yours in the background (ccx start).",
    ),
]
NodesServerOption = Annotated[
    str | None,
    typer.Option("--server", envvar="CCX_SERVER", metavar="URL", help=f"The node to ask. Left out: {DEFAULT_SERVER}."),
]


def named_server(server: str | None, node: str | None) -> str | None:
    """The node that is to be asked; None where one on this machine is meant, by name or without. Raises BadInput."""
    if server and node:
        raise BadInput("--node names a node on this machine, --server one that is asked: leave one out.")
    return server or None


def client_of(server: str) -> Client:
    """A client of that node, with the token and the authority that the environment or `ccx login` has for it."""
    credential = credential_of(server)
    return Client(server, token=credential.token, ca=credential.ca)


def running_client(server: str | None) -> Client:
    """A client of that node, or of the user's own. Raises BadInput where there is neither: one that is started for a
    single command would take the submission with it.
    """
    if (client := _running(server)) is None:
        raise BadInput(
            "No node is named: this needs one that goes on running; start one with 'ccx start', or name it with "
            "--server or CCX_SERVER."
        )
    return client


def _running(server: str | None) -> Client | None:
    if server:
        return client_of(server)
    own = own_node.find()
    return Client(uds=own.socket) if own and own.version == own_node.this_version() else None


@asynccontextmanager
async def open_client(server: str | None, *, is_embedded: bool = False) -> AsyncIterator[Client]:
    """A client of that node. An empty name is none. `is_embedded`: of one that is started now, whatever there is."""
    running = None if is_embedded else _running(server)
    if running is not None:
        async with running as client:
            yield client
    else:
        async with embedded_node() as uds, Client(uds=uds) as client:
            yield client
