"""The node a command talks to: the one that `--server` or CCX_SERVER names, else an embedded one."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from ccx.cli.embedded import embedded_node
from ccx.client import Client
from ccx.credentials import credential_of
from ccx.node_address import DEFAULT_SERVER

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

ServerOption = Annotated[
    str | None,
    typer.Option(
        "--server",
        envvar="CCX_SERVER",
        metavar="URL",
        help="The node to ask, such as http://127.0.0.1:8700. Left out: one is started for this command on the local "
        "Docker engine.",
    ),
]

# Of commands that a node started for them alone could not serve: it would know nothing of what they ask for.
NamedServerOption = Annotated[
    str | None,
    typer.Option(
        "--server",
        envvar="CCX_SERVER",
        metavar="URL",
        help="The node to ask, such as http://127.0.0.1:8700. It has to be named, here or in CCX_SERVER.",
    ),
]
NodesServerOption = Annotated[
    str | None,
    typer.Option("--server", envvar="CCX_SERVER", metavar="URL", help=f"The node to ask. Left out: {DEFAULT_SERVER}."),
]


def client_of(server: str, headers: Mapping[str, str] | None = None) -> Client:
    """A client of that node, with the token and the authority that the environment or `ccx login` has for it."""
    credential = credential_of(server)
    return Client(server, token=credential.token, ca=credential.ca, headers=headers)


@asynccontextmanager
async def open_client(server: str | None) -> AsyncIterator[Client]:
    """A client of that node. An empty name is none."""
    if server:
        async with client_of(server) as client:
            yield client
    else:
        async with embedded_node() as uds, Client(uds=uds) as client:
            yield client
