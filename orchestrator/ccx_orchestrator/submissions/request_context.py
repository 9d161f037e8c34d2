"""What accompanies a request from the door to the queue."""

from __future__ import annotations

from dataclasses import dataclass

from ccx_orchestrator.submissions.console import Console


@dataclass(frozen=True, slots=True)
class RequestContext:
    """Who sends it, and how they wait for it.

    `client` is counted for a fair share of the queue, and owns the submission. `key` is the client's own for this
    request: with one that was used before the answer is that earlier submission. With a `console` the program is typed
    to. `master` is the node that sends it on. `is_attended`: somebody waits who could not ask again.
    """

    client: str = ""
    key: str | None = None
    console: Console | None = None
    master: str | None = None
    is_attended: bool = False


NOBODY = RequestContext()
