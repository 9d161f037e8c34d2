"""What `compose.yaml` describes, brought up on a Docker host of its own."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest

from ccx.client import Client
from ccx.errors import NodeUnreachable, Unauthenticated
from ccx.trust import blind_context, fingerprint_of
from ccx.wire import NodeHealth, Verdict
from tests.cluster.hosts import Host, docker_host, saved_images
from tests.cluster.proxy_requests import ASKING, requests
from tests.cluster.test_overflow import run
from tests.support.node import ccx_command, ccx_environment, eventually

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]
COMMAND_SECONDS = 120
PLAIN = ("compose.yaml",)
PROXIED = ("compose.yaml", "compose.proxy.yaml")
LANGUAGES = ("c", "java", "python")
HELLO = {
    "c": '#include <stdio.h>\nint main(void) { puts("hello"); }\n',
    "java": 'void main() { IO.println("hello"); }\n',
    "python": "print('hello')\n",
}
LIMITS = {"wall_seconds": 30}  # however busy the machine is


@pytest.fixture(scope="module")
def compose_host(node_file: Path, proxy_file: Path, image_files: dict[str, Path]) -> Iterator[Host]:
    with saved_images(["java"]) as java:
        files = [node_file, proxy_file, *image_files.values(), *java.values()]
        with docker_host(files, has_networks=True) as host:
            yield host


@dataclass(frozen=True)
class Compose:
    """What these files describe, on that host."""

    host: Host
    files: tuple[str, ...]
    join_token: list[str] = field(default_factory=list)

    def __call__(self, *arguments: str, stdin: str = "") -> str:
        named = [word for file in self.files for word in ("--file", file)]
        done = subprocess.run(
            ["docker-compose", "--project-name", "ccx", *named, *arguments],
            cwd=ROOT,
            env=self.environment() | ({"CCX_JOIN_TOKEN": self.join_token[0]} if self.join_token else {}),
            check=False,
            capture_output=True,
            text=True,
            input=stdin,
            timeout=COMMAND_SECONDS,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def environment(self) -> dict[str, str]:
        socket = self.host.engine.removeprefix("unix://")
        return ccx_environment(
            CCX_DOCKER_SOCKET=socket,
            CCX_DOCKER_GROUP=str(Path(socket).stat().st_gid),
            CCX_PUBLISH="8700",
            CCX_HOSTS=self.host.address,
            DOCKER_HOST=self.host.engine,
        )

    @contextmanager
    def up(self) -> Iterator[None]:
        """By the commands in compose.yaml."""
        of_master = ("run", "--rm", "--no-deps", "master", "cluster")
        try:
            self(*of_master, "init")
            self.join_token.append(self(*of_master, "join-command", "--reusable", "--token-only").strip())
            self("up", "--detach", "--no-build")
            yield
        except BaseException:
            sys.stderr.write(self("logs", "--no-color"))  # pytest shows it with the test that fails
            raise
        finally:
            self("down", "--timeout", "30", "--volumes")

    async def authority(self) -> str:
        """The master's, compared with its log as a user would."""
        async with Client(self.url, tls=blind_context()) as stranger:
            authority = await stranger.authority()
        assert fingerprint_of(authority) in await asyncio.to_thread(self, "logs", "--no-color", "master")
        return authority

    @property
    def url(self) -> str:
        """Where users reach it."""
        return self.host.url.replace("http:", "https:")

    def first_token(self) -> str:
        """Made by the command that compose.yaml names."""
        return self("exec", "-T", "master", "ccx", "token", "create", "root", "--role", "admin").strip()

    def containers(self) -> dict[str, dict[str, Any]]:
        """What the engine tells of each service's container."""
        ids = self("ps", "--quiet").split()
        told = subprocess.run(
            ["docker", "inspect", *ids],
            check=True,
            capture_output=True,
            env=self.environment(),
            timeout=COMMAND_SECONDS,
        ).stdout
        return {one["Config"]["Labels"]["com.docker.compose.service"]: one for one in json.loads(told)}


async def until_all_have_joined(client: Client) -> None:
    async def have_joined() -> bool:
        with suppress(NodeUnreachable):
            return set(LANGUAGES) <= {language.name for language in await client.languages()}
        return False

    await eventually(have_joined, "the slaves have joined")


async def run_some(compose: Compose, token: str) -> None:
    """Programs of all languages, each on its own slave."""
    async with Client(compose.url, token=token, ca=await compose.authority()) as client:
        await until_all_have_joined(client)
        ran = await asyncio.gather(*(run(client, name, HELLO[name], limits=LIMITS) for name in LANGUAGES * 2))
        nodes = await client.nodes()
    assert {(one.verdict, one.cases[0].stdout) for one in ran} == {(Verdict.OK, "hello\n")}
    assert {(one.language, one.node) for one in ran} == {(name, f"compose-{name}") for name in LANGUAGES}
    assert {node.health for node in nodes} == {NodeHealth.OK}


async def test_compose_brings_up_a_master_and_selective_slaves(compose_host: Host, tmp_path: Path) -> None:
    compose = Compose(compose_host, PLAIN)
    with compose.up():
        await assert_is_locked(compose)
        token = compose.first_token()
        await run_some(compose, token)
        (tmp_path / "authority.pem").write_text(await compose.authority())
        by_file = await asyncio.to_thread(
            subprocess.run,
            ccx_command("run", ROOT / "examples/hello.c", "--server", compose.url, "--quiet"),
            check=True,
            capture_output=True,
            env=ccx_environment(CCX_TOKEN=token, CCX_CA=str(tmp_path / "authority.pem")),
            timeout=COMMAND_SECONDS,
        )
        found = compose.containers()
    assert b"ello" in by_file.stdout
    assert {name: has_socket(one) for name, one in found.items()} == {
        "master": False,
        **{f"slave-{name}": True for name in LANGUAGES},
    }
    assert_are_confined(found)


async def test_behind_a_proxy_the_slaves_have_no_socket_and_a_node_gets_what_it_needs(compose_host: Host) -> None:
    compose = Compose(compose_host, PROXIED)
    with compose.up():
        await until_it_is_up(compose)
        await run_some(compose, compose.first_token())
        found = compose.containers()
        refused = await asyncio.to_thread(ask_proxy, compose, found)
    assert {name for name, one in found.items() if has_socket(one)} == {"socket"}
    assert_are_confined(found)
    assert refused == dict.fromkeys(refused, 403) | {"an image": 200, "a sandbox": 201, "its end": 204}


async def until_it_is_up(compose: Compose) -> None:
    async with Client(compose.url, tls=blind_context()) as stranger:

        async def is_up() -> bool:
            with suppress(NodeUnreachable):
                return bool(await stranger.health())
            return False

        await eventually(is_up, "the master is up")


async def assert_is_locked(compose: Compose) -> None:
    """Nobody comes in without a token, and none in the environment of the containers is one for users."""
    await until_it_is_up(compose)
    async with Client(compose.url, tls=blind_context()) as stranger:
        for attempt in (stranger.languages, stranger.nodes, stranger.list):
            with pytest.raises(Unauthenticated):
                await attempt()
        with pytest.raises(Unauthenticated):
            await run(stranger, "c", HELLO["c"])
        assert (await stranger.health()).posture == "locked"
    async with httpx2.AsyncClient(base_url=compose.url, verify=blind_context()) as browser:
        assert 'id="page"' in (await browser.get("/")).text, "the image of a node has the page"


def ask_proxy(compose: Compose, containers: dict[str, dict[str, Any]]) -> dict[str, int]:
    """The status of each answer, by what was asked for from within a slave."""
    asked = json.dumps(requests(containers["master"]["Id"]))
    statuses: dict[str, int] = json.loads(compose("exec", "-T", "slave-c", "python3", "-c", ASKING, stdin=asked))
    return statuses


def has_socket(container: dict[str, Any]) -> bool:
    return any("docker.sock:" in bind and "/dev/null" not in bind for bind in container["HostConfig"]["Binds"] or ())


def assert_are_confined(containers: dict[str, dict[str, Any]]) -> None:
    """None is privileged, has a capability, the root user, or can write to its own files."""
    for container in containers.values():
        settings = container["HostConfig"]
        assert not settings["Privileged"]
        assert settings["CapDrop"] == ["ALL"]
        assert settings["ReadonlyRootfs"]
        assert settings["Memory"] > 0
        assert settings["NetworkMode"] != "host"
        assert container["Config"]["User"].startswith(("10000:", "10001:"))
