"""Who gets through between nodes, by real handshakes on loopback: every certificate that is not right is refused, and
what changes counts without a restart.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse

from ccx.client import Client
from ccx.errors import NodeUnreachable, NotOfTheCluster, UnexpectedAnswer
from ccx.trust import blind_context
from ccx.wire import Lease, NodeRole, Trust
from ccx_orchestrator.access.certificates import KeyPair, make_authority, make_certificate, make_request
from ccx_orchestrator.access.registrar import Registrar
from ccx_orchestrator.api.node_port import NodePort
from ccx_orchestrator.membership.member import Member
from ccx_orchestrator.membership.node_tls import A_MASTER, ANY_NODE, Expected
from ccx_orchestrator.serving import serving
from ccx_orchestrator.submissions.clock import utc_now
from tests.support.membership import joined, new_cluster, of_master
from tests.support.puppet_node import listen_anywhere

DEADLINE_SECONDS = 10.0


def shifted(by: timedelta) -> Callable[[], datetime]:
    return lambda: utc_now() + by


@asynccontextmanager
async def listening(member: Member) -> AsyncIterator[str]:
    """A node that tells everybody that it is well, and whom it takes them for."""
    app = FastAPI()

    @app.get("/healthz")
    async def health() -> dict[str, object]:
        return {"status": "ok", "node": member.me.name, "slots": 1, "running": 0, "queued": 0, "engine": "ok"}

    socket, url = listen_anywhere()
    async with asyncio.timeout(DEADLINE_SECONDS), serving(NodePort(app), socket, tls=member.for_callers()):
        yield url.replace("http:", "https:")


async def status(url: str, context: ssl.SSLContext) -> int:
    async with httpx2.AsyncClient(verify=context) as client:
        return (await client.get(f"{url}/healthz")).status_code


async def both_ways(one: Member, other: Member) -> list[str]:
    """What comes of calling each other: the status, or why not, in the words of the log."""
    ends: list[str] = []
    for caller, called in ((one, other), (other, one)):
        async with listening(called) as url, Client(url, tls=caller.for_calling(ANY_NODE)) as client:
            try:
                ends.append((await client.health()).status)
            except NodeUnreachable as error:
                ends.append(str(error))
    return ends


async def test_nodes_of_one_cluster_talk_to_each_other(tmp_path: Path) -> None:
    registrar = await new_cluster()
    master = await of_master(registrar, tmp_path / "m", "m")
    slave = await joined(registrar, tmp_path / "s", "s")
    assert await both_ways(master, slave) == ["ok", "ok"]


@pytest.mark.parametrize("by", [timedelta(minutes=9), timedelta(minutes=-9), timedelta(days=-29)])
async def test_clocks_may_differ_and_certificates_last_for_weeks(tmp_path: Path, by: timedelta) -> None:
    registrar = await new_cluster()
    master = await of_master(registrar, tmp_path / "m", "m")
    other = Registrar(registrar.records, clock=shifted(by))
    assert await both_ways(master, await joined(other, tmp_path / "s", "s")) == ["ok", "ok"]


@pytest.mark.parametrize("by", [timedelta(minutes=11), timedelta(days=-31)])
async def test_a_certificate_of_another_time_is_refused(tmp_path: Path, by: timedelta) -> None:
    registrar = await new_cluster(shifted(timedelta(days=-40)))
    master = await of_master(Registrar(registrar.records), tmp_path / "m", "m")
    stale = await joined(Registrar(registrar.records, clock=shifted(by)), tmp_path / "s", "s")
    calls, is_called = await both_ways(master, stale)
    assert "its certificate is not trusted here" in calls
    assert is_called.startswith("No ccx node answers")


async def test_a_node_of_another_cluster_is_refused_whatever_it_is_called(tmp_path: Path) -> None:
    ours, theirs = await new_cluster(), await new_cluster()
    master = await of_master(ours, tmp_path / "m", "m")
    rogue = await of_master(theirs, tmp_path / "r", "m")
    calls, is_called = await both_ways(master, rogue)
    assert "its certificate is not trusted here" in calls
    assert "its certificate is not trusted here" in is_called


async def test_a_revoked_node_is_refused_and_its_open_connections_are_worth_nothing(tmp_path: Path) -> None:
    registrar = await new_cluster()
    master = await of_master(registrar, tmp_path / "m", "m")
    slave = await joined(registrar, tmp_path / "s", "s")
    await registrar.revoke("s")
    assert await both_ways(master, slave) == ["ok", "ok"]  # the word has not come yet
    master.accept(await registrar.trust())
    calls, is_called = await both_ways(master, slave)
    assert "the node 's' was revoked" in calls
    assert is_called.startswith("No ccx node answers")


async def test_a_right_certificate_under_a_wrong_name_or_in_a_wrong_role_is_refused(tmp_path: Path) -> None:
    registrar = await new_cluster()
    master = await of_master(registrar, tmp_path / "m", "m")
    slave = await joined(registrar, tmp_path / "s", "s")
    async with listening(slave) as url:
        for expected, complaint in (
            (Expected(name="other"), "its certificate is of the node 's', not of 'other'"),
            (A_MASTER, "the node 's' is a slave, not a master"),
        ):
            async with Client(url, tls=master.for_calling(expected)) as client:
                with pytest.raises(NodeUnreachable, match=complaint):
                    await client.health()
        assert await status(url, master.for_calling(Expected("s", NodeRole.SLAVE))) == 200


async def test_the_certificate_of_a_server_is_none_of_a_node(tmp_path: Path) -> None:
    """Not even of the right authority: it does not say which node it is of."""
    registrar = await new_cluster()
    master = await of_master(registrar, tmp_path / "m", "m")
    record = (await registrar.records.trusted()).authorities[0]
    authority = KeyPair(record.certificate.encode(), record.key.encode())
    made = make_certificate(authority, ("127.0.0.1",), utc_now())
    (tmp_path / "server.pem").write_bytes(made.key + made.certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem")
    socket, url = listen_anywhere()
    url = url.replace("http:", "https:")
    async with serving(FastAPI(), socket, tls=context), Client(url, tls=master.for_calling(ANY_NODE)) as client:
        with pytest.raises(NodeUnreachable, match="none of a node"):
            await client.health()


async def test_who_has_no_certificate_may_ask_for_one_and_nothing_else(tmp_path: Path) -> None:
    master = await of_master(await new_cluster(), tmp_path / "m", "m")
    other = make_authority("other", utc_now())
    made = make_certificate(other, ("me",), utc_now())
    (tmp_path / "other.pem").write_bytes(made.key + made.certificate)
    with_another = blind_context()
    with_another.load_cert_chain(tmp_path / "other.pem")
    async with listening(master) as url:
        async with Client(url, tls=blind_context()) as client:
            with pytest.raises(NotOfTheCluster, match="needs a certificate of the cluster"):
                await client.health()
        async with Client(url, tls=with_another) as client:
            with pytest.raises(NodeUnreachable):
                await client.health()
        old = blind_context()
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        async with Client(url, tls=old) as client:
            with pytest.raises(NodeUnreachable):
                await client.health()


async def test_an_authority_is_changed_while_connections_stay(tmp_path: Path) -> None:
    registrar = await new_cluster()
    master = await of_master(registrar, tmp_path / "m", "m")
    slave = await joined(registrar, tmp_path / "s", "s")
    late = await joined(registrar, tmp_path / "l", "late")
    async with (
        listening(master) as url,
        httpx2.AsyncClient(verify=slave.for_calling(A_MASTER), base_url=url) as kept,
    ):
        assert (await kept.get("/healthz")).status_code == 200
        await registrar.rotate("m")
        for member in (master, slave):
            member.accept(await registrar.trust())
        await _renew(registrar, slave)
        assert await status(url, slave.for_calling(A_MASTER)) == 200  # a new certificate, of the new authority
        assert await status(url, late.for_calling(A_MASTER)) == 200  # it has heard nothing of it
        await registrar.finish_rotation(by_force=True)
        for member in (master, slave):
            member.accept(await registrar.trust())
        await master._renew()
        assert (await kept.get("/healthz")).status_code == 200  # on the connection from before
        assert await status(url, slave.for_calling(A_MASTER)) == 200
        with pytest.raises(httpx2.HTTPError):
            await status(url, late.for_calling(A_MASTER))


async def _renew(registrar: Registrar, member: Member) -> None:
    """As a slave does over HTTP."""
    asked = make_request(member.me.name)
    made = await registrar.renew(member.me, asked.certificate)
    member._keep(KeyPair(made.certificate.encode(), asked.key), made.trust)


async def test_what_is_older_than_what_is_known_changes_nothing(tmp_path: Path) -> None:
    registrar = await new_cluster()
    slave = await joined(registrar, tmp_path / "s", "s")
    known = slave.trust
    slave.accept(Trust(revision=known.revision, authorities=(), revoked=("x",)))
    slave.accept(Trust(revision=known.revision + 1, authorities=()))
    assert slave.trust == known
    slave.accept(known.model_copy(update={"revision": known.revision + 1, "revoked": ("x",)}))
    assert slave.trust.revoked == ("x",)


async def test_a_node_that_leads_elsewhere_is_not_followed(tmp_path: Path) -> None:
    registrar = await new_cluster()
    master = await of_master(registrar, tmp_path / "m", "m")
    slave = await joined(registrar, tmp_path / "s", "s")
    app, heard = FastAPI(), []

    @app.put("/v1/leases/m")
    async def lead_elsewhere(request: Request) -> RedirectResponse:
        heard.append(request.url.path)
        return RedirectResponse("/elsewhere", 307)

    @app.put("/elsewhere")
    async def elsewhere(request: Request) -> None:
        heard.append(request.url.path)

    socket, url = listen_anywhere()
    url = url.replace("http:", "https:")
    async with serving(app, socket, tls=slave.for_callers()), Client(url, tls=master.for_calling(ANY_NODE)) as client:
        with pytest.raises(UnexpectedAnswer, match="HTTP 307"):
            await client.renew("m", Lease(seconds=8))
    assert heard == ["/v1/leases/m"]
