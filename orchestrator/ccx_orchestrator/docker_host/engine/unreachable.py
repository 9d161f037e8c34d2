"""Why an engine cannot be reached, and what to do about it. Three causes look alike and have nothing in common: nobody
listens there, there is no such socket, this user may not open it.
"""

from __future__ import annotations

import errno

from ccx.errors import EngineUnavailable

_NOT_ALLOWED = (
    "No permission to use the Docker engine at {address}. Run as root, or as a member of the group that owns the socket"
    " (`usermod -aG docker USER`, then log in again); a container needs that group too (compose: CCX_DOCKER_GROUP)."
)
_NOT_THERE = (
    "No Docker engine answers at {address}. There is no such socket: install an engine and start it (Debian and Ubuntu:"
    " `apt-get install docker.io`, then `dockerd`), or name another with DOCKER_HOST."
)
_NOT_LISTENING = (
    "No Docker engine answers at {address}. The connection is refused: the engine was stopped. Start one"
    " (`systemctl start docker`, or `dockerd`), or name another with DOCKER_HOST."
)
_OTHERWISE = (
    "No Docker engine answers at {address}. Start one (Debian and Ubuntu: `apt-get install docker.io`, then `dockerd`),"
    " or name another with DOCKER_HOST."
)
_SENTENCES = {
    errno.EACCES: _NOT_ALLOWED,
    errno.EPERM: _NOT_ALLOWED,
    errno.ENOENT: _NOT_THERE,
    errno.ECONNREFUSED: _NOT_LISTENING,
}


def unreachable(error: BaseException, address: str) -> EngineUnavailable:
    """What to tell of the engine at that address that this error came from."""
    number = _number_of(error)
    sentence = _OTHERWISE if number is None else _SENTENCES.get(number, _OTHERWISE)
    return EngineUnavailable(sentence.format(address=address))


def _number_of(error: BaseException) -> int | None:
    """The operating system's own error number, from below what the HTTP libraries made of it: they hand the first error
    on as a cause, as a context or as an argument.
    """
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        one = waiting.pop()
        if not isinstance(one, BaseException) or id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, OSError) and one.errno in _SENTENCES:
            return one.errno
        waiting += [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]
    return None
