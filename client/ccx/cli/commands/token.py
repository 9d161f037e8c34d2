"""`ccx token`: who may come in. Without a node named, the tokens are those of the node on this machine."""

from __future__ import annotations

import asyncio
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Protocol

import typer
from pydantic import TypeAdapter, ValidationError

from ccx.cli.embedded import local_tokens
from ccx.cli.options.durations import parse_duration
from ccx.cli.options.limit_option import limits_text, parse_limits
from ccx.cli.options.server import client_of, named_server
from ccx.cli.output.columns import columns
from ccx.cli.standard_streams import write
from ccx.errors import BadInput
from ccx.wire import NewToken, Quota, Role, TokenInfo, TokenRequest
from ccx.wire.complaints import complaint

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ccx.client import Client

ServerOption = Annotated[
    str | None,
    typer.Option(
        "--server",
        metavar="URL",
        help="The node to ask, as an administrator. Left out: the node on this machine, whether it runs or not.",
    ),
]
NodeOption = Annotated[
    str | None, typer.Option("--node", metavar="NAME", help="Which node on this machine, where there are several.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The token's name, which its submissions belong to.")]

token = typer.Typer(help="Tokens: who may use a node, and for what.")
_QUOTA_WORDS = {
    "running": "running",
    "queued": "queued",
    "unfinished": "unfinished",
    "per-minute": "per_minute",
    "highest-priority": "highest_priority",
}


class Desk(Protocol):
    """What makes tokens: the node's store, or the node."""

    async def create(self, asked: TokenRequest) -> NewToken:
        """A new one."""

    async def rotate(self, name: str) -> NewToken:
        """Another in place of that one."""

    async def revoke(self, name: str) -> None:
        """It ends."""

    async def all(self) -> tuple[TokenInfo, ...]:
        """All of them."""


@token.command("create")
def create(
    name: NameArgument,
    role: Annotated[Role, typer.Option(metavar="ROLE", help="user, operator or admin.")] = Role.USER,
    expires: Annotated[str | None, typer.Option(metavar="TIME", help="It ends after that, such as 90d.")] = None,
    quota: Annotated[
        str | None,
        typer.Option(metavar="WORD=N,…", help="At most: running, queued, unfinished; per-minute; highest-priority."),
    ] = None,
    limit: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE", help="The most that its submissions may ask for, such as cpu=10,memory=512m."
        ),
    ] = None,
    json: JsonOption = False,
    node: NodeOption = None,
    server: ServerOption = None,
) -> None:
    """Make a token. It is printed this once, and kept nowhere."""
    try:
        asked = TokenRequest(
            name=name,
            role=role,
            expires_seconds=None if expires is None else parse_duration(expires, "--expires"),
            quota=parse_quota(quota or "").model_copy(update={"limits": parse_limits(limit or ())}),
        )
    except ValidationError as error:
        first = error.errors()[0]
        raise BadInput(f"{first['loc'][-1]} {complaint(first)}.") from error
    _show_new(asyncio.run(_create(server, node, asked)), json=json)


@token.command("list")
def list_tokens(json: JsonOption = False, node: NodeOption = None, server: ServerOption = None) -> None:
    """List tokens, without what makes them secret."""
    found = asyncio.run(_all(server, node))
    if json:
        write(sys.stdout, TypeAdapter(tuple[TokenInfo, ...]).dump_json(found, indent=2) + b"\n")
        return
    table = columns([("NAME", "ROLE", "ENDS WITH", "EXPIRES", "QUOTA"), *map(_line, found)])
    write(sys.stdout, f"{table}\n".encode())


@token.command("revoke")
def revoke(name: NameArgument, node: NodeOption = None, server: ServerOption = None) -> None:
    """End a token, within seconds. What it has sent stays."""
    asyncio.run(_revoke(server, node, name))
    write(sys.stdout, f"{name} is revoked\n".encode())


@token.command("rotate")
def rotate(name: NameArgument, json: JsonOption = False, node: NodeOption = None, server: ServerOption = None) -> None:
    """Print another token of the same name, role, quota and submissions. The old one ends within seconds."""
    _show_new(asyncio.run(_rotate(server, node, name)), json=json)


def parse_quota(text: str) -> Quota:
    """`unfinished=4,per-minute=60`. Raises BadInput, or pydantic's ValidationError for a number that cannot be."""
    found: dict[str, int] = {}
    for part in filter(None, text.split(",")):
        word, _, number = part.partition("=")
        field = _QUOTA_WORDS.get(word.strip())
        if field is None or not number.strip().lstrip("-").isdigit():
            raise BadInput(
                f"--quota: {part!r} is none; write it like running=4,queued=100,per-minute=60,highest-priority=0."
            )
        found[field] = int(number)
    return Quota.model_validate(found)


@asynccontextmanager
async def _desk(server: str | None, node: str | None, *, may_begin: bool = False) -> AsyncIterator[Desk]:
    if asked := named_server(server, node):
        async with client_of(asked) as client:
            yield _RemoteDesk(client)
        return
    async with local_tokens(node, may_begin=may_begin) as desk:
        yield desk


class _RemoteDesk:
    """See `Desk`."""

    def __init__(self, client: Client) -> None:
        self.create, self.rotate, self.revoke = client.create_token, client.rotate_token, client.revoke_token
        self.all = client.tokens


async def _create(server: str | None, node: str | None, asked: TokenRequest) -> NewToken:
    async with _desk(server, node, may_begin=True) as desk:
        return await desk.create(asked)


async def _rotate(server: str | None, node: str | None, name: str) -> NewToken:
    async with _desk(server, node) as desk:
        return await desk.rotate(name)


async def _revoke(server: str | None, node: str | None, name: str) -> None:
    async with _desk(server, node) as desk:
        await desk.revoke(name)


async def _all(server: str | None, node: str | None) -> tuple[TokenInfo, ...]:
    async with _desk(server, node) as desk:
        return await desk.all()


def _show_new(made: NewToken, *, json: bool) -> None:
    write(sys.stdout, f"{made.model_dump_json(indent=2) if json else made.token}\n".encode())


def _line(info: TokenInfo) -> tuple[str, ...]:
    expires = "never" if info.expires_at is None else f"{info.expires_at:%Y-%m-%d %H:%M}"
    quota = ",".join(
        f"{word}={value}" for word, field in _QUOTA_WORDS.items() if (value := getattr(info.quota, field)) is not None
    )
    limits = limits_text(info.quota.limits)
    return info.name, info.role, f"…{info.hint}", expires, ",".join(filter(None, (quota, limits))) or "-"
