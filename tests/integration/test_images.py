"""The images as they are: labels, names given only after proof, and what is and is not in them."""

from __future__ import annotations

import io
import shutil
import socket
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import docker
import pytest
from docker.errors import ImageNotFound

from ccx_orchestrator.docker_host.image_builds.inputs import inputs_digest, read_inputs
from tests.support.node import ccx_command, ccx_environment

pytestmark = pytest.mark.docker

IMAGES = Path(__file__).parents[2] / "images"
MOST_MEGABYTES = {"c": 170, "java": 220, "python": 95}
BUILD_SECONDS = 600
CHUNK_BYTES = 1 << 20


@pytest.fixture(scope="module")
def engine(images: None) -> Iterator[docker.DockerClient]:
    client = docker.from_env()
    yield client
    client.close()


@pytest.fixture(scope="module", params=sorted(MOST_MEGABYTES))
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@dataclass(frozen=True)
class Root:
    """The root file system of an image: every member, and the content of the small files below /etc."""

    members: dict[str, tarfile.TarInfo]
    configuration: dict[str, bytes]


@pytest.fixture(scope="module")
def root(engine: docker.DockerClient, language: str) -> Root:
    container = engine.containers.create(f"ccx-{language}")
    try:
        # The SDK's stubs take the stream of bytes for a string.
        export = cast("Iterator[bytes]", container.export(CHUNK_BYTES))
        with tarfile.open(fileobj=_Stream(export), mode="r|") as tar:
            return _read(tar)
    finally:
        container.remove()


class _Stream(io.RawIOBase):
    """An iterator of bytes as the file that tarfile wants."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._left = b""

    def read(self, size: int = -1) -> bytes:
        while len(self._left) < size and (chunk := next(self._chunks, b"")):
            self._left += chunk
        taken, self._left = self._left[:size], self._left[size:]
        return taken


def _read(tar: tarfile.TarFile) -> Root:
    root = Root({}, {})
    for member in tar:
        root.members[member.name] = member
        if member.name.startswith("etc/") and member.isfile() and (file := tar.extractfile(member)):
            root.configuration[member.name] = file.read()
    return root


def build(*languages: str, images: Path = IMAGES) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ccx_command("images", "build", *languages),
        env=ccx_environment(CCX_IMAGES_DIR=str(images)),
        capture_output=True,
        text=True,
        timeout=BUILD_SECONDS,
        check=False,
    )


def test_an_image_says_its_language_version_and_what_it_was_made_from(
    engine: docker.DockerClient, language: str
) -> None:
    labels = engine.images.get(f"ccx-{language}").labels
    assert labels["ccx.language"] == language
    assert labels["ccx.digest"] == inputs_digest(read_inputs(IMAGES, language), "debian:trixie-slim")
    title = {"c": "gcc 14.", "java": "OpenJDK 25", "python": "Python 3.13."}[language]
    assert labels["ccx.version"].startswith(title)


def test_an_unchanged_image_is_not_built_again(engine: docker.DockerClient, language: str) -> None:
    before = engine.images.get(f"ccx-{language}").id
    done = build(language)
    assert done.returncode == 0, done.stderr
    assert f"{language}: up to date" in done.stdout
    assert "step" not in done.stdout.lower()
    assert engine.images.get(f"ccx-{language}").id == before


def test_an_image_is_small_and_its_size_is_said(
    engine: docker.DockerClient, language: str, capsys: pytest.CaptureFixture[str]
) -> None:
    megabytes = engine.images.get(f"ccx-{language}").attrs["Size"] / 1e6
    with capsys.disabled():
        print(f"\nccx-{language}: {megabytes:.0f} MB")  # noqa: T201
    assert megabytes < MOST_MEGABYTES[language]
    assert f"{megabytes:.0f} MB" in build(language).stdout


@pytest.fixture
def demo(tmp_path: Path, engine: docker.DockerClient) -> Iterator[Path]:
    """An images folder with one more language in it, made from the Python image."""
    images = tmp_path / "images"
    for folder in ("runner", "rootfs", "linker", "interpreter"):
        shutil.copytree(IMAGES / folder, images / folder)
    shutil.copytree(IMAGES / "python", images / "demo")
    description = images / "demo/language.toml"
    text = description.read_text().replace('name = "python"', 'name = "demo"').replace('"py", "python3"', "")
    description.write_text(text)
    (images / "demo/Dockerfile").write_text("FROM ccx-python:latest\nCOPY demo/reference.py /demo.py\n")
    yield images
    for image in engine.images.list("ccx-demo"):
        engine.images.remove(str(image.id), force=True)


def test_an_image_whose_reference_program_is_wrong_gets_no_name(demo: Path, engine: docker.DockerClient) -> None:
    (demo / "demo/reference.py").write_text("print('something else')\n")
    done = build("demo", images=demo)
    assert done.returncode != 0
    assert "reference.py printed" in done.stderr
    assert "Traceback" not in done.stderr
    with pytest.raises(ImageNotFound):
        engine.images.get("ccx-demo")


def test_a_broken_new_image_leaves_the_name_with_the_old_one(demo: Path, engine: docker.DockerClient) -> None:
    assert build("demo", images=demo).returncode == 0
    before = engine.images.get("ccx-demo").id
    (demo / "demo/reference.py").write_text("raise SystemExit(3)\n")
    assert build("demo", images=demo).returncode != 0
    assert engine.images.get("ccx-demo").id == before


def test_a_changed_input_builds_a_new_image_and_removes_the_old_one(demo: Path, engine: docker.DockerClient) -> None:
    assert build("demo", images=demo).returncode == 0
    before = engine.images.get("ccx-demo").id
    reference = demo / "demo/reference.py"
    reference.write_text(reference.read_text() + "# changed\n")
    assert build("demo", images=demo).returncode == 0
    assert engine.images.get("ccx-demo").id != before
    with pytest.raises(ImageNotFound):
        engine.images.get(str(before))


def test_what_a_build_leaves_for_the_next_one_has_a_name(demo: Path, engine: docker.DockerClient) -> None:
    instructions = "FROM ccx-python:latest AS first\nENV A={}\nFROM first\nCOPY demo/reference.py /demo.py\n"
    (demo / "demo/Dockerfile").write_text(instructions.format(1))
    assert build("demo", images=demo).returncode == 0
    first = engine.images.get("ccx-build:demo-first")
    try:
        assert "A=1" in first.attrs["Config"]["Env"]
        (demo / "demo/Dockerfile").write_text(instructions.format(2))
        assert build("demo", images=demo).returncode == 0
        assert "A=2" in engine.images.get("ccx-build:demo-first").attrs["Config"]["Env"]
        with pytest.raises(ImageNotFound):
            engine.images.get(str(first.id))
    finally:
        engine.images.remove("ccx-build:demo-first", force=True)


def test_a_build_that_fails_says_why(demo: Path) -> None:
    (demo / "demo/Dockerfile").write_text("FROM ccx-python:latest\nRUN echo it is the mirror >&2 && false\n")
    done = build("demo", images=demo)
    assert done.returncode != 0
    assert "it is the mirror" in done.stderr
    assert "Traceback" not in done.stderr


def test_nothing_is_setuid_or_setgid(root: Root) -> None:
    assert [name for name, member in root.members.items() if member.mode & 0o6000 and not member.issym()] == []


def test_nothing_but_the_box_is_writable_for_all(root: Root) -> None:
    writable = {name for name, member in root.members.items() if member.mode & 0o002 and not member.issym()}
    assert {name for name in writable if not name.startswith("dev/")} <= {"box"}  # the engine mounts a /dev of its own


def test_there_are_no_documents_package_lists_or_logs(root: Root) -> None:
    unwanted = (
        "usr/share/doc/",
        "usr/share/man/",
        "usr/share/locale/",
        "var/lib/apt/",
        "var/cache/",
        "var/log/",
        "ccx-build/",
    )
    assert [name for name in root.members if name.startswith(unwanted) and name not in unwanted] == []


def test_temporary_files_go_to_the_box(root: Root) -> None:
    assert root.members["tmp"].issym()
    assert root.members["tmp"].linkname == "/box/tmp"
    assert root.members["box"].isdir()


def test_the_runner_is_there_and_cannot_be_changed(root: Root) -> None:
    runner = root.members["ccx/runner"]
    assert (runner.mode & 0o7777, runner.uid, runner.gid) == (0o555, 0, 0)


def test_nothing_of_the_host_is_in_it(root: Root) -> None:
    assert root.configuration.get("etc/hostname", b"") == b""
    assert root.configuration.get("etc/resolv.conf", b"") == b""
    assert [
        name for name in root.members if name.startswith(("etc/ssl", "etc/apt", "usr/local/share/ca-certificates"))
    ] == []
    host = socket.gethostname().encode()
    assert [name for name, content in root.configuration.items() if host in content.split()] == []
