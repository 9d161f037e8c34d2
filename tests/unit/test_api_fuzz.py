"""The API against its own OpenAPI document: whatever is sent, no answer is a 5xx, and none is undocumented."""

from __future__ import annotations

import asyncio
from typing import Any

import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from ccx.wire import LanguageInfo, Role, TokenRequest
from ccx_orchestrator.access.doorkeeper import Doorkeeper
from ccx_orchestrator.access.token_desk import TokenDesk
from ccx_orchestrator.api.app import create_app
from ccx_orchestrator.api.node import Node
from ccx_orchestrator.domain.language import Language
from ccx_orchestrator.store.memory import MemoryStore
from tests.support.fakes import FakeExecutor
from tests.support.languages import language
from tests.support.membership import new_cluster
from tests.support.service import submissions_over

EXAMPLES = 60
OPEN = {"GET /healthz", "GET /v1/ca", "POST /v1/session", "DELETE /v1/session", "GET /v1/whoami"}


class AnyLanguage:
    """A catalogue in which every language is the same one, for requests to get further than its name."""

    def find(self, name: str) -> Language:
        return language(is_compiled=bool(len(name) % 2))

    def names(self) -> tuple[str, ...]:
        return (language().name,)

    def all(self) -> tuple[LanguageInfo, ...]:
        return ()

    def lacking(self) -> tuple[LanguageInfo, ...]:
        return ()


def make_app(**more: Any) -> FastAPI:
    catalogue = AnyLanguage()
    submissions = submissions_over(MemoryStore(), FakeExecutor(), 2, catalogue=catalogue)
    return create_app(Node("fuzz", submissions, catalogue, 1 << 20, bytes, **more))


def make_locked_app() -> tuple[FastAPI, dict[str, str]]:
    """A node that asks for tokens, and what an administrator sends along."""
    tokens = MemoryStore().tokens
    desk = TokenDesk(tokens)
    made = asyncio.run(desk.create(TokenRequest(name="the-one-that-asks", role=Role.ADMIN)))
    registrar = asyncio.run(new_cluster())
    app = make_app(doorkeeper=Doorkeeper(tokens, "none", ()), desk=desk, registrar=registrar)
    return app, {"Authorization": f"Bearer {made.token}"}


locked_app, CREDENTIALS = make_locked_app()
locked = schemathesis.openapi.from_asgi("/openapi.json", locked_app, headers=CREDENTIALS)
schema = schemathesis.openapi.from_asgi("/openapi.json", make_app())


@schema.parametrize()
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_request_is_answered_by_a_fault_or_by_what_is_not_documented(case: schemathesis.Case[Any]) -> None:
    case.call_and_validate(excluded_checks=[positive_data_acceptance])


@locked.parametrize()
@settings(max_examples=EXAMPLES // 6, deadline=None, suppress_health_check=list(HealthCheck))
def test_so_it_is_where_the_node_asks_for_tokens(case: schemathesis.Case[Any]) -> None:
    case.call_and_validate(headers=CREDENTIALS, excluded_checks=[positive_data_acceptance])
    if case.operation.label not in OPEN:
        assert case.call(headers={"Authorization": "Bearer ccx_wrong"}).status_code in {401, 429}
