"""The engines that ccx is tried on: three releases, two runtimes, two stores of images."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.support.own_engine import CACHE, CRUN, OwnEngine, own_engine

# Where scripts/setup-engines.sh puts them.
TREES = CACHE / "engines"
LANGUAGES = ("c", "java", "python")
BY_CONTAINERD = "--feature=containerd-snapshotter=true"


@dataclass(frozen=True)
class Kind:
    """An engine: which release of Debian it is of (None: this machine's own), and what is special about it."""

    release: str | None
    runtime: str = "runc"
    is_by_containerd: bool = False


KINDS = {
    "own-runc": Kind(None),
    "own-crun": Kind(None, "crun"),
    "26-runc": Kind("trixie"),
    "26-crun": Kind("trixie", "crun"),
    "28-runc": Kind("forky"),
    "28-crun": Kind("forky", "crun"),
    "28-crun-containerd": Kind("forky", "crun", is_by_containerd=True),
}


@contextmanager
def engine_of(kind: Kind) -> Iterator[OwnEngine]:
    """Such an engine, with the images of all languages."""
    options = [CRUN] if kind.runtime == "crun" else []
    if kind.is_by_containerd:
        options.append(BY_CONTAINERD)
    tree = TREES / kind.release if kind.release else None
    with own_engine(*options, images=tuple(f"ccx-{language}" for language in LANGUAGES), tree=tree) as engine:
        yield engine
