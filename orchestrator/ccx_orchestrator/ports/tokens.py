"""Where the tokens of callers are kept: implement `Tokens` for a new store."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ccx.errors import TokenExists, TokenNotFound
from ccx.wire import Quota, Role

NO_QUOTA = Quota()
OWNER_PREFIX = "key "  # of an owner that a token names: no address begins so


@dataclass(frozen=True, slots=True)
class TokenRecord:
    """A token as it is kept: never itself, only its SHA-256 in hexadecimal digits. `hint` is its end."""

    name: str
    digest: str
    hint: str
    role: Role
    created_at: datetime
    expires_at: datetime | None = None
    quota: Quota = NO_QUOTA


class Tokens(Protocol):
    """Tokens by name and by digest. Each call raises StoreUnavailable where the store does not answer."""

    async def add(self, record: TokenRecord) -> None:
        """Keep one more. Raises TokenExists."""

    async def replace(self, record: TokenRecord) -> None:
        """Keep it instead of the one of that name. Raises TokenNotFound."""

    async def remove(self, name: str) -> None:
        """Forget the one of that name. Raises TokenNotFound."""

    async def find(self, digest: str) -> TokenRecord | None:
        """The one of that digest, None where there is none."""

    async def all(self) -> tuple[TokenRecord, ...]:
        """All of them, by name."""


def token_exists(name: str) -> TokenExists:
    """The refusal of a name that is taken."""
    return TokenExists(f"There is a token {name!r} already: choose another name, rotate that one, or revoke it first.")


def token_missing(name: str) -> TokenNotFound:
    """The refusal of a name that no token has."""
    return TokenNotFound(f"There is no token {name!r}; 'ccx token list' shows which there are.")
