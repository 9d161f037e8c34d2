"""How a node asks the masters that share its store, and where it is reached by them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from ccx.wire import FORWARDED_HEADER
from ccx_orchestrator.domain.addresses import url_of
from ccx_orchestrator.ports.nodes import NodeLost
from ccx_orchestrator.settings import load_settings
from ccx_orchestrator.slave_link import peers
from ccx_orchestrator.slave_link.link import NodeIdentity
from ccx_orchestrator.slave_link.peers import PeerLink

DEADLINE_SECONDS = 10.0
ID = "0" * 32


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Mute:
    """Takes what is said and answers nothing."""

    def __init__(self) -> None:
        self.heard: asyncio.Queue[str] = asyncio.Queue()
        self._connected: set[asyncio.Task[None] | None] = set()

    async def hear(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connected.add(asyncio.current_task())
        self.heard.put_nowait((await reader.readuntil(b"\r\n\r\n")).decode())
        await reader.read()  # until the other side has gone
        writer.close()
        await writer.wait_closed()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        async with await asyncio.start_server(self.hear, "127.0.0.1", 0) as server:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        await asyncio.gather(*(task for task in self._connected if task))


async def test_one_that_does_not_answer_is_left_alone_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "ANSWER_SECONDS", 0.1)
    clock, mute = Clock(), Mute()
    link = PeerLink(NodeIdentity("me"), clock)
    async with asyncio.timeout(DEADLINE_SECONDS), mute.listening() as url:
        with pytest.raises(NodeLost, match=r"within 0\.1 s"):
            await link.submission(url, ID)
        asked = (await mute.heard.get()).lower()
        assert f"{FORWARDED_HEADER}: me\r\n".lower() in asked
        with pytest.raises(NodeLost, match="a moment ago"):
            await link.submission(url, ID)
        assert mute.heard.empty()
        clock.now += peers.SILENT_SECONDS
        with pytest.raises(NodeLost, match=r"within 0\.1 s"):
            await link.submission(url, ID)
        await mute.heard.get()


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "nonsense://", "http://127.0.0.1:99999"])
async def test_where_nobody_is_there_is_nobody_to_be_asked(url: str) -> None:
    link = PeerLink(NodeIdentity("me"))
    with pytest.raises(NodeLost):
        await anext(link.events(url, ID, None))
    with pytest.raises(NodeLost):
        await link.submission(url, ID)


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ({"host": "10.0.0.7", "port": 1234}, "http://10.0.0.7:1234"),
        ({"host": "::1", "port": 1234}, "http://[::1]:1234"),
        ({"host": "0.0.0.0"}, None),
        ({"host": "::"}, None),
        ({"host": "0.0.0.0", "advertise": "https://one.example"}, "https://one.example"),
    ],
)
def test_a_node_is_reached_where_its_operator_says_or_where_it_listens(given: dict[str, Any], url: str) -> None:
    settings = load_settings(**given)
    assert settings.reached_at(settings.port, is_encrypted=False) == url


def test_an_address_of_version_6_stands_in_brackets() -> None:
    assert [url_of(host, 1) for host in ("h", "127.0.0.1", "fe80::1")] == [
        "http://h:1",
        "http://127.0.0.1:1",
        "http://[fe80::1]:1",
    ]
