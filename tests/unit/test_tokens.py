"""Tokens as text, quotas, and at which address a node may stand how. All pure."""

from __future__ import annotations

import string
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given
from hypothesis import strategies as st

from ccx.errors import BadInput, InvalidSubmission, QuotaExceeded
from ccx.trust import fingerprint_of
from ccx.wire import Checker, LimitOverrides, Quota, Role, SourceFile, SubmissionRequest
from ccx_orchestrator.access.caller import Caller
from ccx_orchestrator.access.certificates import is_due, make_authority, make_certificate
from ccx_orchestrator.access.posture import Locks, Posture
from ccx_orchestrator.access.quotas import Quotas, Unfinished, held_to
from ccx_orchestrator.access.rights import RIGHTS_OF_ROLE
from ccx_orchestrator.access.tokens import digest_of_token, is_token, make_token
from tests.support.languages import LIMITS
from tests.support.node import submission

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NONE = Unfinished()
ALPHABET = string.digits + string.ascii_letters


def test_no_two_tokens_are_alike_and_each_is_one() -> None:
    made = {make_token() for _ in range(200)}
    assert len(made) == 200
    assert all(is_token(token) and len(token) == 53 for token in made)
    assert len({digest_of_token(token) for token in made}) == 200


@given(st.integers(4, 52), st.sampled_from(ALPHABET))
def test_a_token_with_another_character_is_none(position: int, character: str) -> None:
    token = make_token()
    changed = token[:position] + character + token[position + 1 :]
    assert is_token(changed) == (changed == token)


@pytest.mark.parametrize("text", ["", "ccx_", "ccx_" + "0" * 49, "ccx_" + "é" * 49, "Bearer"])
def test_other_text_is_no_token(text: str) -> None:
    assert not is_token(text)
    assert not is_token(make_token()[:-1])


@pytest.mark.parametrize(
    ("host", "access", "has_tls", "is_insecure", "posture"),
    [
        ("127.0.0.1", None, False, False, Posture.LOCAL),
        ("::1", None, False, False, Posture.LOCAL),
        ("localhost", True, True, False, Posture.LOCAL),
        ("0.0.0.0", None, True, False, Posture.LOCKED),
        ("10.0.0.7", True, True, False, Posture.LOCKED),
        ("0.0.0.0", None, True, True, Posture.INSECURE),
        ("0.0.0.0", None, False, True, Posture.INSECURE),
        ("0.0.0.0", True, False, True, Posture.INSECURE),
        ("0.0.0.0", None, False, False, None),
        ("::", True, False, False, None),
        ("lab.school.example", False, True, False, None),
    ],
)
def test_a_node_that_others_reach_needs_locks_or_is_told_to_have_none(
    host: str, access: bool | None, has_tls: bool, is_insecure: bool, posture: Posture | None
) -> None:
    locks = Locks(host, access, has_tls, is_insecure)
    if posture is None:
        with pytest.raises(BadInput, match=r"ccx token create NAME --role admin.*--tls.*--insecure"):
            locks.posture()
    else:
        assert locks.posture() is posture


@pytest.mark.parametrize(
    ("host", "access", "is_insecure", "asks"),
    [
        ("127.0.0.1", None, False, False),
        ("127.0.0.1", True, False, True),
        ("0.0.0.0", None, False, True),
        ("0.0.0.0", None, True, False),
        ("0.0.0.0", True, True, True),
    ],
)
def test_tokens_are_asked_for_where_others_reach_the_node_or_it_is_told_to(
    host: str, access: bool | None, is_insecure: bool, asks: bool
) -> None:
    assert Locks(host, access, has_tls=False, is_insecure=is_insecure).asks_for_tokens is asks


def caller(**quota: object) -> Caller:
    return Caller("key alice", RIGHTS_OF_ROLE[Role.USER], Role.USER, "alice", Quota.model_validate(quota))


def test_a_quota_by_the_minute_is_told_in_the_head_and_then_refused() -> None:
    quotas, request = Quotas(), submission("python", "")
    first = quotas.check(caller(per_minute=2), request, NONE)
    second = quotas.check(caller(per_minute=2), request, NONE)
    assert first["RateLimit-Policy"] == '"per-minute";q=2;w=60'
    assert (first["RateLimit"].split(";t=")[0], second["RateLimit"].split(";t=")[0]) == (
        '"per-minute";r=1',
        '"per-minute";r=0',
    )
    with pytest.raises(QuotaExceeded, match="allows 2 submissions a minute") as refused:
        quotas.check(caller(per_minute=2), request, NONE)
    assert 0 < (refused.value.retry_after_seconds or 0) <= 60


def test_a_quota_of_what_is_unfinished_is_refused_when_it_is_reached() -> None:
    assert Quotas().check(caller(unfinished=2), submission("python", ""), Unfinished(1, 0)) == {}
    with pytest.raises(QuotaExceeded, match="allows 2 submissions that wait or run"):
        Quotas().check(caller(unfinished=2), submission("python", ""), Unfinished(1, 1))


def test_a_quota_of_what_waits_is_refused_when_it_is_reached_whatever_runs() -> None:
    assert Quotas().check(caller(queued=2), submission("python", ""), Unfinished(1, 9)) == {}
    with pytest.raises(QuotaExceeded, match="allows 2 submissions that wait at a time"):
        Quotas().check(caller(queued=2), submission("python", ""), Unfinished(2, 0))


def test_a_priority_above_the_quota_names_the_field() -> None:
    with pytest.raises(InvalidSubmission) as refused:
        Quotas().check(caller(highest_priority=0), submission("python", "", priority=1), NONE)
    assert [error.field for error in refused.value.errors] == ["priority"]


def test_a_certificate_is_of_its_authority_and_for_its_names() -> None:
    authority = make_authority("lab", NOW)
    made = make_certificate(authority, ("lab.example", "10.0.0.7"), NOW)
    found = x509.load_pem_x509_certificate(made.certificate)
    found.verify_directly_issued_by(x509.load_pem_x509_certificate(authority.certificate))
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["lab.example"]
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ["10.0.0.7"]
    digest = x509.load_pem_x509_certificate(authority.certificate).fingerprint(SHA256())
    assert fingerprint_of(authority.certificate.decode()) == digest.hex(":").upper()


@pytest.mark.parametrize(
    ("days", "names", "due"),
    [(0, ("a",), False), (19, ("a",), False), (21, ("a",), True), (0, ("a", "b"), True), (0, ("10.0.0.1",), True)],
)
def test_a_certificate_is_renewed_at_two_thirds_of_its_life_or_for_a_new_name(
    days: int, names: tuple[str, ...], due: bool
) -> None:
    authority = make_authority("lab", NOW)
    made = make_certificate(authority, ("a",), NOW)
    assert is_due(made.certificate, authority.certificate, names, NOW + timedelta(days=days)) is due


def test_a_certificate_of_another_authority_is_renewed() -> None:
    made = make_certificate(make_authority("one", NOW), ("a",), NOW)
    assert is_due(made.certificate, make_authority("other", NOW).certificate, ("a",), NOW)


def test_the_limits_of_a_token_bound_what_is_asked_and_what_is_not() -> None:
    most = LimitOverrides(cpu_seconds=2, memory_bytes=512 << 20, address_space_bytes=1 << 30)
    who, quotas = caller(limits=most.model_dump()), Quotas()

    def asking(**limits: float) -> SubmissionRequest:
        files = (SourceFile(name="a", content="x"),)
        return SubmissionRequest(language="demo", files=files, limits=LimitOverrides.model_validate(limits))

    quotas.check(who, asking(cpu_seconds=2), NONE)
    with pytest.raises(InvalidSubmission, match=r"limits\.cpu_seconds is at most 2 for your token"):
        quotas.check(who, asking(cpu_seconds=2.5), NONE)
    checker = Checker(language="demo", files=(SourceFile(name="a", content="x"),), limits=LimitOverrides(cpu_seconds=9))
    with pytest.raises(InvalidSubmission, match=r"checker\.limits\.cpu_seconds"):
        quotas.check(who, asking().model_copy(update={"checker": checker}), NONE)
    held = held_to(asking(wall_seconds=3), most, LIMITS).limits
    assert (held.cpu_seconds, held.wall_seconds, held.address_space_bytes) == (2, 3, 1 << 30)
    assert held.memory_bytes is None  # the default is less
    assert held_to(asking(cpu_seconds=1), most, LIMITS).limits.cpu_seconds == 1
