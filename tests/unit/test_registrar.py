"""How nodes come into a cluster and go, and how its authority changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from ccx.errors import BadInput, InvalidSubmission, NodeExists, NotOfTheCluster, TooManyWrongTokens
from ccx.wire import JoinRequest, JoinTokenRequest, NodeRole
from ccx_orchestrator.access.certificates import make_request
from ccx_orchestrator.access.rates import WRONG_PER_MINUTE
from ccx_orchestrator.access.registrar import Registrar, id_of, parse_join_token
from ccx_orchestrator.membership.identity_files import IdentityFiles
from ccx_orchestrator.store.memory_cluster_records import MemoryClusterRecords
from tests.support.membership import joined, new_cluster, of_master


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


async def join(registrar: Registrar, token: str, name: str = "h1", request: str | None = None) -> None:
    request = make_request(name).certificate.decode() if request is None else request
    await registrar.join(JoinRequest(token=token, name=name, request=request), "10.0.0.1")


async def test_a_token_names_the_authority_that_it_may_be_shown_to() -> None:
    registrar = await new_cluster()
    made = await registrar.make_join_token(JoinTokenRequest())
    (authority,) = (await registrar.trust()).authorities
    assert parse_join_token(f" {made.token}\n")[1] == id_of(authority)
    assert parse_join_token(made.token[:-1]) == parse_join_token("ccxjoin_") == ("", "")
    assert made.expires_at - datetime.now(UTC) > timedelta(hours=23)


async def test_a_token_is_used_once_and_a_refusal_does_not_use_it_up() -> None:
    registrar = await new_cluster()
    first, second = [(await registrar.make_join_token(JoinTokenRequest())).token for _ in range(2)]
    await join(registrar, first)
    with pytest.raises(NotOfTheCluster, match="ccx cluster join-command"):
        await join(registrar, first, "h2")
    with pytest.raises(NodeExists):
        await join(registrar, second)
    await join(registrar, second, "h2")
    assert [(one.name, one.role) for one in await registrar.members()] == [
        ("h1", NodeRole.SLAVE),
        ("h2", NodeRole.SLAVE),
    ]


async def test_one_that_may_be_used_again_lets_many_in_until_it_expires() -> None:
    clock = Clock()
    registrar = await new_cluster(clock)
    token = (await registrar.make_join_token(JoinTokenRequest(is_reusable=True, expires_seconds=60))).token
    for name in ("h1", "h2"):
        await join(registrar, token, name)
    clock.now += timedelta(seconds=61)
    with pytest.raises(NotOfTheCluster):
        await join(registrar, token, "h3")


async def test_guessing_is_slowed_and_a_right_token_is_taken_all_the_same() -> None:
    registrar = await new_cluster()
    right = (await registrar.make_join_token(JoinTokenRequest())).token
    for number in range(WRONG_PER_MINUTE):
        with pytest.raises(NotOfTheCluster):
            await join(registrar, f"ccxjoin_{number:064x}_{number:064x}")
    with pytest.raises(TooManyWrongTokens):
        await join(registrar, "nonsense")
    await join(registrar, right)


def rsa_request() -> str:
    key = rsa.generate_private_key(65537, 2048)
    made = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, SHA256())
    return made.public_bytes(Encoding.PEM).decode()


@pytest.mark.parametrize("request_text", ["", "nonsense", rsa_request()])
async def test_what_is_no_request_of_ours_is_refused_by_name(request_text: str) -> None:
    registrar = await new_cluster()
    token = (await registrar.make_join_token(JoinTokenRequest())).token
    with pytest.raises(InvalidSubmission, match="P-256") as refused:
        await join(registrar, token, request=request_text)
    assert [error.field for error in refused.value.errors] == ["request"]
    await join(registrar, token)


async def test_what_a_request_says_of_names_and_roles_is_ignored(tmp_path: Path) -> None:
    registrar = await new_cluster()
    await joined(registrar, tmp_path, "h1")
    peer = IdentityFiles(tmp_path).peer()
    asked = make_request("master")
    renewed = await registrar.renew(peer, asked.certificate)
    subject = x509.load_pem_x509_certificate(renewed.certificate.encode()).subject.rfc4514_string()
    assert subject.startswith(f"2.5.4.5={peer.enrolment},OU=slave,CN=h1")


async def test_there_is_one_beginning() -> None:
    registrar = await new_cluster()
    with pytest.raises(BadInput, match="has an authority already"):
        await registrar.init("again")
    with pytest.raises(BadInput, match="ccx cluster init"):
        await Registrar(MemoryClusterRecords()).make_join_token(JoinTokenRequest())


async def test_a_master_takes_its_name_again_and_a_slave_may_not_have_it(tmp_path: Path) -> None:
    registrar = await new_cluster()
    first = await of_master(registrar, tmp_path / "first", "m")
    second = await of_master(registrar, tmp_path / "second", "m")
    assert second.me.enrolment != first.me.enrolment
    assert second.is_revoked(first.me)
    kept = await registrar.own("m", second.me)
    assert IdentityFiles(tmp_path / "second").peer() == second.me
    assert kept[1].revision == second.trust.revision
    await registrar.revoke("m")
    with pytest.raises(BadInput, match="'m', was revoked"):
        await registrar.own("m", second.me)
    token = (await registrar.make_join_token(JoinTokenRequest())).token
    await join(registrar, token, "m")
    with pytest.raises(NodeExists):
        await registrar.own("m", None)


async def test_the_authority_changes_in_two_steps(tmp_path: Path) -> None:
    registrar = await new_cluster()
    master = await of_master(registrar, tmp_path / "m", "m")
    slave = await joined(registrar, tmp_path / "s", "s")
    (old,) = (await registrar.trust()).authorities
    with pytest.raises(BadInput, match="not being changed"):
        await registrar.finish_rotation()
    new = await registrar.rotate("m")
    with pytest.raises(BadInput, match="--finish"):
        await registrar.rotate("m")
    assert [id_of(one) for one in (await registrar.trust()).authorities] == [id_of(old), new]
    with pytest.raises(BadInput, match="old authority: s"):
        await registrar.finish_rotation()
    await registrar.renew(slave.me, make_request("s").certificate)
    await registrar.own("m", master.me)
    assert {one.name: one.authority for one in await registrar.members()} == {"m": id_of(old), "s": new}
    await registrar.finish_rotation()
    assert [id_of(one) for one in (await registrar.trust()).authorities] == [new]
    assert (await registrar.trust()).revision == 3


async def test_nodes_that_were_away_can_be_left_behind_by_force(tmp_path: Path) -> None:
    registrar = await new_cluster()
    await joined(registrar, tmp_path, "away")
    await registrar.rotate("m")
    await registrar.finish_rotation(by_force=True)
    assert len((await registrar.trust()).authorities) == 1


async def test_a_sealed_key_is_of_no_use_without_the_passphrase() -> None:
    records = MemoryClusterRecords()
    sealed = Registrar(records, "long and random")
    await sealed.init("m")
    assert "ENCRYPTED" in (await records.trusted()).authorities[0].key
    token = (await sealed.make_join_token(JoinTokenRequest(is_reusable=True))).token
    await join(sealed, token)
    for passphrase, complaint in ((None, "is missing"), ("another", "is another one")):
        with pytest.raises(BadInput, match=f"'cluster_key' {complaint}"):
            await join(Registrar(records, passphrase), token, "h2")
