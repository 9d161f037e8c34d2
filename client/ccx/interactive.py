"""A program that is typed to, over a WebSocket. The only module of the client that knows those."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Literal

from pydantic import ValidationError
from websockets.asyncio.client import ClientConnection, connect, unix_connect
from websockets.exceptions import WebSocketException

from ccx.connection_trouble import connection_trouble
from ccx.errors import NodeUnreachable, UnexpectedAnswer, from_problem
from ccx.events import Done, Event
from ccx.messages import (
    INPUT_WINDOW,
    MOST_INPUT_MESSAGE,
    NODE_MESSAGE,
    Credit,
    Input,
    InputEnd,
    Refused,
    Resize,
    Signal,
    Start,
    Terminal,
)
from ccx.wire import Request, SubmissionRequest, encode

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
    from pathlib import Path

CONNECT_SECONDS = 5.0
LARGEST_MESSAGE_BYTES = 64 * 2**20


class Session:
    """A program and its user. `events` is to be read all the while: it is what gives input its way as well."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._credit = INPUT_WINDOW
        self._has_credit = asyncio.Event()
        self.taken: Callable[[int], object] | None = None

    async def events(self) -> AsyncGenerator[Event]:
        """The events of the submission, to `Done`."""
        while True:
            try:
                message = NODE_MESSAGE.validate_json(await self._connection.recv())
            except ValidationError as error:
                if any(detail["type"] == "union_tag_invalid" for detail in error.errors()):
                    continue  # of a later version
                raise UnexpectedAnswer("The node said something that is not of this protocol.") from error
            except (OSError, WebSocketException) as error:
                raise NodeUnreachable("The node closed the connection before the program had ended.") from error
            match message:
                case Credit():
                    self._credit += message.bytes
                    self._has_credit.set()
                    if self.taken is not None:
                        self.taken(message.bytes)
                case Refused():
                    raise from_problem(message.problem)
                case Done():
                    yield message
                    return
                case event:
                    yield event

    async def type(self, data: bytes) -> None:
        """Input for the program. Waits while it has not taken what it was given before."""
        while data:
            while not self._credit:
                self._has_credit.clear()
                await self._has_credit.wait()
            piece = data[: min(self._credit, MOST_INPUT_MESSAGE)]
            self._credit -= len(piece)
            data = data[len(piece) :]
            text, encoding = encode(piece)
            await self._say(Input(data=text, encoding=encoding))

    async def end_input(self) -> None:
        """There is no more input."""
        await self._say(InputEnd())

    async def signal(self, name: Literal["INT", "TERM", "KILL"]) -> None:
        """Send the program a signal."""
        await self._say(Signal(signal=name))

    async def resize(self, terminal: Terminal) -> None:
        """The terminal has another size."""
        await self._say(Resize(terminal=terminal))

    async def _say(self, message: Request) -> None:
        """What can no longer be said is dropped: `events` tells why."""
        try:
            await self._connection.send(message.model_dump_json())
        except (OSError, WebSocketException):
            return


@asynccontextmanager
async def open_session(
    address: str,
    uds: Path | None,
    request: SubmissionRequest,
    terminal: Terminal | None,
    headers: Mapping[str, str] | None = None,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[Session]:
    """A session at the node of that `ws://` or `wss://` address, or behind that Unix socket. Leaving the context ends
    the program. Raises NodeUnreachable.
    """
    open_socket = connect if uds is None else partial(unix_connect, str(uds))
    opening = open_socket(
        address,
        proxy=None,
        additional_headers=headers,
        ssl=tls,
        compression=None,
        open_timeout=CONNECT_SECONDS,
        max_size=LARGEST_MESSAGE_BYTES,
    )
    try:
        connection = await opening
    except (OSError, TimeoutError, WebSocketException, ssl.SSLError) as error:
        where = address if uds is None else f"the socket {uds}"
        raise NodeUnreachable(
            f"No ccx node answers at {where} ({connection_trouble(error)}); "
            "check the address, or start a node with 'ccx serve'."
        ) from error
    async with connection:
        session = Session(connection)
        await session._say(Start(submission=request, terminal=terminal))  # noqa: SLF001
        yield session
