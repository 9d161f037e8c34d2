"""What a container costs, by part: one change at a time. Blocking; needs a quiet machine."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from typing import Any

import docker

from ccx_orchestrator.docker_sandbox.hardening import Identity, Owner, SandboxSpec, container_config
from ccx_orchestrator.docker_sandbox.transport import Transport

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


def variants(runtimes: set[str]) -> dict[str, Change]:
    """What is compared. The second is what ccx does."""
    found: dict[str, Change] = {
        "`--network none`, as everybody does": _engines_network,
        "**ccx**: a network namespace made by the runtime, not by the engine": lambda _: None,
        "… joined to a parked container's namespace instead": _parked_network,
        "… without the seccomp profile (not used: it gives up a wall)": _no_seccomp,
        "… with one mount less (not used: /dev/shm would be without a limit of its own)": _fewer_mounts,
        "… shims grouped by annotation (engine API 1.43 and later; ignored before)": _shared_shim,
    }
    if "crun" in runtimes:
        found['… with `runtime = "crun"`'] = _runtime("crun")
    return found


def measure(rounds: int) -> dict[str, dict[str, float]]:
    """Median milliseconds of each part, and of busy processor time in all, by variant; all in turn."""
    client = docker.from_env()
    transport = Transport(client.api, 30)
    base = container_config(
        SandboxSpec("python", "ccx-python", 256 * MIB, 64, 128 * MIB), Identity(20_000, ""), Owner("bench", "bench")
    )
    base["Labels"] = {"ccx-bench": "floor"}
    parked = _start(transport, PARKED, _changed(base, _engines_network))
    samples: dict[str, dict[str, list[float]]] = {}
    try:
        for number in range(-1, rounds):
            for name, change in variants(set(client.info()["Runtimes"])).items():
                with suppress(docker.errors.DockerException):  # a variant that this engine cannot do has no row
                    parts = _one(transport, _changed(base, change))
                    for part, value in parts.items() if number >= 0 else ():
                        samples.setdefault(name, {}).setdefault(part, []).append(value)
    finally:
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


def _one(transport: Transport, config: Config) -> dict[str, float]:
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
        attached.close()
    finally:
        _remove(transport, NAME)
    note()
    parts = {part: (after - before) * 1e3 for part, before, after in zip(PARTS, moments, moments[1:], strict=False)}
    time.sleep(0.05)  # what the engine does after its answer counts as well
    return parts | {"busy CPU": _busy_ms() - busy}


def _busy_ms() -> float:
    """Processor time of the whole machine that was not idle."""
    fields = [int(value) for value in Path("/proc/stat").read_text().splitlines()[0].split()[1:]]
    return (sum(fields[:3]) + sum(fields[5:8])) * 10.0
