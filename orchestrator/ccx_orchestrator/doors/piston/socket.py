"""Piston's WebSocket: a program that is typed to, in its words and with its closing codes."""

from __future__ import annotations

import asyncio
import json
from signal import Signals
from typing import Any

from fastapi import APIRouter, WebSocket
from pydantic import ValidationError
from starlette.websockets import WebSocketDisconnect

from ccx.errors import ProblemError
from ccx.events import parse_event
from ccx.messages import INPUT_WINDOW
from ccx.wire import LanguageInfo
from ccx.wire.complaints import complaint
from ccx_orchestrator.api.node import Node
from ccx_orchestrator.domain.controls import Control, InputEnded, Signalled, Typed
from ccx_orchestrator.domain.events import Finished, How, Output, Started, StepJudged, Told
from ccx_orchestrator.domain.verdicts import signal_name
from ccx_orchestrator.domain.wire_events import from_wire
from ccx_orchestrator.doors.piston.incoming import Refusal, submission_of
from ccx_orchestrator.doors.piston.versions import semantic_version
from ccx_orchestrator.submissions.console import Console

INIT_SECONDS = 1.0  # as theirs
ALREADY_INITIALIZED, INITIALIZATION_TIMEOUT, NOTIFIED_ERROR = 4000, 4001, 4002
NOT_YET_INITIALIZED, ONLY_STDIN, INVALID_SIGNAL = 4003, 4004, 4005
JOB_COMPLETED = 4999
PIECE_BYTES = 16_384
_SIGNALS = {name: Signals[name] for name in ("SIGINT", "SIGTERM", "SIGKILL")}


class Closed(Exception):
    """The conversation is over."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


def piston_socket(node: Node, prefixes: tuple[str, ...]) -> APIRouter:
    """`connect`, below each prefix."""
    routes = APIRouter()

    async def connect(socket: WebSocket) -> None:
        await socket.accept()
        try:
            await _converse(socket, node)
        except Closed as closed:
            await socket.close(closed.code, str(closed))
        except WebSocketDisconnect:
            pass

    for prefix in prefixes:
        routes.websocket(f"{prefix}/connect")(connect)
    return routes


async def _converse(socket: WebSocket, node: Node) -> None:
    try:
        async with asyncio.timeout(INIT_SECONDS):
            first = await _hear(socket)
    except TimeoutError as error:
        raise Closed(INITIALIZATION_TIMEOUT, "Initialization Timeout") from error
    if first.get("type") != "init":
        raise Closed(NOT_YET_INITIALIZED, "Not yet initialized")
    console = Console(None)
    try:
        request, language = submission_of(first | {"stdin": ""}, node.catalogue.all())
        accepted = await node.accept(socket, request, console=console)
    except (Refusal, ProblemError) as error:
        await _say(socket, type="error", message=str(error))
        raise Closed(NOTIFIED_ERROR, "Notified Error") from error
    except ValidationError as error:
        await _say(socket, type="error", message=complaint(error.errors()[0]))
        raise Closed(NOTIFIED_ERROR, "Notified Error") from error
    try:
        await _Job(socket, node, language, console, accepted.id).hold()
    finally:
        await asyncio.shield(node.submissions.cancel(accepted.id))  # one that has ended stays as it is


class _Job:
    """One program at one socket."""

    def __init__(
        self, socket: WebSocket, node: Node, language: LanguageInfo, console: Console, submission_id: str
    ) -> None:
        self._socket = socket
        self._events = node.submissions.event_stream
        self._language = language
        self._console = console
        self._id = submission_id
        self._stage: str | None = None
        self._untaken = 0

    async def hold(self) -> None:
        """To its end. Raises Closed or WebSocketDisconnect."""
        both = {asyncio.create_task(one) for one in (self._tell(), self._listen())}
        try:
            done, _ = await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            await done.pop()
        finally:
            for task in both:
                task.cancel()
            await asyncio.gather(*both, return_exceptions=True)

    async def _tell(self) -> None:
        journal = await self._events.journal(self._id)
        async for batch in self._events.lines(self._id, journal, None):
            for line in batch:
                if (event := parse_event(line.document)) is not None:
                    await self._tell_one(from_wire(event))

    async def _tell_one(self, told: Told) -> None:
        match told:
            case Started():
                await _say(
                    self._socket, type="runtime", language=self._language.name, version=semantic_version(self._language)
                )
            case Output(case, stream, data):
                await self._enter(case)
                await _say(self._socket, type="data", stream=stream.value, data=data.decode(errors="replace"))
            case StepJudged(case):
                await self._enter(case)
                await self._exit(told)
            case Finished():
                raise Closed(JOB_COMPLETED, "Job Completed")
            case _:
                pass

    async def _enter(self, case: int | None) -> None:
        stage = "compile" if case is None else "run"
        if stage != self._stage:
            self._stage = stage
            await _say(self._socket, type="stage", stage=stage)

    async def _exit(self, judged: StepJudged) -> None:
        report = judged.report
        await _say(
            self._socket,
            type="exit",
            stage=self._stage,
            code=report.code if report.how is How.EXITED else None,
            signal=signal_name(report.code) if report.how is How.SIGNALLED else None,
            verdict=judged.verdict.value,
            message=judged.message,
        )

    async def _listen(self) -> None:
        while True:
            control = _control(await _hear(self._socket))
            if isinstance(control, Typed):
                await self._type(control.data)
            else:
                self._console.do(control)

    async def _type(self, data: bytes) -> None:
        """Type it, and wait where the program is slow to take it: their clients know of no bound."""
        for start in range(0, len(data), PIECE_BYTES):
            piece = data[start : start + PIECE_BYTES]
            while self._untaken + len(piece) > INPUT_WINDOW:
                self._untaken -= await self._console.credit()
            self._untaken += len(piece)
            self._console.do(Typed(piece))


def _control(message: dict[str, Any]) -> Control:
    match message:
        case {"type": "init"}:
            raise Closed(ALREADY_INITIALIZED, "Already Initialized")
        case {"type": "data", "stream": "stdin", "data": str(text)}:
            return Typed(text.encode())
        case {"type": "data"}:
            raise Closed(ONLY_STDIN, "Can only write to stdin")
        case {"type": "eof"}:
            return InputEnded()
        case {"type": "signal", "signal": str(name)} if name in _SIGNALS:
            return Signalled(_SIGNALS[name])
        case {"type": "signal"}:
            raise Closed(INVALID_SIGNAL, "Invalid signal")
        case _:
            raise Closed(NOTIFIED_ERROR, "Notified Error")


async def _hear(socket: WebSocket) -> dict[str, Any]:
    try:
        message = json.loads(await socket.receive_text())
    except (json.JSONDecodeError, RecursionError, KeyError) as error:
        await _say(socket, type="error", message="A message must be an object of JSON.")
        raise Closed(NOTIFIED_ERROR, "Notified Error") from error
    return message if isinstance(message, dict) else {}


async def _say(socket: WebSocket, **message: Any) -> None:
    await socket.send_text(json.dumps(message))
