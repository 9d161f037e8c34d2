"""Languages that exist for one test: a folder that describes one, and an image that may or may not be one of ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from docker.errors import ImageNotFound

from tests.support.node import engine_client

LIMITS = (
    "{ cpu_seconds = 5, wall_seconds = 10, memory_bytes = 67108864,"
    " processes = 8, output_bytes = 1000, file_bytes = 1000 }"
)


def describe_language(images: Path, name: str) -> None:
    """A language folder that says all that is needed. Its programs are Python's."""
    folder = images / name
    folder.mkdir(parents=True)
    folder.joinpath("reference").write_text("")
    folder.joinpath("language.toml").write_text(f"""
name = "{name}"
title = "{name.title()}"
suffixes = [".{name}"]
source_name = "main.{name}"
version_command = ["true"]
run = {{ command = ["python3", "{{entrypoint}}"] }}
environment = {{ PATH = "/usr/bin:/bin" }}
limits = {{ default = {LIMITS}, highest = {LIMITS} }}
reference = {{ file = "reference", stdout = "" }}
""")


@contextmanager
def makeshift_image(language: str, *changes: str) -> Iterator[str]:
    """The Python image under the name of another language, changed by Dockerfile instructions; its name."""
    name = f"ccx-{language}"
    with engine_client() as engine:
        container = engine.api.create_container("ccx-python")["Id"]
        try:
            labels = (f'LABEL ccx.language="{language}"', 'LABEL ccx.version="1"')
            engine.api.commit(container, repository=name, tag="latest", changes=[*labels, *changes])
        finally:
            engine.api.remove_container(container)
        try:
            yield name
        finally:
            with suppress(ImageNotFound):  # the test may have removed it itself
                engine.images.remove(name, force=True)
