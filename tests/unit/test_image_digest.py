"""What an image is made from, and the digest that says whether it changed."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccx_orchestrator.docker_host.image_builds.base_image import bootstrap_command
from ccx_orchestrator.docker_host.image_builds.inputs import build_context, inputs_digest, read_inputs

FILES = {"c/Dockerfile": b"FROM scratch", "rootfs/install.sh": b"#!/bin/sh\n"}
BASE = "debian:trixie-slim"
SEVERAL_FILES = st.dictionaries(st.text(min_size=1), st.binary(), min_size=1)


@given(SEVERAL_FILES)
def test_the_order_of_files_does_not_matter(files: dict[str, bytes]) -> None:
    assert inputs_digest(dict(reversed(files.items())), BASE) == inputs_digest(files, BASE)


@given(SEVERAL_FILES, SEVERAL_FILES)
def test_other_files_are_another_digest(one: dict[str, bytes], other: dict[str, bytes]) -> None:
    assert (inputs_digest(one, BASE) == inputs_digest(other, BASE)) == (one == other)


@pytest.mark.parametrize(
    "changed",
    [
        FILES | {"c/Dockerfile": b"FROM debian"},
        FILES | {"c/new": b""},
        {"c/Dockerfile": b"FROM scratch"},
        {"c/Dockerfilerootfs/install.sh": b"FROM scratch#!/bin/sh\n"},
    ],
    ids=["content", "one more", "one less", "run together"],
)
def test_every_change_shows(changed: dict[str, bytes]) -> None:
    assert inputs_digest(changed, BASE) != inputs_digest(FILES, BASE)


def test_another_base_shows() -> None:
    assert inputs_digest(FILES, "gcc:14") != inputs_digest(FILES, BASE)


def test_the_inputs_are_the_languages_folder_and_what_all_share(tmp_path: Path) -> None:
    for name in (
        "c/Dockerfile",
        "c/include/deep.h",
        "c/.hidden",
        "c/__pycache__/stale.pyc",
        "java/Dockerfile",
        "rootfs/finish.sh",
        "runner/main.c",
        "runner/Makefile",
        "runner/PROTOCOL.md",
        "runner/fuzz/fuzz.c",
        "README.md",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    found = read_inputs(tmp_path, "c")
    assert set(found) == {"c/Dockerfile", "c/include/deep.h", "rootfs/finish.sh", "runner/main.c", "runner/Makefile"}
    assert found["runner/main.c"] == b"runner/main.c"


def test_the_same_files_are_the_same_build_context() -> None:
    assert build_context(FILES) == build_context(dict(reversed(FILES.items())))


def test_scripts_are_executable_in_the_build_context_and_nothing_tells_whose_they_were() -> None:
    with tarfile.open(fileobj=io.BytesIO(build_context(FILES))) as tar:
        members = {member.name: member for member in tar}
    assert {name: member.mode for name, member in members.items()} == {
        "c/Dockerfile": 0o644,
        "rootfs/install.sh": 0o755,
    }
    assert {(member.uid, member.gid, member.uname, member.mtime) for member in members.values()} == {(0, 0, "", 0)}


def test_a_mirror_is_asked_but_not_written_into_the_base() -> None:
    command = bootstrap_command(Path("base.tar"), "http://mirror.test/deb/")
    assert "deb http://mirror.test/deb trixie main" in command
    assert "deb http://mirror.test/deb-security trixie-security main" in command
    hooks = " ".join(word for word in command if word.startswith("--customize-hook"))
    assert "mirror.test" not in hooks
    assert "sources.list" in hooks


def test_without_a_mirror_the_sources_are_those_that_debians_tools_name() -> None:
    command = bootstrap_command(Path("base.tar"), "")
    assert command[-2:] == ["trixie", "base.tar"]
    assert "sources.list" not in " ".join(command)
