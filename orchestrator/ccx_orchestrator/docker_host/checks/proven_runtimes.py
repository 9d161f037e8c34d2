"""Runtimes that have proven themselves, kept between the starts of nodes: a proof takes a second or more."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import structlog

from ccx.own_node import this_version
from ccx_orchestrator.docker_host.engine.capabilities import is_on_this_host
from ccx_orchestrator.docker_host.sandboxes.hardening import Runtime

log = structlog.get_logger(__name__)

KEPT = 64  # proofs: eight languages with two runtimes, four times over
# What an engine says of itself that bears upon how its runtimes work.
OF_ENGINE = (
    "ID",
    "DockerRootDir",
    "ServerVersion",
    "KernelVersion",
    "CgroupVersion",
    "CgroupDriver",
    "SecurityOptions",
)


class ProvenRuntimes:
    """What was found out about runtimes of an engine on this host. It is found out anew as soon as anything differs:
    the engine, the kernel, the runtime's file, its options, the image, or ccx.

    `about` is what the engine says of itself. Of an engine on another host nothing is kept, since nobody sees there
    that a runtime was replaced. A file that cannot be read or written costs time, and nothing else.
    """

    def __init__(self, file: Path, about: Mapping[str, Any]) -> None:
        self._file = file
        self._about = about

    def find(self, runtime: str, image: str) -> Runtime | None:
        """What was found out about that runtime with that image, if it was."""
        key = self._key(runtime, image)
        try:
            return Runtime(**self._read()[key]) if key else None
        except (KeyError, TypeError):
            return None

    def keep(self, runtime: Runtime, image: str) -> None:
        """Keep what was found out."""
        key = self._key(str(runtime.name), image)
        if key is None:
            return
        proofs = {**self._read(), key: asdict(runtime)}
        temporary = self._file.with_suffix(f".{os.getpid()}")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_text(json.dumps(dict(list(proofs.items())[-KEPT:])))
            temporary.replace(self._file)
        except OSError as error:
            log.debug("what was found out about a runtime is not kept", reason=str(error))

    def _read(self) -> dict[str, Any]:
        try:
            proofs = json.loads(self._file.read_text())
        except (OSError, ValueError):
            return {}
        return proofs if isinstance(proofs, dict) else {}

    def _key(self, runtime: str, image: str) -> str | None:
        entry = self._about["Runtimes"].get(runtime, {})
        program = shutil.which(entry.get("path") or "")
        if program is None or not is_on_this_host(self._about):
            return None
        found = Path(program).stat()
        facts = [this_version(), image, runtime, entry, found.st_size, found.st_mtime_ns]
        facts += [self._about.get(name) for name in OF_ENGINE]
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
