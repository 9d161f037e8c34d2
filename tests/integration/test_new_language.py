"""A language is data: a fourth one needs a folder, and no line of Python."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ccx.wire import Verdict
from tests.support.node import StartsNodes, ccx_command, ccx_environment, containers_with, engine_client, submission

pytestmark = pytest.mark.docker

BUILD_SECONDS = 600
IMAGES = Path(__file__).parents[2] / "images"
DOCKERFILE = """
FROM debian:trixie-slim AS runner
ARG APT_MIRROR=
COPY rootfs/install.sh /ccx-build/
RUN /ccx-build/install.sh gcc gcc libc6-dev make
COPY runner/ /ccx-build/runner/
RUN make -C /ccx-build/runner runner && install -D -m 0555 /ccx-build/runner/runner /out/ccx/runner

FROM debian:trixie-slim
COPY --from=runner /out/ /
COPY rootfs/finish.sh /ccx-build/
RUN /ccx-build/finish.sh && rm -rf /ccx-build
COPY rootfs/etc/ /etc/
ENTRYPOINT ["/ccx/runner"]
"""
DESCRIPTION = """
name = "{name}"
title = "Shell"
aliases = ["{name}-alias"]
suffixes = [".sh"]
source_name = "main.sh"
version_command = ["sh", "-c", "echo 0.5.12"]
version_format = "dash {{}}"

[run]
command = ["sh", "-eu", "{{entrypoint}}", "{{args}}"]

[environment]
PATH = "/usr/bin:/bin"
LANG = "C.UTF-8"

[limits.default]
cpu_seconds = 2
wall_seconds = 5
memory_bytes = 67_108_864
processes = 16
output_bytes = 65_536
file_bytes = 1_048_576

[limits.highest]
cpu_seconds = 10
wall_seconds = 20
memory_bytes = 268_435_456
processes = 32
output_bytes = 1_048_576
file_bytes = 16_777_216

[reference]
file = "reference.sh"
stdin = "2 3\\n"
stdout = "5\\n"
"""
REFERENCE = 'read a b\necho "$((a + b))"\n'


@pytest.fixture
def name(suite: str) -> Iterator[str]:
    name = f"sh-{suite[-8:]}"
    yield name
    with engine_client() as engine:
        for image in engine.images.list(filters={"label": f"ccx.language={name}"}):
            image.remove(force=True)


@pytest.fixture
def folder(tmp_path: Path, name: str) -> Path:
    """A folder of images with one language, and what every image is made from."""
    images = tmp_path / "images"
    for shared in ("runner", "rootfs", "linker", "interpreter"):
        shutil.copytree(IMAGES / shared, images / shared)
    shell = images / name
    shell.mkdir()
    shell.joinpath("Dockerfile").write_text(DOCKERFILE)
    shell.joinpath("language.toml").write_text(DESCRIPTION.format(name=name))
    shell.joinpath("reference.sh").write_text(REFERENCE)
    return images


def build(folder: Path, *names: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ccx_command("images", "build", *names),
        env=ccx_environment(CCX_IMAGES_DIR=str(folder)),
        capture_output=True,
        text=True,
        timeout=BUILD_SECONDS,
        check=False,
    )


async def test_a_new_language_is_built_served_and_run_from_its_folder_alone(
    folder: Path, name: str, starts_nodes: StartsNodes
) -> None:
    built = build(folder, name)
    assert built.returncode == 0, built.stderr
    assert f"{name}: ready, dash 0.5.12" in built.stdout

    node = starts_nodes(CCX_IMAGES_DIR=str(folder))
    async with node.client() as client:
        (language,) = await client.languages()
        assert (language.name, language.title, language.version) == (name, "Shell", "dash 0.5.12")

        result = await client.submit(submission(name, {"sum.sh": REFERENCE}, stdin="20 22\n"))
        assert (result.verdict, result.cases[0].stdout, result.language_version) == (Verdict.OK, "42\n", "dash 0.5.12")

        by_alias = await client.submit(
            submission(f"{name}-alias", 'for word; do echo "$word"; done\n', args=["a b", "c"])
        )
        assert (by_alias.language, by_alias.cases[0].stdout) == (name, "a b\nc\n")

        failed = await client.submit(submission(name, "echo before; exit 7\n"))
        assert (failed.verdict, failed.cases[0].exit_code) == (Verdict.RUNTIME_ERROR, 7)

        limited = await client.submit(
            submission(name, "echo before; while :; do :; done\n", limits={"cpu_seconds": 0.3})
        )
        assert (limited.verdict, limited.cases[0].stdout) == (Verdict.CPU_TIME_LIMIT, "before\n")


def test_a_language_that_breaks_its_promise_gets_no_image(folder: Path, name: str) -> None:
    folder.joinpath(name, "reference.sh").write_text("echo 6\n")

    built = build(folder)

    assert built.returncode != 0
    assert built.stderr.startswith("ccx: The image of Shell is broken and got no name: ")
    with engine_client() as engine:
        assert engine.images.list(f"ccx-{name}") == []
    assert [container for container in containers_with("ccx") if name in container["Image"]] == []
