"""What a sandbox is made like, for runtimes that can change the limits of what runs and for those that cannot."""

from __future__ import annotations

from ccx_orchestrator.docker_host.sandboxes.hardening import (
    USUAL,
    Identity,
    Owner,
    Runtime,
    SandboxSpec,
    container_config,
)
from ccx_orchestrator.docker_host.sandboxes.sandbox_spec import can_serve, spec_for, standing_spec
from ccx_orchestrator.domain.language import Prestart, Stage
from tests.support.languages import LIMITS, language

MIB = 1 << 20
FIXED = Runtime("other", is_fixed=True)
COMPILED = language(is_compiled=True)
SMALL = LIMITS.changed(memory_bytes=64 * MIB, processes=10)
AHEAD = language().model_copy(
    update={"prestart": Prestart(command=("dm", "wait"), serves=(Stage.RUN,), pays_cold=True)}
)


def host_config(spec: SandboxSpec) -> dict[str, object]:
    config: dict[str, object] = container_config(spec, Identity(20_000, ""), Owner("node", "host:1:1"))["HostConfig"]
    return config


def test_a_compiler_with_higher_limits_than_the_run_gets_them_where_they_can_be_changed() -> None:
    spec = spec_for(COMPILED, "image", SMALL)
    assert (spec.memory_bytes, spec.processes) == (LIMITS.memory_bytes, LIMITS.processes)


def test_where_limits_cannot_be_changed_a_sandbox_has_exactly_those_of_the_run() -> None:
    spec = spec_for(COMPILED, "image", SMALL, FIXED)
    assert (spec.memory_bytes, spec.processes, spec.runtime) == (64 * MIB, 10, FIXED)


def test_a_standing_sandbox_whose_limits_cannot_be_changed_serves_only_those_who_want_the_same() -> None:
    usual, fixed = standing_spec(COMPILED, "image"), standing_spec(COMPILED, "image", FIXED)
    fewer = LIMITS.changed(processes=10)
    assert can_serve(usual, spec_for(COMPILED, "image", SMALL))
    assert can_serve(fixed, spec_for(COMPILED, "image", LIMITS, FIXED))
    assert not can_serve(fixed, spec_for(COMPILED, "image", SMALL, FIXED))
    assert not can_serve(fixed, spec_for(COMPILED, "image", fewer, FIXED))


def test_the_kernel_of_such_a_sandbox_counts_its_processes_and_has_room_of_its_own() -> None:
    config = host_config(spec_for(COMPILED, "image", SMALL, FIXED))
    assert config["Ulimits"] == [{"Name": "nproc", "Soft": 9, "Hard": 9}]
    assert config["PidsLimit"] == 256 + 16 * 10 + 1
    assert config["Memory"] == config["MemorySwap"] == (64 + 9) * MIB
    assert config["Runtime"] == "other"


def test_the_runner_and_the_program_can_always_start_there() -> None:
    config = host_config(spec_for(COMPILED, "image", SMALL.changed(processes=1), FIXED))
    assert config["Ulimits"] == [{"Name": "nproc", "Soft": 2, "Hard": 2}]


def test_with_the_engines_own_runtime_it_is_not_named_and_no_user_is_limited() -> None:
    config = host_config(spec_for(COMPILED, "image", SMALL))
    assert not config.keys() & {"Ulimits", "Runtime"}


def test_nothing_is_started_ahead_where_it_does_not_come_up() -> None:
    lame = Runtime("other", starts_ahead=False)
    assert standing_spec(AHEAD, "image", USUAL).opening
    assert spec_for(AHEAD, "image", LIMITS, USUAL).opening
    assert not standing_spec(AHEAD, "image", lame).opening
    assert not spec_for(AHEAD, "image", LIMITS, lame).opening
