"""A node that runs nothing itself, and needs no Docker engine for it."""

from __future__ import annotations

from ccx.errors import EngineUnavailable
from ccx_orchestrator.domain.plan import Plan
from ccx_orchestrator.ports.execution import Controls, Emit


class NoExecutor:
    """See `ports.Executor`. It has no language, so nothing is ever placed here."""

    async def run(self, submission_id: str, plan: Plan, emit: Emit, controls: Controls | None = None) -> None:  # noqa: ARG002
        """See `ports.Executor`."""
        raise EngineUnavailable("This node runs nothing itself: it was started with `--languages none`.")

    async def check(self) -> None:
        """See `ports.Executor`."""
