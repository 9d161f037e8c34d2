"""What is said of a faster runtime."""

from __future__ import annotations

import pytest

from ccx_orchestrator.docker_host.checks.runtime_choice import could_be_used, hint, incapable
from ccx_orchestrator.doctor.finding import Status
from ccx_orchestrator.doctor.runtime_speed import judge

QUICKER = {"runc": 0.15, "crun": 0.1}
RUNC = frozenset({"runc", "io.containerd.runc.v2"})


def test_a_faster_runtime_that_is_not_there_is_not_spoken_of() -> None:
    assert hint(RUNC, is_installed=False) is None


def test_one_that_the_engine_does_not_know_yet_comes_with_the_way_to_tell_it() -> None:
    assert "--add-runtime crun" in str(hint(RUNC, is_installed=True))


def test_one_that_the_engine_knows_was_tried_or_is_in_use() -> None:
    assert hint(RUNC | {"crun"}, is_installed=True) is None


def test_what_is_installed_here_is_nothing_to_an_engine_elsewhere() -> None:
    assert not could_be_used({"Name": "another.host"})


def test_a_host_with_both_versions_of_cgroups_is_told_by_what_crun_says_of_it() -> None:
    said = "The Docker engine failed: OCI runtime create failed: cgroups in hybrid mode not supported, drop all…"
    assert "boot with one version" in incapable("crun", "C", said)
    assert "boot with one version" not in incapable("crun", "C", "It could not end a program.")


def test_what_is_used_and_slower_is_told_with_the_way_out() -> None:
    found = judge(QUICKER, "runc", was_tried=False)
    assert (found.status, "1.5 times" in found.detail, "auto" in found.remedy) == (Status.WARNING, True, True)
    assert "150 ms with runc, 100 ms with crun" in found.detail


def test_where_the_node_has_tried_it_the_way_out_is_another_start() -> None:
    found = judge(QUICKER, "runc", was_tried=True)
    assert "crun failed when the node started" in found.detail
    assert (found.status, "start the node again" in found.remedy) == (Status.WARNING, True)


@pytest.mark.parametrize(
    ("seconds", "used"), [(QUICKER, "crun"), ({"runc": 0.1, "crun": 0.1}, "runc"), (QUICKER, "runsc")]
)
def test_what_is_used_and_no_slower_is_well(seconds: dict[str, float], used: str) -> None:
    assert judge(seconds, used, was_tried=True).status is Status.OK
