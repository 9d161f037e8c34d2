"""Who may do what: roles, tokens as they are made and shown, and what a caller is told of itself."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from ccx.wire.basics import Answer, Request
from ccx.wire.fields import HIGHEST_PRIORITY
from ccx.wire.limits import LimitOverrides

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}$"
LONGEST_SECONDS = 10 * 366 * 24 * 3600


class Role(StrEnum):
    """What a token is for. Each may do all that those before it may."""

    USER = "user"
    OPERATOR = "operator"
    ADMIN = "admin"


class Quota(Request):
    """What one owner may use of a node. None: as much as the node has."""

    unfinished: Annotated[int, Field(ge=1)] | None = None  # submissions that wait or run at a time
    running: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="Submissions that run at a time; more of them wait, also where slots are free."
    )
    queued: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="Submissions that wait at a time; more of them are refused."
    )
    per_minute: Annotated[int, Field(ge=1)] | None = None  # submissions taken in
    highest_priority: Annotated[int, Field(ge=-HIGHEST_PRIORITY, le=HIGHEST_PRIORITY)] | None = None
    limits: LimitOverrides = Field(
        default=LimitOverrides(),
        description="The most that a submission may ask for, where that is less than the language's.",
    )


class TokenRequest(Request):
    """A token that is to be made."""

    name: Annotated[str, Field(pattern=NAME_PATTERN)]
    role: Annotated[Role, Field(strict=False)] = Role.USER
    expires_seconds: Annotated[int, Field(ge=1, le=LONGEST_SECONDS)] | None = None
    quota: Quota = Quota()


class TokenInfo(Answer):
    """A token as it is listed. `hint` is its end: enough to tell which it is, useless to whoever reads it."""

    name: str
    role: Role
    hint: str
    created_at: datetime
    expires_at: datetime | None = None
    quota: Quota = Quota()


class NewToken(TokenInfo):
    """One that was just made: the only answer that has the token itself."""

    token: str


class SignIn(Request):
    """A token that a page has a session made of."""

    token: Annotated[str, Field(max_length=200, pattern=r"^[\t\n\r -~]*$")]  # what a cookie can hold


class Identity(Answer):
    """Whom a node takes a caller for. `name` is None where nobody is asked who they are, or it said nothing."""

    name: str | None = None
    role: Role | Literal["anonymous", "node"] = "anonymous"
    may: tuple[str, ...] = ()
    asks_for_tokens: bool = False
    quota: Quota = Quota()
