"""The slots of all nodes, who has which, and what runs in them."""

from __future__ import annotations

from typing import Protocol

from ccx_orchestrator.domain.dispatch import Lane
from ccx_orchestrator.ports.execution import Executor


class Placement(Protocol):
    """Owns the slots of all nodes and says where there is room. Never slow: it decides upon what it has been told."""

    @property
    def slots(self) -> int:
        """How many slots this node has."""

    def reserve(self, submission_id: str, lane: Lane) -> bool:
        """Take a place for it, until `leave`; whether there was one."""

    def has_room(self, lane: Lane) -> bool:
        """Whether `reserve` would find a place."""

    def reserve_here(self, submission_id: str) -> bool:
        """Take a slot of this node, until `leave`, for something that is not known yet; whether there was one."""

    def free_here(self) -> int:
        """How many slots of this node nobody has."""

    def leave(self, submission_id: str) -> None:
        """Its place, should it have one, is free."""

    def count_elsewhere(self) -> int:
        """How many have a place on another node."""


class Dispatching(Executor, Placement, Protocol):
    """Both: whoever owns the slots runs what has one."""
