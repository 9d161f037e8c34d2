"""What an image is made from: the files, and a digest that changes when one of them does. Nothing here knows Docker."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

# Beside the language's own folder, every image is made from these.
SHARED = ("rootfs/**/*", "linker/*.c", "interpreter/*", "runner/Makefile", "runner/*.c", "runner/*.h")

Files = Mapping[str, bytes]


def read_inputs(images: Path, language: str) -> dict[str, bytes]:
    """The files of a language's image, by their path below the images folder. Raises OSError."""
    patterns = (f"{language}/**/*", *SHARED)
    found = {path for pattern in patterns for path in images.glob(pattern) if path.is_file()}
    return {path.relative_to(images).as_posix(): path.read_bytes() for path in sorted(found) if not _is_litter(path)}


def inputs_digest(files: Files, base_image: str) -> str:
    """A digest over names, contents and the base: equal inputs, equal digest, in whatever order they come."""
    digest = hashlib.sha256()
    for part in _parts(files, base_image):
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.hexdigest()


def build_context(files: Files) -> bytes:
    """The files as the tar archive a Docker engine builds from. The same files give the same bytes.

    Scripts are executable by their suffix: an installed package has lost the mode.
    """
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, content in sorted(files.items()):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            member.mode = 0o755 if name.endswith(".sh") else 0o644
            tar.addfile(member, io.BytesIO(content))
    return archive.getvalue()


def _parts(files: Files, base_image: str) -> Iterator[bytes]:
    yield base_image.encode()
    yield from _flat((name.encode(), content) for name, content in sorted(files.items()))


def _flat(pairs: Iterable[tuple[bytes, bytes]]) -> Iterator[bytes]:
    for pair in pairs:
        yield from pair


def _is_litter(path: Path) -> bool:
    return path.name.startswith(".") or "__pycache__" in path.parts
