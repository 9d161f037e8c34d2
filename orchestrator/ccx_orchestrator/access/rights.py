"""What may be asked of a node, by whom: one table for every address. `docs/access.md` has it for readers, and a test
compares both with the addresses that a node really has.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from ccx.wire import NodeRole, Role


class Right(StrEnum):
    """What an address is for."""

    OPEN = "open"  # anybody, without a token
    READ = "read"  # what a node is like: its languages, nodes, load
    RUN = "run"  # programs and results of one's own
    OVERSEE = "oversee"  # everybody's results, counters
    OPERATE = "operate"  # taking nodes out of service
    ADMINISTER = "administer"  # tokens, nodes of the cluster
    NODE = "node"  # what a node says of itself
    CLUSTER = "cluster"  # what a master says to others


_READER = frozenset({Right.OPEN, Right.READ})
_USER = _READER | {Right.RUN}
_OVERSEER = _USER | {Right.OVERSEE}
_OPERATOR = _OVERSEER | {Right.OPERATE}
RIGHTS_OF_ROLE: dict[Role, frozenset[Right]] = {
    Role.USER: _USER,
    Role.OPERATOR: _OPERATOR,
    Role.ADMIN: _OPERATOR | {Right.ADMINISTER},
}
# By their certificates. A slave that fell into wrong hands sees nothing but what it is sent.
RIGHTS_OF_NODES: dict[NodeRole, frozenset[Right]] = {
    NodeRole.SLAVE: frozenset({Right.OPEN, Right.NODE}),
    NodeRole.MASTER: _OPERATOR | {Right.NODE, Right.CLUSTER},
}
RIGHTS_OF_ANONYMOUS = {"none": frozenset({Right.OPEN}), "read": _READER, "user": _USER}
# Where nobody is asked who they are: all but what is for nodes, if those have certificates.
RIGHTS_WITHOUT_ACCESS_CONTROL = _OVERSEER
RIGHTS_OF_UNKNOWN_NODES = RIGHTS_OF_NODES[NodeRole.MASTER]


@dataclass(frozen=True, slots=True)
class Row:
    """Addresses that need the same right. A path has `{name}` for a segment and `{name:path}` for all that follows."""

    methods: str
    path: str
    right: Right

    def matches(self, method: str, path: str) -> bool:
        """Whether a request is of this row."""
        methods, pattern = _compiled(self)
        return method in methods and pattern.fullmatch(path) is not None


ROWS = (
    Row("POST GET", "/v1/submissions", Right.RUN),
    Row("GET DELETE", "/v1/submissions/{submission_id}", Right.RUN),
    Row("GET", "/v1/submissions/{submission_id}/events", Right.RUN),
    Row("GET", "/v1/submissions/{submission_id}/request", Right.RUN),
    Row("WEBSOCKET", "/v1/interactive", Right.RUN),
    Row("GET", "/healthz", Right.OPEN),
    Row("GET", "/v1/whoami", Right.OPEN),
    Row("GET", "/v1/ca", Right.OPEN),
    Row("POST DELETE", "/v1/session", Right.OPEN),
    Row("GET", "/v1/languages", Right.READ),
    Row("GET", "/v1/nodes", Right.READ),
    Row("GET", "/v1/nodes/{name}/usage", Right.READ),
    Row("GET", "/v1/events", Right.READ),
    Row("PUT", "/v1/leases/{master}", Right.CLUSTER),
    Row("PUT DELETE", "/v1/nodes/{name}", Right.NODE),
    Row("POST DELETE", "/v1/nodes/{name}/drain", Right.OPERATE),
    Row("GET", "/metrics", Right.OVERSEE),
    Row("GET POST", "/v1/tokens", Right.ADMINISTER),
    Row("DELETE", "/v1/tokens/{name}", Right.ADMINISTER),
    Row("POST", "/v1/tokens/{name}/rotate", Right.ADMINISTER),
    Row("GET", "/v1/cluster/authorities", Right.OPEN),
    Row("POST", "/v1/cluster/join", Right.OPEN),
    Row("POST", "/v1/cluster/certificate", Right.NODE),
    Row("POST", "/v1/cluster/join-tokens", Right.ADMINISTER),
    Row("GET", "/v1/cluster/members", Right.ADMINISTER),
    Row("DELETE", "/v1/cluster/members/{name}", Right.ADMINISTER),
    Row("GET", "/", Right.OPEN),
    Row("GET", "/submissions", Right.OPEN),
    Row("GET", "/cluster", Right.OPEN),
    Row("GET", "/s/{submission_id}", Right.OPEN),
    Row("GET", "/assets/{path:path}", Right.OPEN),
    Row("GET", "/docs", Right.READ),
    Row("GET", "/docs/oauth2-redirect", Right.READ),
    Row("GET", "/openapi.json", Right.READ),
    Row("GET", "/static-offline-docs/{path:path}", Right.OPEN),
    Row("POST GET DELETE", "/mcp", Right.RUN),
    Row("POST GET DELETE", "/judge0/submissions/{path:path}", Right.RUN),
    Row("POST GET", "/judge0/submissions", Right.RUN),
    Row("POST", "/judge0/authenticate", Right.READ),
    Row("POST", "/judge0/authorize", Right.OPERATE),
    Row("GET", "/judge0/{path:path}", Right.READ),
    Row("GET", "/jobe/index.php/restapi/languages", Right.READ),
    Row("POST PUT GET", "/jobe/index.php/restapi/{path:path}", Right.RUN),
    Row("GET", "/api/v2/{path:path}", Right.READ),
    Row("POST DELETE WEBSOCKET", "/api/v2/{path:path}", Right.RUN),
)
# By which word of the setting `public` they are open to anybody.
PUBLIC = {"docs": ("/docs", "/docs/oauth2-redirect", "/openapi.json"), "metrics": ("/metrics",)}


def right_for(method: str, path: str, public: tuple[str, ...] = ()) -> Right:
    """What a request needs. An address without a row, which does not exist, is told of to users alone."""
    if method == "OPTIONS" or any(path in PUBLIC[word] for word in public):
        return Right.OPEN
    method = "GET" if method == "HEAD" else method
    trimmed = path.rstrip("/") or "/"
    return next((row.right for row in ROWS if row.matches(method, trimmed)), Right.RUN)


def named_in(path: str, otherwise: str) -> str:
    """The node that an address of `/v1/nodes` names; `otherwise` where it is another address."""
    return path.removeprefix(_OF_NODES).rstrip("/") if path.startswith(_OF_NODES) else otherwise


_OF_NODES = "/v1/nodes/"


@cache
def _compiled(row: Row) -> tuple[frozenset[str], re.Pattern[str]]:
    escaped = re.escape(row.path).replace(r"\{", "{").replace(r"\}", "}")
    pattern = re.sub(r"\{\w+:path\}", ".*", re.sub(r"\{\w+\}", "[^/]+", escaped))
    return frozenset(row.methods.split()), re.compile(pattern)
