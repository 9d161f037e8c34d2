"""A node with a language that is built by name only: here under another name, for no other node to come upon it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.node import NodeProcess, ccx_command, ccx_environment, engine_client

IMAGES = Path(__file__).parents[2] / "images"
SHARED = ("runner", "rootfs", "linker", "interpreter")
BUILD_SECONDS = 500


@contextmanager
def node_built_by_name(language: str, version: str, suite: str, folder: Path) -> Iterator[NodeProcess]:
    """Its image is built, and removed in the end. `version` is what the build has to say of it."""
    name = f"{language}-of-the-tests"
    for shared in SHARED:
        shutil.copytree(IMAGES / shared, folder / "images" / shared)
    shutil.copytree(IMAGES / language, folder / "images" / name)
    description = folder / "images" / name / "language.toml"
    description.write_text(description.read_text().replace(f'name = "{language}"', f'name = "{name}"'))
    dockerfile = folder / "images" / name / "Dockerfile"
    dockerfile.write_text(dockerfile.read_text().replace(f"COPY {language}/", f"COPY {name}/"))
    environment = {"CCX_IMAGES_DIR": str(folder / "images")}
    own_environment = ccx_environment(**environment)

    def build(*names: str) -> str:
        command = ccx_command("images", "build", *names)
        done = subprocess.run(
            command,
            env=own_environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=BUILD_SECONDS,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    try:
        assert build() == ""  # by name only
        assert f"ready, {version}" in build(name)
        assert "up to date" in build()
        with NodeProcess(f"{suite}-{language}", folder, "2", **environment) as node:
            yield node
    finally:
        with engine_client() as engine:
            for image in (*engine.images.list(f"ccx-{name}"), *engine.images.list("ccx-build")):
                for tag in image.tags:
                    if name in tag:
                        engine.images.remove(tag, force=True)
