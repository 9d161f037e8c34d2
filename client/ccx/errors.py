"""The error tree of ccx, and the one table between errors and HTTP.

    CcxError
    ├── ProblemError                 a node refuses or cannot serve a request; each is one row of the problem table
    │   ├── InvalidSubmission        422
    │   ├── UnknownLanguage          422
    │   ├── SubmissionNotFound       404
    │   ├── NodeNotFound             404
    │   ├── Unauthenticated          401
    │   ├── Forbidden                403
    │   ├── TokenNotFound            404
    │   ├── TokenExists              409
    │   ├── NotOfTheCluster          403
    │   ├── NodeExists               409
    │   ├── ForeignOrigin            403
    │   ├── ForeignHost              421
    │   ├── RequestTooSlow           408
    │   ├── RouteNotFound            404
    │   ├── MethodNotAllowed         405
    │   ├── BodyTooLarge             413
    │   ├── UnsupportedMediaType     415
    │   ├── KeyReused                409
    │   ├── QueueFull                429
    │   ├── QuotaExceeded            429
    │   ├── TooManyWrongTokens       429
    │   ├── InternalError            500
    │   ├── EngineUnavailable        503
    │   ├── ImageMissing             503
    │   ├── StoreUnavailable         503
    │   └── ShuttingDown             503
    ├── BadInput                     what the user gave cannot be used: an option, a file, a setting
    ├── NodeUnreachable              no answer from the node
    └── UnexpectedAnswer             an answer that is not ours

A node turns a ProblemError into a problem document with `to_problem`; the SDK turns the document into the same
error with `from_problem`.
What a program does wrong is never here: that is a verdict.
"""

from __future__ import annotations

from typing import ClassVar

from ccx.wire import FieldError, Problem

_TYPE_PREFIX = "urn:ccx:problem:"


class CcxError(Exception):
    """Anything ccx raises on purpose. Its text is one sentence for the user."""


class ProblemError(CcxError):
    """A row of the problem table: `slug` ends the problem's `type`, `status` is the HTTP status."""

    slug: ClassVar[str]
    status: ClassVar[int]
    title: ClassVar[str]

    def __init__(
        self, detail: str, errors: tuple[FieldError, ...] = (), retry_after_seconds: float | None = None
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = errors
        self.retry_after_seconds = retry_after_seconds


class InvalidSubmission(ProblemError):
    """A field of the request cannot be; `errors` names every one."""

    slug, status, title = "invalid-submission", 422, "The submission is not valid"


class UnknownLanguage(ProblemError):
    """The node serves no language of that name or alias."""

    slug, status, title = "unknown-language", 422, "No such language here"


class SubmissionNotFound(ProblemError):
    """No submission has this id, or no longer."""

    slug, status, title = "submission-not-found", 404, "No such submission"


class NodeNotFound(ProblemError):
    """No node of this name is known here."""

    slug, status, title = "node-not-found", 404, "No such node"


class NotOfTheCluster(ProblemError):
    """What nodes say to each other was said by somebody who is none of the cluster."""

    slug, status, title = "not-of-the-cluster", 403, "Only nodes of the cluster may do this"


class NodeExists(ProblemError):
    """A node of this name is one of the cluster already."""

    slug, status, title = "node-exists", 409, "The name belongs to another node"


class Unauthenticated(ProblemError):
    """The node asks who is there, and was not told, or not by a token that it knows."""

    slug, status, title = "unauthenticated", 401, "A token is needed"


class Forbidden(ProblemError):
    """The node knows who is there, and that is not enough."""

    slug, status, title = "forbidden", 403, "The token's role may not do this"


class TokenNotFound(ProblemError):
    """No token has this name."""

    slug, status, title = "token-not-found", 404, "No such token"


class TokenExists(ProblemError):
    """There is a token of this name already."""

    slug, status, title = "token-exists", 409, "The name belongs to another token"


class ForeignOrigin(ProblemError):
    """A browser sends it for a page of another site."""

    slug, status, title = "foreign-origin", 403, "Pages of other sites may change nothing here"


class ForeignHost(ProblemError):
    """It was sent to a name that is none of this node's."""

    slug, status, title = "foreign-host", 421, "This node has another name"


class RequestTooSlow(ProblemError):
    """Its body did not come within the node's deadline."""

    slug, status, title = "request-too-slow", 408, "The request took too long to arrive"


class RouteNotFound(ProblemError):
    """The address is none of the API."""

    slug, status, title = "not-found", 404, "There is nothing at this address"


class MethodNotAllowed(ProblemError):
    """The address exists, for other methods."""

    slug, status, title = "method-not-allowed", 405, "This address does not take that method"


class BodyTooLarge(ProblemError):
    """More bytes than the node reads of one request."""

    slug, status, title = "body-too-large", 413, "The request is too large"


class UnsupportedMediaType(ProblemError):
    """The body does not say that it is JSON."""

    slug, status, title = "unsupported-media-type", 415, "The request must be JSON"


class KeyReused(ProblemError):
    slug, status, title = "idempotency-key-reused", 409, "The idempotency key belongs to another submission"


class QueueFull(ProblemError):
    """As many submissions wait as may; `retry_after_seconds` says when to come again."""

    slug, status, title = "queue-full", 429, "The queue is full"


class QuotaExceeded(ProblemError):
    """The caller has used what its token allows; `retry_after_seconds` says when to come again."""

    slug, status, title = "quota-exceeded", 429, "The token allows no more at a time"


class TooManyWrongTokens(ProblemError):
    """Wrong tokens came from this address again and again; right ones are still taken."""

    slug, status, title = "too-many-wrong-tokens", 429, "Too many wrong tokens"


class InternalError(ProblemError):
    """A fault of the node; its log says which."""

    slug, status, title = "internal-error", 500, "The node failed"


class EngineUnavailable(ProblemError):
    """The node cannot run anything: its Docker engine is down or hangs."""

    slug, status, title = "engine-unavailable", 503, "The Docker engine does not answer"


class ImageMissing(ProblemError):
    """The language is known, but its image is not on the node's host."""

    slug, status, title = "image-missing", 503, "The language's image is missing"


class StoreUnavailable(ProblemError):
    slug, status, title = "store-unavailable", 503, "The store of submissions does not answer"


class ShuttingDown(ProblemError):
    """The node takes nothing new."""

    slug, status, title = "shutting-down", 503, "The node is shutting down"


class BadInput(CcxError):
    """What the user gave cannot be used: an option, a file, a setting. Its text names the remedy."""


class NodeUnreachable(CcxError):
    """No answer came: refused, timed out, cut off."""


class UnexpectedAnswer(CcxError):
    """Something answered, but not as a ccx node does."""


PROBLEMS: tuple[type[ProblemError], ...] = (
    InvalidSubmission,
    UnknownLanguage,
    SubmissionNotFound,
    NodeNotFound,
    Unauthenticated,
    Forbidden,
    TokenNotFound,
    TokenExists,
    NotOfTheCluster,
    NodeExists,
    ForeignOrigin,
    ForeignHost,
    RequestTooSlow,
    RouteNotFound,
    MethodNotAllowed,
    BodyTooLarge,
    UnsupportedMediaType,
    KeyReused,
    QueueFull,
    QuotaExceeded,
    TooManyWrongTokens,
    InternalError,
    EngineUnavailable,
    ImageMissing,
    StoreUnavailable,
    ShuttingDown,
)
_BY_TYPE = {_TYPE_PREFIX + problem.slug: problem for problem in PROBLEMS}


def to_problem(error: ProblemError) -> Problem:
    """The document that tells a client of the error."""
    return Problem(
        type=_TYPE_PREFIX + error.slug,
        title=error.title,
        status=error.status,
        detail=error.detail,
        errors=error.errors,
        retry_after_seconds=error.retry_after_seconds,
    )


def from_problem(problem: Problem) -> CcxError:
    """The error a document tells of."""
    kind = _BY_TYPE.get(problem.type)
    if kind is None:
        return UnexpectedAnswer(f"The node answered with a problem this client does not know: {problem.title}")
    return kind(problem.detail, problem.errors, problem.retry_after_seconds)
