"""Running plans: events out, a user's input in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from ccx_orchestrator.domain.controls import Control
from ccx_orchestrator.domain.events import Event, Restarted
from ccx_orchestrator.domain.plan import Plan

Emit = Callable[[Event | Restarted], Awaitable[None]]


class Controls(Protocol):
    """What a user does to a program while it runs. At most the input window of `ccx.messages` is untaken at a time."""

    async def next(self) -> Control:
        """The next thing to do; waits for it."""

    def taken(self, amount: int) -> None:
        """The program has taken so many bytes of what was typed."""


class Executor(Protocol):
    """Runs plans, each in a sandbox of its own.

    `run` emits the events of `domain.events` in order and ends with exactly one Finished, then releases all it
    acquired, and only then returns. Cancelling it ends the program at once; it then emits nothing more, but perhaps
    one StepJudged that tells what the step that ran has used. What the program does wrong is in the events; what goes
    wrong with us is raised: EngineUnavailable, ImageMissing, or SandboxLost.

    One that tries on one node after another emits Restarted where a try came to nothing after it had told something,
    and begins again with Started.
    """

    async def run(self, submission_id: str, plan: Plan, emit: Emit, controls: Controls | None = None) -> None:
        """Run one plan. May run many at a time. An interactive plan, and only that, has controls."""

    async def check(self) -> None:
        """Raise EngineUnavailable unless a run could start now."""


class SandboxLost(Exception):
    """A sandbox ended, or went silent, before its submission had. The text is for the log."""


class SandboxHung(SandboxLost):
    """A sandbox used up all the time its submission may take, and more: not to be tried again."""
