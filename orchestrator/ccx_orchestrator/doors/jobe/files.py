"""Files that Jobe's clients put ahead of a run and name in it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

MOST_BYTES = 64 * 1024 * 1024  # of all callers together
KEPT_SECONDS = 2 * 3600.0  # CodeRunner puts a file again when it is told that it is gone


@dataclass(slots=True)
class FileCache:
    """Bounded: what was not used for longest goes first. Each caller has its own: ids are the clients' to choose."""

    most_bytes: int = MOST_BYTES
    clock: Callable[[], float] = monotonic
    _files: OrderedDict[tuple[str, str], tuple[float, bytes]] = field(default_factory=OrderedDict)
    _bytes: int = 0

    def put(self, caller: str, file_id: str, data: bytes) -> bool:
        """Keep it; False where it is larger than all that is kept."""
        if len(data) > self.most_bytes:
            return False
        self._drop((caller, file_id))
        self._files[caller, file_id] = (self.clock(), data)
        self._bytes += len(data)
        while self._bytes > self.most_bytes:
            self._drop(next(iter(self._files)))
        return True

    def get(self, caller: str, file_id: str) -> bytes | None:
        """It, if it is still there; it is as good as new then."""
        key = (caller, file_id)
        at, data = self._files.get(key, (0.0, None))
        if data is None:
            return None
        if self.clock() - at > KEPT_SECONDS:
            self._drop(key)
            return None
        self._files[key] = (self.clock(), data)
        self._files.move_to_end(key)
        return data

    def _drop(self, key: tuple[str, str]) -> None:
        if key in self._files:
            self._bytes -= len(self._files.pop(key)[1])
