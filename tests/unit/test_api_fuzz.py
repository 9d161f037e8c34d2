"""The API against its own OpenAPI document: whatever is sent, no answer is a 5xx, and none is undocumented."""

from __future__ import annotations

from typing import Any

import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from ccx.wire import LanguageInfo
from ccx_orchestrator.api.app import create_app
from ccx_orchestrator.api.node import Node
from ccx_orchestrator.domain.language import Language
from ccx_orchestrator.store.memory import MemoryStore
from tests.support.fakes import FakeExecutor
from tests.support.languages import language
from tests.support.service import submissions_over

EXAMPLES = 60


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


def make_app() -> FastAPI:
    catalogue = AnyLanguage()
    submissions = submissions_over(MemoryStore(), FakeExecutor(), 2, catalogue=catalogue)
    return create_app(Node("fuzz", submissions, catalogue, 1 << 20, bytes))


schema = schemathesis.openapi.from_asgi("/openapi.json", make_app())


@schema.parametrize()
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_request_is_answered_by_a_fault_or_by_what_is_not_documented(case: schemathesis.Case[Any]) -> None:
    case.call_and_validate(excluded_checks=[positive_data_acceptance])
