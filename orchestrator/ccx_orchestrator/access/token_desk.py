"""Makes, renews, lists and revokes tokens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from ccx.wire import NewToken, TokenInfo, TokenRequest
from ccx_orchestrator.access.tokens import HINT_CHARACTERS, digest_of_token, make_token
from ccx_orchestrator.ports.tokens import TokenRecord, Tokens, token_missing
from ccx_orchestrator.submissions.clock import utc_now


class TokenDesk:
    """Its methods raise StoreUnavailable besides."""

    def __init__(self, tokens: Tokens, clock: Callable[[], datetime] = utc_now) -> None:
        self._tokens = tokens
        self._clock = clock

    async def create(self, asked: TokenRequest) -> NewToken:
        """A new one, shown this once. Raises TokenExists."""
        now = self._clock()
        expires_at = None if asked.expires_seconds is None else now + timedelta(seconds=asked.expires_seconds)
        token = make_token()
        record = _record(token, TokenRecord(asked.name, "", "", asked.role, now, expires_at, asked.quota))
        await self._tokens.add(record)
        return _shown(record, token)

    async def rotate(self, name: str) -> NewToken:
        """Another token instead of the one of that name, whose role, quota and submissions it has. The old one ends,
        on other masters within seconds. Raises TokenNotFound.
        """
        for before in await self._tokens.all():
            if before.name == name:
                token = make_token()
                record = _record(token, before)
                await self._tokens.replace(record)
                return _shown(record, token)
        raise token_missing(name)

    async def revoke(self, name: str) -> None:
        """It ends, within seconds everywhere. Raises TokenNotFound."""
        await self._tokens.remove(name)

    async def all(self) -> tuple[TokenInfo, ...]:
        """All of them, by name, without the tokens themselves."""
        return tuple(TokenInfo(**_told(record)) for record in await self._tokens.all())


def _record(token: str, about: TokenRecord) -> TokenRecord:
    return replace(about, digest=digest_of_token(token), hint=token[-HINT_CHARACTERS:])


def _told(record: TokenRecord) -> dict[str, Any]:
    return {name: getattr(record, name) for name in TokenInfo.model_fields}


def _shown(record: TokenRecord, token: str) -> NewToken:
    return NewToken(**_told(record), token=token)
