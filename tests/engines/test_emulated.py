"""The same promises where most people have them: control groups of version 2 kept by systemd, and AppArmor.

The node stays here, its engine is that of an emulated machine. `make test-vm` makes the machine and runs this.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ccx.client import Client
from tests.e2e.test_other_engines import SOME
from tests.engines.kinds import LANGUAGES, Kind
from tests.engines.test_engines import (
    OnEngine,
    client,
    node_on,
    test_a_node_that_was_killed_leaves_nothing_to_the_next,
    test_a_program_is_typed_to,
    test_hello_cold_and_warm_from_a_fresh_container_each,
    test_it_is_the_engine_that_is_meant,
    test_the_doctor_finds_nothing_wrong,
)
from tests.hostile.test_hostile_programs import ATTACKS
from tests.support.emulated_host import EmulatedHost, emulated_host
from tests.support.node import engine_client
from tests.support.own_engine import SOCKETS_LEFT

__all__ = [
    "client",
    "test_a_node_that_was_killed_leaves_nothing_to_the_next",
    "test_a_program_is_typed_to",
    "test_hello_cold_and_warm_from_a_fresh_container_each",
    "test_it_is_the_engine_that_is_meant",
    "test_the_doctor_finds_nothing_wrong",
]

pytestmark = [
    pytest.mark.vm,
    pytest.mark.docker,
    pytest.mark.timeout(600),
    *SOCKETS_LEFT,
]


# How many times as long as a real processor an emulated one takes, at most.
SLOWNESS = 20


@pytest.fixture(scope="module")
def host(images: None) -> Iterator[EmulatedHost]:
    with emulated_host(*(f"ccx-{language}" for language in LANGUAGES)) as host:
        yield host


@pytest.fixture(scope="module")
def on(host: EmulatedHost, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OnEngine]:
    with node_on(host, tmp_path_factory.mktemp("vm")) as node:
        yield OnEngine(Kind("trixie"), host, node)


def test_it_has_what_this_is_about(on: OnEngine) -> None:
    with engine_client(on.engine.address) as client:
        info = client.info()
    assert (info["CgroupVersion"], info["CgroupDriver"]) == ("2", "systemd")
    assert "name=apparmor" in info["SecurityOptions"]


@pytest.mark.parametrize("name", SOME)
async def test_limits_and_walls(client: Client, name: str) -> None:
    attack = ATTACKS[name].on_a_slow_processor(SLOWNESS)
    attack.check(await client.submit(attack.request()))
