"""The slots of all nodes, and who has which."""

from __future__ import annotations

from typing import Protocol

from ccx_orchestrator.domain.dispatch import Lane


class Placement(Protocol):
    """Says where there is room. Never slow: it decides upon what it has been told."""

    def reserve(self, submission_id: str, lane: Lane) -> bool:
        """Take a place for it, until `leave`; whether there was one."""

    def has_room(self, lane: Lane) -> bool:
        """Whether `reserve` would find a place."""

    def leave(self, submission_id: str) -> None:
        """Its place, should it have one, is free."""

    def count_elsewhere(self) -> int:
        """How many have a place on another node."""
