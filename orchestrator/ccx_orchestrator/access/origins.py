"""Which pages in a browser may change something here: those that this node sent itself, and those it was told of.

A browser sends a form, or opens a WebSocket, to any address that a page names, and asks nobody before. What it always
adds is the `Origin` of the page. Programs send none.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

HARMLESS_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class KnownOrigins:
    """Origins of others that are welcome, such as `https://school.example`."""

    allowed: tuple[str, ...] = ()

    def admits(self, origin: str | None, host: str) -> bool:
        """Whether what comes from a page of this origin may change something at the node that was called `host`."""
        return origin is None or origin in self.allowed or _netloc(origin) == host.lower() != ""


def _netloc(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""
