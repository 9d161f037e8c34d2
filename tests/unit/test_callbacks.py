"""Callbacks, from the outbox to a real socket."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from ccx.wire import SourceFile, State, Submission, SubmissionRequest, Verdict
from ccx_orchestrator.callbacks.caller import SIGNATURE, HttpCaller
from ccx_orchestrator.callbacks.delivery import MOST_TRIES, Callbacks, pause_after
from ccx_orchestrator.domain.ticket import Ticket
from ccx_orchestrator.metrics import Metrics
from ccx_orchestrator.ports.callbacks import CallFailed
from ccx_orchestrator.store.memory import MemoryStore

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SECRET = b"a secret"
URL = "https://example.org/hook?x=1"


@dataclass
class FakeCaller:
    """Takes calls after so many that fail."""

    failures: int = 0
    calls: list[tuple[str, dict[str, object]]] = field(default_factory=list)

    async def call(self, method: str, url: str, body: bytes, submission_id: str, at: datetime) -> None:
        self.calls.append((f"{method} {url}", json.loads(body)))
        if len(self.calls) <= self.failures:
            raise CallFailed("not now")


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


async def outbox() -> MemoryStore:
    """A store with one callback to be made."""
    store = MemoryStore()
    files = (SourceFile(name="a", content=""),)
    request = SubmissionRequest(language="demo", files=files, callback_url=URL)
    await store.accept(Ticket(id="1", request=request, created_at=NOW, attempt=1))
    ended = Submission(
        id="1", state=State.DONE, verdict=Verdict.OK, language="demo", attempt=1, created_at=NOW, finished_at=NOW
    )
    await store.finish(ended, b"")
    return store


async def test_a_result_is_told_once() -> None:
    store, caller = await outbox(), FakeCaller()
    callbacks = Callbacks(store, store, caller, Clock(), Metrics())
    assert [await callbacks.make_some(), await callbacks.make_some()] == [1, 0]
    ((url, body),) = caller.calls
    assert url == f"POST {URL}"
    assert (body["id"], body["state"], body["verdict"]) == ("1", "done", "ok")


async def test_a_call_that_fails_is_made_again_after_longer_and_longer_pauses() -> None:
    store, caller, clock = await outbox(), FakeCaller(failures=2), Clock()
    callbacks = Callbacks(store, store, caller, clock, Metrics())
    made_after = []
    for second in range(60):
        clock.now = NOW + timedelta(seconds=second)
        if await callbacks.make_some():
            made_after.append(second)
    assert made_after == [0, 5, 15]


async def test_nobody_is_called_for_ever() -> None:
    store, caller, clock = await outbox(), FakeCaller(failures=99), Clock()
    callbacks = Callbacks(store, store, caller, clock, Metrics())
    for hour in range(50):
        clock.now = NOW + timedelta(hours=hour)
        await callbacks.make_some()
    assert len(caller.calls) == MOST_TRIES
    assert pause_after(MOST_TRIES) is None


@dataclass
class Listener:
    port: int
    answer: bytes = b"HTTP/1.1 204 No Content\r\n\r\n"
    heads: list[bytes] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)


@asynccontextmanager
async def listening() -> AsyncIterator[Listener]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
        heard.heads.append(head)
        heard.bodies.append(await reader.readexactly(length))
        writer.write(heard.answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    heard = Listener(server.sockets[0].getsockname()[1])
    async with server:
        yield heard


async def test_a_call_is_a_post_with_a_signature_that_can_be_checked() -> None:
    async with listening() as heard, HttpCaller(SECRET, allows_private=True) as caller:
        await caller.call("POST", f"http://localhost:{heard.port}/hook?x=1", b'{"a": 1}', "the id", NOW)
    head = heard.heads[0].decode()
    assert head.startswith("POST /hook?x=1 HTTP/1.1\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head.split("\r\n")[1:])}
    assert headers["host"] == f"localhost:{heard.port}"
    assert headers["ccx-submission"] == "the id"
    seconds, _, digest = headers[SIGNATURE.lower()].removeprefix("t=").partition(",v1=")
    assert int(seconds) == int(NOW.timestamp())
    assert digest == hmac.new(SECRET, f"{seconds}.".encode() + heard.bodies[0], hashlib.sha256).hexdigest()


@pytest.mark.parametrize("status", ["500 No", "404 No", "302 Found\r\nLocation: http://localhost/"])
async def test_any_answer_but_a_2xx_is_a_failure_and_no_redirect_is_followed(status: str) -> None:
    async with listening() as heard, HttpCaller(SECRET, allows_private=True) as caller:
        heard.answer = f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode()
        with pytest.raises(CallFailed, match=status[:3]):
            await caller.call("POST", f"http://localhost:{heard.port}/", b"", "x", NOW)
        assert len(heard.heads) == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "169.254.169.254", "0x7f.1", "2130706433", "0"])
async def test_private_addresses_are_not_called_however_they_are_written(host: str) -> None:
    async with listening() as heard, HttpCaller(SECRET, allows_private=False) as caller:
        with pytest.raises(CallFailed):
            await caller.call("POST", f"http://{host}:{heard.port}/", b"", "x", NOW)
    assert heard.heads == []


async def test_a_name_is_looked_up_once_and_one_private_address_of_it_is_enough_to_refuse(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []

    async def getaddrinfo(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        asked.append(host)
        public = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("1.1.1.1", port))
        return [public, (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    async with listening() as heard, HttpCaller(SECRET, allows_private=False) as caller:
        with pytest.raises(CallFailed, match="not an address on the internet"):
            await caller.call("POST", f"http://rebinding.example:{heard.port}/", b"", "x", NOW)
    assert asked == ["rebinding.example"]
    assert heard.heads == []
