"""`WS /v1/interactive`: a user at one end, a program at the other. `docs/interactive.md` is the text."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from signal import Signals
from typing import assert_never

from fastapi import APIRouter, WebSocket
from pydantic import ValidationError
from starlette.websockets import WebSocketDisconnect

from ccx.errors import BodyTooLarge, InvalidSubmission, ProblemError, to_problem
from ccx.messages import (
    CLIENT_MESSAGE,
    ClientMessage,
    Credit,
    Input,
    InputEnd,
    Refused,
    Resize,
    Signal,
    Start,
    Terminal,
)
from ccx.wire import FieldError
from ccx_orchestrator.api.node import Node
from ccx_orchestrator.api.problems import invalid
from ccx_orchestrator.domain.controls import Control, InputEnded, Signalled, Typed, WindowSize
from ccx_orchestrator.submissions.console import Console
from ccx_orchestrator.submissions.events.journal import Journal
from ccx_orchestrator.submissions.service import Submissions

MOST_MESSAGE_BYTES = 1024 * 1024  # after the first: a window of input, each byte escaped, is less than half of it
NORMAL_CLOSE = 1000
POLICY_VIOLATION = 1008


def interactive_routes(node: Node) -> APIRouter:
    """The route."""
    routes = APIRouter()

    @routes.websocket("/v1/interactive")
    async def interactive(socket: WebSocket) -> None:
        await socket.accept()
        try:
            await _converse(socket, node)
            await socket.close(NORMAL_CLOSE)
        except ProblemError as error:
            await refuse(socket, error)
        except WebSocketDisconnect:
            pass

    return routes


async def _converse(socket: WebSocket, node: Node) -> None:
    submissions = node.submissions
    try:
        async with asyncio.timeout(node.read_seconds):
            first = await _read(socket, node.max_body_bytes)
    except TimeoutError as error:
        raise _complaint("type", f"'start' was not said within {node.read_seconds:g} s") from error
    if not isinstance(first, Start):
        raise _complaint("type", "must be 'start' in the first message")
    console = Console(_window(first.terminal) if first.terminal else None)
    accepted = await node.accept(socket, first.submission, console=console)
    try:
        journal = await submissions.event_stream.journal(accepted.id)
        await _Session(socket, submissions, console, accepted.id, journal).hold()
    finally:
        await asyncio.shield(submissions.cancel(accepted.id))  # a program that has ended stays as it is


@dataclass(frozen=True, slots=True)
class _Session:
    """One submission at one socket."""

    socket: WebSocket
    submissions: Submissions
    console: Console
    submission_id: str
    journal: Journal

    async def hold(self) -> None:
        """To the end of the program. Raises WebSocketDisconnect or ProblemError where the user ended it before."""
        telling, hearing, crediting = (
            asyncio.create_task(one) for one in (self._tell(), self._hear(), self._give_credit())
        )
        try:
            await asyncio.wait({telling, hearing}, return_when=asyncio.FIRST_COMPLETED)
            await (telling if telling.done() else hearing)
        finally:
            for task in (telling, hearing, crediting):
                task.cancel()
            await asyncio.gather(telling, hearing, crediting, return_exceptions=True)

    async def _tell(self) -> None:
        async for batch in self.submissions.event_stream.lines(self.submission_id, self.journal, None):
            for line in batch:
                await self.socket.send_text(line.document.decode())

    async def _hear(self) -> None:
        while True:
            self.console.do(_control(await _read(self.socket, MOST_MESSAGE_BYTES)))

    async def _give_credit(self) -> None:
        while not self.journal.is_complete:
            credit = Credit(bytes=await self.console.credit())
            if not self.journal.is_complete:  # nothing is said after the end
                await self.socket.send_text(credit.model_dump_json())


async def _read(socket: WebSocket, most_bytes: int) -> ClientMessage:
    """The next message. Raises WebSocketDisconnect, BodyTooLarge or InvalidSubmission."""
    message = await socket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", NORMAL_CLOSE))
    if (text := message.get("text")) is None:
        raise _complaint("message", "must be text: JSON")
    if len(text) > most_bytes:
        raise BodyTooLarge(f"The message is larger than {most_bytes} bytes, the most this node takes here.")
    try:
        return CLIENT_MESSAGE.validate_json(text)
    except ValidationError as error:
        raise invalid(error) from error
    except RecursionError as error:
        raise _complaint("message", "is nested too deeply") from error


def _control(message: ClientMessage) -> Control:
    match message:
        case Input():
            return Typed(message.bytes())
        case InputEnd():
            return InputEnded()
        case Signal():
            return Signalled(Signals[f"SIG{message.signal}"])
        case Resize():
            return _window(message.terminal)
        case Start():
            raise _complaint("type", "must not be 'start' a second time")
        case never:
            assert_never(never)


def _window(terminal: Terminal) -> WindowSize:
    return WindowSize(terminal.rows, terminal.columns)


def _complaint(field: str, message: str) -> InvalidSubmission:
    return InvalidSubmission(f"{field} {message}.", (FieldError(field=field, message=message),))


async def refuse(socket: WebSocket, error: ProblemError) -> None:
    """Say why, and close."""
    refused = Refused(problem=to_problem(error))
    try:
        await socket.send_text(refused.model_dump_json(exclude_none=True))
        await socket.close(POLICY_VIOLATION)
    except WebSocketDisconnect:
        return
