"""The same promises where most people have them: control groups of version 2 kept by systemd, and AppArmor; and on an
engine of an ordinary user's own, there with crun as well.

The node stays here, its engine is in an emulated machine. `make test-vm` makes the machine and runs this.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ccx.client import Client
from tests.e2e.test_other_engines import SOME
from tests.engines.kinds import LANGUAGES, Kind
from tests.engines.test_engines import (
    OnEngine,
    check_by_doctor,
    client,
    node_on,
    test_a_node_that_was_killed_leaves_nothing_to_the_next,
    test_a_program_is_typed_to,
    test_hello_cold_and_warm_from_a_fresh_container_each,
)
from tests.hostile.test_hostile_programs import ATTACKS
from tests.support.emulated_host import ROOTS, USERS, EmulatedEngine, EmulatedHost, emulated_host
from tests.support.node import engine_client
from tests.support.own_engine import SOCKETS_LEFT

__all__ = [
    "client",
    "test_a_node_that_was_killed_leaves_nothing_to_the_next",
    "test_a_program_is_typed_to",
    "test_hello_cold_and_warm_from_a_fresh_container_each",
]

pytestmark = [
    pytest.mark.vm,
    pytest.mark.docker,
    pytest.mark.timeout(600),
    *SOCKETS_LEFT,
]


# How many times as long as a real processor an emulated one takes, at most.
SLOWNESS = 20


# Where an engine listens in the machine, and the runtime that a node chooses there by itself. Both engines offer crun;
# what AppArmor makes of it on root's is below.
PLACES = {"root": (ROOTS, "runc"), "rootless": (USERS, "crun")}


class Engines:
    """The machine's engines, each made ready when it is first asked for."""

    def __init__(self, host: EmulatedHost) -> None:
        self._host = host
        self._ready: dict[str, EmulatedEngine] = {}

    def __getitem__(self, socket: str) -> EmulatedEngine:
        if socket not in self._ready:
            self._ready[socket] = self._host.engine(socket)
        return self._ready[socket]


@pytest.fixture(scope="module")
def engines(images: None) -> Iterator[Engines]:
    with emulated_host(*(f"ccx-{language}" for language in LANGUAGES)) as host:
        yield Engines(host)


@pytest.fixture(scope="module", params=PLACES)
def on(
    request: pytest.FixtureRequest, engines: Engines, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OnEngine]:
    socket, runtime = PLACES[request.param]
    engine = engines[socket]
    with node_on(engine, tmp_path_factory.mktemp("vm")) as node:
        yield OnEngine(Kind("trixie", runtime), engine, node)


@pytest.mark.parametrize(("socket", "confined_by"), [(ROOTS, "name=apparmor"), (USERS, "name=rootless")])
def test_it_has_what_this_is_about(engines: Engines, socket: str, confined_by: str) -> None:
    with engine_client(engines[socket].address) as client:
        info = client.info()
    assert (info["CgroupVersion"], info["CgroupDriver"]) == ("2", "systemd")
    assert confined_by in info["SecurityOptions"]
    assert {"crun", "runc"} <= set(info["Runtimes"])


@pytest.mark.parametrize("language", ["c", "python"])  # of Python a program is started ahead, and ended first
async def test_a_runtime_whose_programs_cannot_be_ended_is_not_used(
    engines: Engines, tmp_path: Path, language: str
) -> None:
    with (
        pytest.raises(TimeoutError, match="a program cannot be ended: Permission denied"),
        node_on(engines[ROOTS], tmp_path, CCX_RUNTIME="crun", CCX_LANGUAGES=language),
    ):
        pass


@pytest.mark.parametrize("socket", [ROOTS, USERS])
async def test_the_doctor_finds_nothing_wrong(engines: Engines, socket: str) -> None:
    found = await check_by_doctor(engines[socket], CCX_LANGUAGES="python")
    said = {ROOTS: "crun too, which does not work here: ", USERS: "the node uses crun"}[socket]
    assert said in found["runtime speed"]["detail"]


@pytest.mark.parametrize("name", SOME)
async def test_limits_and_walls(client: Client, name: str) -> None:
    attack = ATTACKS[name].on_a_slow_processor(SLOWNESS)
    attack.check(await client.submit(attack.request()))
