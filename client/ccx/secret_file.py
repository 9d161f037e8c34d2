"""Files that nobody else may read, written whole or not at all."""

from __future__ import annotations

from pathlib import Path

MODE = 0o600


def write_secret(path: Path, data: bytes) -> None:
    """Put the data there, in place of what was there; the folder is made. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    beside = path.with_suffix(f"{path.suffix}.new")
    beside.touch(MODE)
    beside.chmod(MODE)
    beside.write_bytes(data)
    beside.replace(path)
