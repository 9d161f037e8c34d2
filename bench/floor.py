"""What a container costs, by part: one change at a time. Blocking; needs a quiet machine."""

from __future__ import annotations

import shutil
import socket
import statistics
import time
from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker

from ccx_orchestrator.docker_host.engine.transport import Transport
from ccx_orchestrator.docker_host.sandboxes.hardening import Identity, Owner, SandboxSpec, container_config
from tests.support.own_engine import CRUN, IS_POSSIBLE, own_engine

MIB = 1 << 20
PARKED = "ccx-bench-parked"
NAME = "ccx-bench-floor"
PARTS = ("create", "attach", "start", "ready", "remove")

Config = dict[str, Any]
Change = Callable[[Config], None]


def _engines_network(config: Config) -> None:
    config["NetworkDisabled"] = False


def _parked_network(config: Config) -> None:
    config["NetworkDisabled"] = False
    config["HostConfig"]["NetworkMode"] = f"container:{PARKED}"
    del config["Hostname"]


def _no_seccomp(config: Config) -> None:
    config["HostConfig"]["SecurityOpt"] = [*config["HostConfig"]["SecurityOpt"], "seccomp=unconfined"]


def _fewer_mounts(config: Config) -> None:
    del config["HostConfig"]["Tmpfs"]["/dev/shm"]  # noqa: S108


def _shared_shim(config: Config) -> None:
    config["HostConfig"]["Annotations"] = {"io.containerd.runc.v2.group": "ccx"}


def _runtime(name: str) -> Change:
    def change(config: Config) -> None:
        config["HostConfig"]["Runtime"] = name

    return change


@dataclass(frozen=True)
class Variant:
    """What is changed. `is_killed`: removed while it runs, instead of when it has ended by itself."""

    change: Change = lambda _: None
    is_killed: bool = False


def variants() -> dict[str, Variant]:
    """What is compared. The second is what ccx does."""
    return {
        "`--network none`, and killed to be removed, as everybody does": Variant(_engines_network, is_killed=True),
        "**ccx**: a network namespace made by the runtime, not by the engine; ends by itself": Variant(),
        "… killed to be removed instead": Variant(is_killed=True),
        "… joined to a parked container's namespace instead": Variant(_parked_network),
        "… without the seccomp profile (not used: it gives up a wall)": Variant(_no_seccomp),
        "… with one mount less (not used: /dev/shm would be without a limit of its own)": Variant(_fewer_mounts),
        "… shims grouped by annotation (engine API 1.43 and later; ignored before)": Variant(_shared_shim),
    }


def measure(rounds: int) -> dict[str, dict[str, float]]:
    """Median milliseconds of each part, and of busy processor time in all, by variant; all in turn."""
    client = docker.from_env()
    return _measure(rounds, client, variants())


def measure_crun(rounds: int) -> dict[str, dict[str, float]]:
    """The same for what ccx does with runc and with crun, on an engine that sees one version of cgroups: crun refuses a
    host with both. Nothing where that cannot be had.
    """
    if not IS_POSSIBLE or shutil.which("crun") is None:
        return {}
    with own_engine(CRUN, images=("ccx-python",)) as engine:
        return _measure(
            rounds, docker.DockerClient(engine.address), {"runc": Variant(), "crun": Variant(_runtime("crun"))}
        )


def _measure(rounds: int, client: docker.DockerClient, compared: dict[str, Variant]) -> dict[str, dict[str, float]]:
    transport = Transport(client.api, 30)
    base = container_config(
        SandboxSpec("python", "ccx-python", 256 * MIB, 64, 128 * MIB), Identity(20_000, ""), Owner("bench", "bench")
    )
    base["Labels"] = {"ccx-bench": "floor"}
    joins_parked = any(variant.change is _parked_network for variant in compared.values())
    parked = _start(transport, PARKED, _changed(base, _engines_network)) if joins_parked else None
    samples: dict[str, dict[str, list[float]]] = {}
    try:
        for number in range(-1, rounds):
            for name, variant in compared.items():
                with suppress(docker.errors.DockerException):  # a variant that this engine cannot do has no row
                    parts = _one(transport, _changed(base, variant.change), is_killed=variant.is_killed)
                    for part, value in parts.items() if number >= 0 else ():
                        samples.setdefault(name, {}).setdefault(part, []).append(value)
    finally:
        if parked is not None:
            parked.close()
            _remove(transport, PARKED)
        client.close()
    return {
        name: {part: statistics.median(values) for part, values in parts.items()} for name, parts in samples.items()
    }


def _changed(base: Config, change: Change) -> Config:
    config = deepcopy(base)
    change(config)
    return config


def _start(transport: Transport, name: str, config: Config) -> Any:
    _remove(transport, name)
    transport.call("POST", "/containers/create", config, name=name)
    attached = transport.upgrade(f"/containers/{name}/attach", stdin=1, stdout=1, stream=1)
    transport.call("POST", f"/containers/{name}/start")
    return attached


def _remove(transport: Transport, name: str) -> None:
    with suppress(docker.errors.NotFound):
        transport.call("DELETE", f"/containers/{name}", force=1, v=1)


def _one(transport: Transport, config: Config, *, is_killed: bool) -> dict[str, float]:
    moments, busy = [time.perf_counter()], _busy_ms()

    def note() -> None:
        moments.append(time.perf_counter())

    try:
        transport.call("POST", "/containers/create", config, name=NAME)
        note()
        attached = transport.upgrade(f"/containers/{NAME}/attach", stdin=1, stdout=1, stream=1)
        note()
        transport.call("POST", f"/containers/{NAME}/start")
        note()
        attached.recv(8)
        note()
        if not is_killed:
            attached.shutdown(socket.SHUT_WR)
            while attached.recv(4096):
                pass
        attached.close()
    finally:
        _remove(transport, NAME)
    note()
    parts = {part: (after - before) * 1e3 for part, before, after in zip(PARTS, moments, moments[1:], strict=False)}
    time.sleep(0.25)  # what the engine does after its answer counts as well
    return parts | {"busy CPU": _busy_ms() - busy}


def _busy_ms() -> float:
    """Processor time of the whole machine that was not idle."""
    fields = [int(value) for value in Path("/proc/stat").read_text().splitlines()[0].split()[1:]]
    return (sum(fields[:3]) + sum(fields[5:8])) * 10.0
