"""What was found out about a runtime is kept as long as nothing it depends on differs."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any

import pytest

from ccx_orchestrator.docker_host.checks.proven_runtimes import KEPT, ProvenRuntimes
from ccx_orchestrator.docker_host.sandboxes.hardening import Runtime

FOUND = Runtime("crun", is_fixed=False, starts_ahead=False)


@pytest.fixture
def program(tmp_path: Path) -> Path:
    program = tmp_path / "crun"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    return program


@pytest.fixture
def about(program: Path) -> dict[str, Any]:
    runtimes = {"crun": {"path": str(program)}, "runsc": {"runtimeType": "io.containerd.runsc.v1"}}
    return {"ID": "one", "ServerVersion": "28.5.2", "Name": platform.node(), "Runtimes": runtimes}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "runtimes.json"


def test_the_next_start_knows_it(file: Path, about: dict[str, Any]) -> None:
    assert ProvenRuntimes(file, about).find("crun", "image") is None
    ProvenRuntimes(file, about).keep(FOUND, "image")
    assert ProvenRuntimes(file, about).find("crun", "image") == FOUND
    assert ProvenRuntimes(file, about).find("crun", "another image") is None


def test_a_runtime_that_was_replaced_is_tried_again(file: Path, about: dict[str, Any], program: Path) -> None:
    ProvenRuntimes(file, about).keep(FOUND, "image")
    program.write_text("#!/bin/sh\nexit 1\n")
    assert ProvenRuntimes(file, about).find("crun", "image") is None


@pytest.mark.parametrize(
    "change", [{"ID": "two"}, {"DockerRootDir": "/two"}, {"ServerVersion": "29.0.0"}, {"KernelVersion": "6.18"}]
)
def test_another_engine_or_kernel_is_tried_anew(file: Path, about: dict[str, Any], change: dict[str, str]) -> None:
    ProvenRuntimes(file, about).keep(FOUND, "image")
    assert ProvenRuntimes(file, about | change).find("crun", "image") is None


@pytest.mark.parametrize("change", [{"Name": "another.host"}, {"Runtimes": {}}])
def test_of_what_cannot_be_seen_from_here_nothing_is_kept(
    file: Path, about: dict[str, Any], change: dict[str, Any]
) -> None:
    ProvenRuntimes(file, about | change).keep(FOUND, "image")
    assert not file.exists()


def test_a_runtime_without_a_file_is_not_kept(file: Path, about: dict[str, Any]) -> None:
    ProvenRuntimes(file, about).keep(Runtime("runsc", is_fixed=True), "image")
    assert not file.exists()


@pytest.mark.parametrize("text", ["", "[]", "nonsense", '{"a": 1}'])
def test_a_file_that_says_nothing_is_written_anew(file: Path, about: dict[str, Any], text: str) -> None:
    file.parent.mkdir()
    file.write_text(text)
    assert ProvenRuntimes(file, about).find("crun", "image") is None
    ProvenRuntimes(file, about).keep(FOUND, "image")
    assert ProvenRuntimes(file, about).find("crun", "image") == FOUND


def test_where_nothing_can_be_written_all_goes_on(file: Path, about: dict[str, Any]) -> None:
    file.parent.write_text("a file, where a folder should be")
    ProvenRuntimes(file, about).keep(FOUND, "image")
    assert ProvenRuntimes(file, about).find("crun", "image") is None


def test_the_oldest_proofs_are_forgotten(file: Path, about: dict[str, Any]) -> None:
    proven = ProvenRuntimes(file, about)
    for number in range(KEPT + 1):
        proven.keep(FOUND, f"image {number}")
    assert proven.find("crun", "image 0") is None
    assert proven.find("crun", "image 1") == proven.find("crun", f"image {KEPT}") == FOUND
