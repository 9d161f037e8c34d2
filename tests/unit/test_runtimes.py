"""The hint about a faster runtime."""

from __future__ import annotations

from ccx_orchestrator.docker_host.checks.runtime_choice import hint

RUNC = frozenset({"runc", "io.containerd.runc.v2"})


def test_a_faster_runtime_that_is_not_there_is_not_spoken_of() -> None:
    assert hint(RUNC, is_installed=False) is None


def test_one_that_the_engine_does_not_know_yet_comes_with_the_way_to_tell_it() -> None:
    assert "--add-runtime crun" in str(hint(RUNC, is_installed=True))


def test_one_that_the_engine_knows_was_tried_or_is_in_use() -> None:
    assert hint(RUNC | {"crun"}, is_installed=True) is None
