"""Who sends a request: made once at the door, and asked by whatever depends on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ccx.wire import Quota, Role
from ccx_orchestrator.access.rights import Right
from ccx_orchestrator.ports.tokens import NO_QUOTA

Kind = Role | Literal["anonymous", "node"]


@dataclass(frozen=True, slots=True)
class Caller:
    """`client` is to whom submissions belong and turns are counted: the token's name, or the address without one.
    `name` is for people: None where it is not known. `sender` is the node that sends something on for its users.
    """

    client: str
    rights: frozenset[Right]
    kind: Kind = "anonymous"
    name: str | None = None
    quota: Quota = NO_QUOTA
    sender: str | None = None

    def may(self, right: Right) -> bool:
        """Whether it has that right."""
        return right in self.rights

    def sees(self, owner: str | None) -> bool:
        """Whether a submission of that owner is there for it at all."""
        return Right.OVERSEE in self.rights or owner == self.client
