"""`ccx login`, `logout` and `whoami`: who one is to a node."""

from __future__ import annotations

import asyncio
import getpass
import sys
from typing import Annotated

import typer

from ccx.cli.options.server import NodesServerOption, client_of
from ccx.cli.standard_streams import write
from ccx.client import Client
from ccx.connection_trouble import is_about_certificate
from ccx.credentials import Credential, keep_credential, kept_credential
from ccx.errors import BadInput, NodeUnreachable, Unauthenticated
from ccx.node_address import DEFAULT_SERVER, address_of
from ccx.trust import blind_context, fingerprint_of
from ccx.wire import Identity

ServerArgument = Annotated[
    str, typer.Argument(metavar="URL", help="The node, such as https://ccx.school.example:8700.")
]


def login(
    server: ServerArgument,
    fingerprint: Annotated[
        str | None,
        typer.Option(metavar="SHA256", help="Of the node's own authority, as the node shows it when it starts."),
    ] = None,
) -> None:
    """Keep a token for a node, and whom to trust for its certificate.

    The token is asked for without echo, or read from standard input.
    """
    asyncio.run(_login(server, fingerprint))


def logout(server: ServerArgument) -> None:
    """Forget the token for a node."""
    keep_credential(server, None)
    write(sys.stdout, f"nothing is kept for {server} any more\n".encode())


def whoami(
    server: NodesServerOption = None,
    json: Annotated[bool, typer.Option("--json", help="Print the node's answer as JSON.")] = False,
) -> None:
    """Tell whom a node takes you for."""
    identity = asyncio.run(_who_am_i(server or DEFAULT_SERVER))
    text = identity.model_dump_json(indent=2) if json else _described(identity)
    write(sys.stdout, f"{text}\n".encode())


async def _who_am_i(server: str) -> Identity:
    async with client_of(server) as client:
        return await client.who_am_i()


async def _login(server: str, fingerprint: str | None) -> None:
    ca = await _trusted(server, fingerprint)
    token = _ask_for_token(server)
    async with Client(server, token=token, ca=ca) as client:
        identity = await client.who_am_i()
    if not identity.asks_for_tokens:
        raise BadInput(f"{server} asks nobody for a token; nothing was kept.")
    place = keep_credential(server, Credential(token=token, ca=ca))
    write(sys.stdout, f"{_described(identity)}; kept in {place}\n".encode())


async def _trusted(server: str, fingerprint: str | None) -> str | None:
    """The authority to trust for that node; None where the system's will do, or there is no TLS. Raises BadInput."""
    if address_of(server).scheme != "https":
        return None
    for ca in (None, kept_credential(server).ca):
        if await _is_trusted(server, ca):
            return ca
    async with Client(server, tls=blind_context()) as client:
        authority = await client.authority()
    found = fingerprint_of(authority)
    if fingerprint is not None:
        if _digits(fingerprint) != _digits(found):
            raise BadInput(f"The authority of {server} is another one: its SHA-256 is {found}. Nothing was sent.")
    elif not _confirms(server, found):
        raise BadInput("Not trusted; nothing was sent.")
    return authority


async def _is_trusted(server: str, ca: str | None) -> bool:
    try:
        async with Client(server, ca=ca) as client:
            await client.who_am_i()
    except Unauthenticated:
        return True
    except NodeUnreachable as error:
        if is_about_certificate(error):
            return False
        raise
    return True


def _confirms(server: str, found: str) -> bool:
    if not sys.stdin.isatty():
        raise BadInput(
            f"The certificate of {server} is of an authority of its own. Compare its SHA-256 with what the node shows"
            f" when it starts, and say it: --fingerprint {found}"
        )
    write(sys.stderr, f"The authority of {server} has the SHA-256\n  {found}\n".encode())
    write(sys.stderr, b"Compare it with what the node shows when it starts. ")
    return typer.confirm("Is it the same?", err=True)


def _ask_for_token(server: str) -> str:
    text = getpass.getpass(f"Token for {server}: ") if sys.stdin.isatty() else sys.stdin.readline()
    if not text.strip():
        raise BadInput("No token was given: type it, or pipe it in.")
    return text.strip()


def _described(identity: Identity) -> str:
    if not identity.asks_for_tokens:
        return "the node asks nobody who they are"
    return identity.role if identity.name is None else f"{identity.name} ({identity.role})"


def _digits(fingerprint: str) -> str:
    return fingerprint.removeprefix("sha256:").replace(":", "").strip().upper()
