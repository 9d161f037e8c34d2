"""Finds out who sends a request, by its token, and whether that is enough."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic
from typing import Literal

from ccx.errors import Forbidden, NotOfTheCluster, ProblemError, Unauthenticated
from ccx_orchestrator.access.caller import Caller, Kind
from ccx_orchestrator.access.peer import Peer
from ccx_orchestrator.access.rates import WrongTokens
from ccx_orchestrator.access.rights import (
    RIGHTS_OF_ANONYMOUS,
    RIGHTS_OF_NODES,
    RIGHTS_OF_ROLE,
    RIGHTS_OF_UNKNOWN_NODES,
    RIGHTS_WITHOUT_ACCESS_CONTROL,
    Right,
    named_in,
    right_for,
)
from ccx_orchestrator.access.tokens import digest_of_token, is_token
from ccx_orchestrator.ports.tokens import OWNER_PREFIX, TokenRecord, Tokens
from ccx_orchestrator.submissions.clock import utc_now

Anonymous = Literal["none", "read", "user"]

# For so long a token that was revoked or has changed may still be taken: the price of not asking the store each time.
REMEMBERED_SECONDS = 2.0
REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a request says of who sends it. `address` is where it comes from, as the queue counts it. `peer` is whom its
    certificate names, `sender` the incarnation of the node that sends something on.
    """

    address: str
    token: str | None = None
    peer: Peer | None = None
    sender: str | None = None


def nobody_is_asked() -> Forbidden:
    """The refusal of what makes sense only where callers have tokens."""
    return Forbidden("This node asks nobody for a token: start it with --access to have some.")


@dataclass(slots=True)
class Doorkeeper:
    """`tokens` None: nobody is asked who they are. `is_revoked` None: nodes have no certificates; then any node is one
    of the cluster, but where tokens are asked for, none is.
    """

    tokens: Tokens | None = None
    anonymous: Anonymous = "none"
    public: tuple[str, ...] = ("docs",)
    is_revoked: Callable[[Peer], bool] | None = None
    clock: Callable[[], datetime] = utc_now
    _known: OrderedDict[str, tuple[float, TokenRecord]] = field(default_factory=OrderedDict)
    _wrong: WrongTokens = field(default_factory=WrongTokens)

    @property
    def asks(self) -> bool:
        """Whether callers are asked who they are."""
        return self.tokens is not None

    async def caller(self, credentials: Credentials) -> Caller:
        """Who it is. Raises NotOfTheCluster, Unauthenticated, TooManyWrongTokens or StoreUnavailable."""
        if credentials.peer is not None:
            return self._node(credentials.peer, credentials.sender)
        if credentials.sender is not None and not self._trusts_any_node:
            raise self._not_of_the_cluster()
        if self.tokens is None:
            rights = RIGHTS_OF_UNKNOWN_NODES if self._trusts_any_node else RIGHTS_WITHOUT_ACCESS_CONTROL
            kind: Kind = "anonymous" if credentials.sender is None else "node"
            return Caller(credentials.address, rights, kind, sender=credentials.sender)
        if credentials.token is None:
            return Caller(credentials.address, RIGHTS_OF_ANONYMOUS[self.anonymous])
        record = await self._record(self.tokens, credentials.token, credentials.address)
        return Caller(
            f"{OWNER_PREFIX}{record.name}", RIGHTS_OF_ROLE[record.role], record.role, record.name, record.quota
        )

    def check(self, caller: Caller, method: str, path: str) -> Right:
        """The right that a request needs. Raises Unauthenticated, Forbidden or NotOfTheCluster where it lacks."""
        right = right_for(method, path, self.public)
        if not caller.may(right):
            raise self._refusal(caller, right)
        if right is Right.NODE and caller.name is not None and caller.name != named_in(path, caller.name):
            raise NotOfTheCluster(f"A node speaks for itself alone, and this one is {caller.name!r}.")
        return right

    def _refusal(self, caller: Caller, right: Right) -> ProblemError:
        if right in {Right.CLUSTER, Right.NODE} or (right is Right.OPERATE and not self.asks):
            return self._not_of_the_cluster()
        if not self.asks:
            return nobody_is_asked()
        if caller.kind == "anonymous":
            return Unauthenticated(
                "This node asks for a token: 'ccx login URL' on the command line, or the header 'Authorization: Bearer"
                " TOKEN'. Whoever runs the node makes them, with 'ccx token create'."
            )
        need = next(role for role, rights in RIGHTS_OF_ROLE.items() if right in rights)
        return Forbidden(f"This needs a token of the role {need}; {caller.name or 'a node'} is {caller.kind}.")

    @property
    def _trusts_any_node(self) -> bool:
        return self.tokens is None and self.is_revoked is None

    def _node(self, peer: Peer, sender: str | None) -> Caller:
        """A node with a certificate of the cluster. Its name is before what it says of itself, so that it cannot speak
        for another. Raises NotOfTheCluster.
        """
        if self.is_revoked is None or self.is_revoked(peer):
            raise NotOfTheCluster(f"The node {peer.name!r} was revoked.")
        who = None if sender is None else f"{peer.name}/{sender}"
        return Caller(f"node {peer.name}", RIGHTS_OF_NODES[peer.role], "node", peer.name, sender=who)

    async def _record(self, tokens: Tokens, token: str, address: str) -> TokenRecord:
        record = await self._find(tokens, digest_of_token(token)) if is_token(token) else None
        if record is not None and (record.expires_at is None or record.expires_at > self.clock()):
            return record
        self._wrong.count(address, "wrong tokens")
        if record is not None:
            raise Unauthenticated(f"The token {record.name!r} has expired; ask for a new one.")
        reason = "is none of this node's, or was revoked" if is_token(token) else "is mistyped or cut off"
        raise Unauthenticated(f"The token {reason}.")

    async def _find(self, tokens: Tokens, digest: str) -> TokenRecord | None:
        now = monotonic()
        if (known := self._known.get(digest)) and known[0] > now:
            return known[1]
        self._known.pop(digest, None)
        if record := await tokens.find(digest):
            self._known[digest] = (now + REMEMBERED_SECONDS, record)
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        return record

    @staticmethod
    def _not_of_the_cluster() -> NotOfTheCluster:
        return NotOfTheCluster(
            "Only nodes of the cluster may do this, at the port that is for them (8701 unless set otherwise)."
        )
