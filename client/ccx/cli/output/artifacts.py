"""Files a program left, written below one directory and never outside of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ccx.errors import BadInput
from ccx.wire.patterns import matches

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from ccx.wire import Artifact


def write_artifacts(artifacts: Iterable[Artifact], wanted: Iterable[str], directory: Path) -> list[str]:
    """Write those that were asked for, and return a sentence for each there is none of. Raises BadInput."""
    asked = tuple(wanted)
    complaints = []
    for artifact in artifacts:
        if not any(matches(artifact.name, name) for name in asked):
            continue
        if artifact.error is None:
            _write(artifact, directory)
        else:
            complaints.append(f"no artifact {artifact.name!r}: {artifact.error}")
    return complaints


def _write(artifact: Artifact, directory: Path) -> None:
    try:
        root = directory.resolve()
        # Resolved as well: a link below the directory must not lead out of it.
        target = (root / artifact.name).resolve()
        if target == root or not target.is_relative_to(root):
            raise BadInput(
                f"The artifact {artifact.name!r} would lie outside of {str(directory)!r}; choose another directory."
            )
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(artifact.data())
    except OSError as error:
        raise BadInput(
            f"The artifact {artifact.name!r} cannot be written: {error.strerror}; choose another --artifacts-dir."
        ) from error
