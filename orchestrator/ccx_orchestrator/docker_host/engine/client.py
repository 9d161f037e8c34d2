"""The one door to a Docker engine. The SDK blocks, so its calls go through one bounded pool of threads; its errors
are mapped here, once.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import docker
import requests
import structlog
import urllib3
from docker.errors import APIError, DockerException, NotFound

from ccx.errors import EngineUnavailable, ImageMissing
from ccx_orchestrator.docker_host.engine.address import HOST_VARIABLE, engine_place
from ccx_orchestrator.docker_host.engine.transport import Transport
from ccx_orchestrator.docker_host.engine.unreachable import unreachable
from ccx_orchestrator.threads import Threads

T = TypeVar("T")

log = structlog.get_logger(__name__)

CALL_SECONDS = 30.0  # no call but a build takes longer on an engine that is well
KILLED = 128 + signal.SIGKILL
REASON_SECONDS = 2  # before and after the whole second in which a container has ended
SECOND_DIGITS = len("2026-01-01T00:00:00")
START_SECONDS = 5.0  # to find out whether there is an engine at all
THREADS = 8


@dataclass(frozen=True, slots=True)
class Image:
    """An image on this host, with ccx's labels."""

    id: str
    version: str
    digest: str


@dataclass(frozen=True, slots=True)
class Death:
    """How a container ended."""

    exit_code: int
    out_of_memory: bool


class NotThere(Exception):
    """The engine has no such container or image."""


class Engine:
    """A Docker engine. Every method is a deadline-bound call that raises EngineUnavailable where the engine does not
    answer.
    """

    def __init__(self, client: docker.DockerClient, threads: ThreadPoolExecutor) -> None:
        self.client = client
        self._api = client.api
        self._address = engine_place().address
        self._transport = Transport(client.api, CALL_SECONDS)
        self._threads = threads

    async def ping(self) -> None:
        """Raise EngineUnavailable unless the engine answers."""
        await self._call(self._api.ping, seconds=START_SECONDS)

    async def about(self) -> dict[str, Any]:
        """What the engine says of itself and its host, in its own words."""
        return dict(await self._call(self._api.info))

    async def image(self, name: str) -> Image | None:
        """The image of that name, None where there is none."""
        try:
            found = await self._call(self._transport.call, "GET", f"/images/{name}/json")
        except NotThere:
            return None
        labels = found["Config"].get("Labels") or {}
        return Image(found["Id"], labels.get("ccx.version", ""), labels.get("ccx.digest", ""))

    async def create(self, name: str, config: dict[str, Any]) -> None:
        """Create a container. Raises ImageMissing."""
        try:
            await self._call(lambda: self._transport.call("POST", "/containers/create", config, name=name))
        except NotThere as error:
            raise ImageMissing(f"The Docker engine cannot make a sandbox: {error}.") from error

    async def attach(self, container: str) -> socket.socket:
        """The container's input and multiplexed outputs as one socket, set up before it starts so that nothing is
        missed.
        """
        streams = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
        attached: list[socket.socket] = []

        def attach() -> socket.socket:
            attached.append(self._transport.upgrade(f"/containers/{container}/attach", **streams))
            if is_unwanted:
                attached[0].close()
            return attached[0]

        is_unwanted = False
        try:
            return await self._call(attach)
        except BaseException:
            # Whoever asked is gone; the call may still come to its end in its thread.
            is_unwanted = True
            for one in attached:
                one.close()
            raise

    async def start(self, container: str) -> None:
        """Start a created container."""
        await self._call(self._transport.call, "POST", f"/containers/{container}/start")

    async def limit(self, container: str, resources: dict[str, int]) -> None:
        """Change the resource limits of a running container."""
        await self._call(self._transport.call, "POST", f"/containers/{container}/update", resources)

    async def death(self, container: str) -> Death | None:
        """How the container ended, None where it runs or is gone.

        What an engine says of a container's state has its reason only if it heard of that before it heard of the end.
        On a busy host, gVisor's memory running out is told up to half a second after the end: then as an event alone.
        """
        try:
            state = (await self._call(self._transport.call, "GET", f"/containers/{container}/json"))["State"]
        except NotThere:
            return None
        if state["Running"]:
            return None
        is_unexplained = state["ExitCode"] == KILLED and not state["OOMKilled"]
        out_of_memory = is_unexplained and await self._call(self._told_of_memory, container, state["FinishedAt"])
        return Death(state["ExitCode"], state["OOMKilled"] or out_of_memory)

    def _told_of_memory(self, container: str, finished_at: str) -> bool:
        """Whether the engine tells that this container's memory ran out, until a second or two after its end. All times
        are of its own clock.
        """
        end = int(datetime.fromisoformat(finished_at[:SECOND_DIGITS]).replace(tzinfo=UTC).timestamp())
        try:
            told = self._api.events(
                since=end - REASON_SECONDS,
                until=end + REASON_SECONDS,
                filters={"container": container, "event": "oom"},
                decode=True,
            )
            with closing(told):
                return next(iter(told), None) is not None
        except APIError:  # a proxy before the engine may keep events back
            return False

    async def remove(self, container: str) -> None:
        """Kill and remove a container, which may be gone already."""
        with suppress(NotThere):
            await self._call(self._remove, container)

    async def labelled(self, label: str) -> list[tuple[str, str, dict[str, str]]]:
        """All containers, running or not, with that label: id, name and labels."""
        found = await self._call(lambda: self._api.containers(all=True, filters={"label": label}))
        return [
            (container["Id"], (container["Names"] or [""])[0].lstrip("/"), container["Labels"]) for container in found
        ]

    def _remove(self, container: str) -> None:
        try:
            self._transport.call("DELETE", f"/containers/{container}", force=1, v=1)
        except APIError as error:
            if error.status_code != requests.codes.conflict:  # somebody else is removing it
                raise

    async def _call(self, call: Callable[..., T], *arguments: object, seconds: float = CALL_SECONDS) -> T:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(seconds):
                return await loop.run_in_executor(self._threads, lambda: call(*arguments))
        except TimeoutError as error:
            raise EngineUnavailable(f"The Docker engine did not answer within {seconds:g} s.") from error
        except NotFound as error:
            raise NotThere(str(error.explanation)) from error
        except APIError as error:  # is an OSError too
            raise EngineUnavailable(f"The Docker engine failed: {error.explanation}") from error
        except (urllib3.exceptions.ProtocolError, OSError) as error:
            raise unreachable(error, self._address) from error
        except (DockerException, urllib3.exceptions.HTTPError) as error:
            raise EngineUnavailable(f"The Docker engine failed: {error}") from error


def connect() -> docker.DockerClient:
    """A client for the engine that `engine_place` finds. Raises EngineUnavailable, with the remedy."""
    place = engine_place()
    seconds = int(START_SECONDS)
    try:
        if os.environ.get(HOST_VARIABLE):  # with its companions, for TLS
            client = docker.from_env(timeout=seconds, max_pool_size=THREADS)
        else:
            client = docker.DockerClient(place.address, tls=place.tls or False, timeout=seconds, max_pool_size=THREADS)
        client.ping()
        client.api.timeout = int(CALL_SECONDS)
    except APIError as error:
        raise EngineUnavailable(f"The Docker engine at {place.address} failed: {error.explanation}") from error
    except (DockerException, OSError) as error:
        raise unreachable(error, place.address) from error
    return client


@asynccontextmanager
async def open_engine() -> AsyncIterator[Engine]:
    """An engine for as long as the context lasts. Raises EngineUnavailable."""
    client = await asyncio.to_thread(connect)
    threads = Threads(THREADS, "docker")
    try:
        yield Engine(client, threads)
    finally:
        threads.shutdown(wait=False, cancel_futures=True)
        client.close()
