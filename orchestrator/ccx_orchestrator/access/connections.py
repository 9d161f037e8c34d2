"""How many connections a node holds, how many of them one address may have, and how long each may be slow. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass, field

READ_SECONDS = 15.0  # within which all of a request has to be there, unless settings say otherwise
SHARE_OF_DESCRIPTORS = 0.6  # the rest is for sandboxes, the store and other nodes
SHARE_OF_ONE_ADDRESS = 0.5


@dataclass(slots=True)
class ConnectionBounds:
    """Counts connections. `most` may be there at once; of one address, half of them."""

    most: int
    _hosts: dict[Hashable, str | None] = field(default_factory=dict)
    _of_host: Counter[str] = field(default_factory=Counter)

    @property
    def most_of_one(self) -> int:
        """How many one address may have."""
        return max(1, int(self.most * SHARE_OF_ONE_ADDRESS))

    def enter(self, connection: Hashable, host: str | None) -> bool:
        """One more, from that address (None: through a Unix socket); whether there is room for it."""
        if len(self._hosts) >= self.most or (host is not None and self._of_host[host] >= self.most_of_one):
            return False
        self._hosts[connection] = host
        if host is not None:
            self._of_host[host] += 1
        return True

    def leave(self, connection: Hashable) -> None:
        """It has ended. Harmless where it was not let in, or has left before."""
        host = self._hosts.pop(connection, None)
        if host is not None:
            self._of_host[host] -= 1
            if not self._of_host[host]:
                del self._of_host[host]
