"""How a connection notices that its other side has vanished without a word."""

from __future__ import annotations

import socket


def keep_alive() -> list[tuple[int, int, int]]:
    """Socket options that end a connection whose other side vanished: 30 s of silence, then three probes."""
    options = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
    timing = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3}
    # Not every system has these; where they are missing, its own timing applies.
    return options + [
        (socket.IPPROTO_TCP, getattr(socket, name), value) for name, value in timing.items() if hasattr(socket, name)
    ]
