"""`ccx cluster`: nodes that know each other by certificates. Without a node named, it is the one on this machine."""

from __future__ import annotations

import asyncio
import socket
import sys
from typing import Annotated

import typer
from pydantic import TypeAdapter

from ccx.cli.commands.token import JsonOption, NodeOption, ServerOption
from ccx.cli.embedded import local_cluster
from ccx.cli.options.durations import parse_duration
from ccx.cli.options.server import client_of, named_server
from ccx.cli.output.columns import columns
from ccx.cli.standard_streams import write
from ccx.errors import BadInput
from ccx.node_address import address_of
from ccx.wire import JoinToken, JoinTokenRequest, Member, NodeRole

cluster = typer.Typer(help="Nodes that know each other by certificates: who may join, who has joined.")


@cluster.command("init")
def init(node: NodeOption = None) -> None:
    """Make the authority that signs the certificates of nodes, in the store of the master on this machine.

    A master that runs has to be started again.
    """
    authority = asyncio.run(_init(node))
    write(sys.stdout, f"the cluster's authority has the SHA-256 {authority}\n".encode())
    write(
        sys.stderr, b"next: start the master with 'ccx serve --host 0.0.0.0 --tls', then 'ccx cluster join-command'\n"
    )


@cluster.command("join-command")
def join_command(
    role: Annotated[
        NodeRole, typer.Option(metavar="ROLE", help="slave takes work; master sends work besides.")
    ] = NodeRole.SLAVE,
    expires: Annotated[str, typer.Option(metavar="TIME", help="The token in it ends after that.")] = "1d",
    reusable: Annotated[
        bool, typer.Option("--reusable", help="For any number of nodes until then. Left out: for one.")
    ] = False,
    address: Annotated[
        str | None,
        typer.Option(metavar="HOST", help="Where the new node reaches the master. [default: as settings say]"),
    ] = None,
    token_only: Annotated[
        bool, typer.Option("--token-only", help="Print the join token alone, such as for a Docker secret.")
    ] = False,
    node: NodeOption = None,
    server: ServerOption = None,
) -> None:
    """Print the command that starts a new slave. It has a secret in it, for one node and for a day."""
    asked = JoinTokenRequest(role=role, expires_seconds=parse_duration(expires, "--expires"), is_reusable=reusable)
    made, host = asyncio.run(_join_token(server, node, asked))
    if token_only:
        write(sys.stdout, f"{made.token}\n".encode())
        return
    where = f"https://{_bracketed(address or host)}:{made.port}"
    write(sys.stdout, f"ccx serve --host 0.0.0.0 --tls --join {where} --join-token {made.token}\n".encode())


@cluster.command("members")
def members(json: JsonOption = False, node: NodeOption = None, server: ServerOption = None) -> None:
    """List the nodes that have a certificate of the cluster."""
    found = asyncio.run(_members(server, node))
    if json:
        write(sys.stdout, TypeAdapter(tuple[Member, ...]).dump_json(found, indent=2) + b"\n")
        return
    table = columns([("NAME", "ROLE", "JOINED", "CERTIFICATE ENDS", "AUTHORITY", ""), *map(_line, found)])
    write(sys.stdout, f"{table}\n".encode())


@cluster.command("rotate")
def rotate(
    finish: Annotated[bool, typer.Option("--finish", help="Trust the old authority no more.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Also where nodes still have certificates of it: they have to join anew.")
    ] = False,
    node: NodeOption = None,
) -> None:
    """Make another authority. Both are trusted until --finish, so that no node has to stop."""
    if force and not finish:
        raise BadInput("--force goes with --finish.")
    told = asyncio.run(_rotate(node, finish=finish, by_force=force))
    write(sys.stdout, f"{told}\n".encode())


async def revoke(server: str | None, node: str | None, name: str) -> None:
    """Have a node be none of the cluster any more."""
    if url := named_server(server, node):
        async with client_of(url) as client:
            await client.revoke_node(name)
    else:
        async with local_cluster(node) as (registrar, _):
            await registrar.revoke(name)


async def _init(node: str | None) -> str:
    async with local_cluster(node, may_begin=True) as (registrar, settings):
        return await registrar.init(settings.name)


async def _join_token(server: str | None, node: str | None, asked: JoinTokenRequest) -> tuple[JoinToken, str]:
    """The token, and the host at which a new node is likely to reach the master."""
    if url := named_server(server, node):
        async with client_of(url) as client:
            return await client.create_join_token(asked), address_of(url).host
    async with local_cluster(node) as (registrar, settings):
        made = await registrar.make_join_token(asked)
        host = address_of(settings.advertise).host if settings.advertise else _address_of_machine()
        return made, host


async def _members(server: str | None, node: str | None) -> tuple[Member, ...]:
    if url := named_server(server, node):
        async with client_of(url) as client:
            return await client.members()
    async with local_cluster(node) as (registrar, _):
        return await registrar.members()


async def _rotate(node: str | None, *, finish: bool, by_force: bool) -> str:
    async with local_cluster(node) as (registrar, settings):
        if finish:
            await registrar.finish_rotation(by_force=by_force)
            return "the old authority is trusted no more"
        authority = await registrar.rotate(settings.name)
        return (
            f"the new authority has the SHA-256 {authority}\n"
            "slaves that run have certificates of it within a minute ('ccx cluster members'); then 'ccx cluster rotate"
            " --finish'"
        )


def _address_of_machine() -> str:
    """The address by which this machine calls others: no packet is sent for it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # an address that is nobody's (RFC 5737)
            return str(probe.getsockname()[0])
        except OSError:
            return socket.gethostname()


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def _line(member: Member) -> tuple[str, ...]:
    return (
        member.name,
        member.role.value,
        f"{member.joined_at:%Y-%m-%d %H:%M}",
        f"{member.expires_at:%Y-%m-%d}",
        member.authority[:12],
        "revoked" if member.is_revoked else "",
    )
