"""A cluster whose nodes have certificates, by the documented commands: joining, being revoked, changing the authority,
and what strangers get.
"""

from __future__ import annotations

import asyncio
import shlex
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from ccx.client import Client
from ccx.errors import Forbidden, NodeUnreachable, NotOfTheCluster
from ccx.trust import blind_context
from ccx.wire import FORWARDED_HEADER, Announcement, Lease, NodeHealth, NodeRole, State, Verdict
from ccx_orchestrator.access.certificates import make_authority, make_certificate
from ccx_orchestrator.access.registrar import Registrar, id_of
from ccx_orchestrator.membership.identity_files import IdentityFiles
from ccx_orchestrator.membership.node_tls import ANY_NODE
from ccx_orchestrator.store.sqlite import open_sqlite_access
from ccx_orchestrator.submissions.clock import utc_now
from tests.e2e.conftest import RunsCommands
from tests.support.membership import joined, new_cluster, of_master
from tests.support.node import NodeProcess, eventually, submission
from tests.support.puppet_node import listen_anywhere

pytestmark = pytest.mark.docker

ROOT = Path(__file__).parents[2]
HELLO = "print('hello')\n"
COMMANDS = ("ccx cluster init", "ccx serve --host 0.0.0.0 --tls", "ccx cluster join-command")
ServesNodes = Callable[..., NodeProcess]


@dataclass
class Pair:
    """A master that runs nothing itself, and what a slave is started with."""

    master: NodeProcess
    join: tuple[str, ...]
    token: str
    ca: Path

    def client(self) -> Client:
        return self.master.client(token=self.token, ca=self.ca)

    @property
    def node_port(self) -> str:
        return node_port(self.master)


def node_port(node: NodeProcess) -> str:
    """Where other nodes call it."""
    return (
        node.line_with("nodes of the cluster call it on ")
        .split(" on ")[1]
        .split(";")[0]
        .replace("0.0.0.0", "127.0.0.1")
    )


@pytest.fixture
def pair(ccx: RunsCommands, serves: ServesNodes, suite: str, tmp_path: Path) -> Pair:
    name = ("--node", f"{suite}-master")
    assert ccx(*COMMANDS[0].split()[1:], *name).returncode == 0
    token = ccx("token", "create", "root", "--role", "admin", *name).stdout.strip()
    settings = {"CCX_LANGUAGES": "none", "CCX_CLUSTER_PORT": "0", "CCX_UNSERVED_SECONDS": "2"}
    master = serves("master", *COMMANDS[1].split()[2:], **settings)
    url = master.url.replace("0.0.0.0", "127.0.0.1")
    master.url = url
    ca = tmp_path / f"state/tls/{suite}-master-authority.pem"  # the cluster's
    printed = ccx(*COMMANDS[2].split()[1:], "--server", url, CCX_TOKEN=token, CCX_CA=str(ca))
    words = shlex.split(printed.stdout)
    assert words[:2] == ["ccx", "serve"], printed.stderr
    return Pair(master, tuple(words[2:]), token, ca)


def slave(serves: ServesNodes, join: tuple[str, ...], name: str = "slave") -> NodeProcess:
    node = serves(name, *join, "--languages", "python", CCX_CLUSTER_PORT="0")
    node.url = node.url.replace("0.0.0.0", "127.0.0.1")
    return node


async def until_it_serves(client: Client, *, is_wanted: bool = True) -> None:
    async def is_so() -> bool:
        return bool(await client.languages()) is is_wanted

    await eventually(is_so, f"python is {'there' if is_wanted else 'gone'}")


def test_the_documents_have_the_commands_that_are_tried_here() -> None:
    text = (ROOT / "docs/cluster.md").read_text()
    assert all(command in text for command in COMMANDS)


async def test_a_slave_joins_by_the_printed_command_and_needs_no_token_after_that(
    pair: Pair, ccx: RunsCommands, serves: ServesNodes, suite: str
) -> None:
    one = slave(serves, pair.join)
    async with pair.client() as client:
        await until_it_serves(client)
        ran = await client.submit(submission("python", HELLO))
        assert (ran.verdict, ran.node, ran.cases[0].stdout) == (Verdict.OK, one.name, "hello\n")
        assert [(member.name, member.role) for member in await client.members()] == [
            (f"{suite}-master", NodeRole.MASTER),
            (one.name, NodeRole.SLAVE),
        ]
        await asyncio.to_thread(one.stop)
        await until_it_serves(client, is_wanted=False)
        again = slave(serves, pair.join)  # the same command: its token is not looked at any more
        await until_it_serves(client)
        assert (await client.submit(submission("python", HELLO))).node == again.name
        used = ccx("serve", *pair.join, "--name", "other", CCX_PORT="0")
        assert (used.returncode, used.stderr.count("\n")) == (214, 1), used.stderr
        assert "was used" in used.stderr
    assert pair.join[-1] not in "\n".join(one.log.all() + pair.master.log.all())


async def test_a_node_that_is_revoked_gets_nothing_any_more_and_what_it_ran_counts_no_more(
    pair: Pair, ccx: RunsCommands, serves: ServesNodes, suite: str
) -> None:
    one = slave(serves, pair.join)
    slow = submission("python", "import time\nprint('on', flush=True)\ntime.sleep(8)\nprint('off')\n")
    async with pair.client() as client:
        await until_it_serves(client)
        accepted = await client.submit(slow, wait=False)

        async def is_on() -> bool:
            return (await client.submission(accepted.id)).state is State.RUNNING

        await eventually(is_on, "it runs on the slave")
        done = ccx("nodes", "revoke", one.name, "--node", f"{suite}-master")
        assert (done.returncode, done.stdout) == (0, f"{one.name} is revoked\n"), done.stderr
        ended = await client.wait(accepted.id)
        assert (ended.verdict, "No node that serves python" in (ended.message or "")) == (Verdict.INTERNAL_ERROR, True)
        await until_it_serves(client, is_wanted=False)
        names = ccx("cluster", "members", "--node", f"{suite}-master").stdout
        assert [line.split()[-1] for line in names.splitlines() if one.name in line] == ["revoked"]
        one.line_with("was revoked")
        again = ccx("nodes", "revoke", one.name, "--node", f"{suite}-master")
        assert (again.returncode, "no node" in again.stderr.lower()) == (212, True), again.stderr


async def test_strangers_and_nodes_of_other_clusters_get_nothing(
    pair: Pair, serves: ServesNodes, tmp_path: Path
) -> None:
    one = slave(serves, pair.join)
    async with pair.client() as client:
        await until_it_serves(client)
    theirs = await new_cluster()
    rogues = {
        "no certificate": blind_context(),
        "another authority": _blind_with(await of_master(theirs, tmp_path / "rogue", pair.master.name)),
    }
    for where in (pair.node_port, node_port(one)):
        for context in rogues.values():
            async with Client(where, tls=context, headers={FORWARDED_HEADER: "rogue"}) as rogue:
                for attempt in (
                    rogue.announce("rogue", Announcement(url="https://127.0.0.1:1")),
                    rogue.renew("rogue", Lease(seconds=60)),
                    rogue.submit(submission("python", HELLO)),
                    rogue.list(),
                    rogue.nodes(),
                ):
                    with pytest.raises((NotOfTheCluster, NodeUnreachable)):
                        await attempt
    for node in (pair.master, one):  # at the port for users it makes no difference what somebody says of itself
        async with node.client(tls=blind_context(), headers={FORWARDED_HEADER: "rogue"}) as rogue:
            with pytest.raises(NotOfTheCluster):
                await rogue.languages()
    async with pair.client() as client:
        assert {node.name for node in await client.nodes()} == {pair.master.name, one.name}
        assert (await client.submit(submission("python", HELLO))).verdict is Verdict.OK


def _blind_with(member: object) -> ssl.SSLContext:
    """Shows that certificate, and believes everybody."""
    context = blind_context()
    context.load_cert_chain(member._files.certificate)  # type: ignore[attr-defined]
    return context


async def test_a_slave_in_wrong_hands_speaks_for_itself_alone(
    pair: Pair, serves: ServesNodes, suite: str, tmp_path: Path
) -> None:
    one = slave(serves, pair.join)
    async with pair.client() as client:
        await until_it_serves(client)
        async with open_sqlite_access(tmp_path / f"state/{suite}-master.sqlite") as access:
            evil = await joined(Registrar(access.cluster), tmp_path / "evil", "evil")
        async with Client(pair.node_port, tls=evil.for_calling(ANY_NODE), headers={FORWARDED_HEADER: "x"}) as rogue:
            for attempt in (
                rogue.announce(one.name, Announcement(url="https://127.0.0.1:1")),
                rogue.withdraw(one.name),
                rogue.renew("x", Lease(seconds=60)),
                rogue.submit(submission("python", HELLO)),
                rogue.list(),
                rogue.drain(one.name),
                rogue.members(),
            ):
                with pytest.raises((NotOfTheCluster, Forbidden)):
                    await attempt
            # It may say that it is there, but not at the address of another: who answers there has another name.
            await rogue.announce("evil", Announcement(url=node_port(one)))
        ran = await client.submit(submission("python", HELLO))
        assert (ran.verdict, ran.node) == (Verdict.OK, one.name)
        assert {node.name for node in await client.nodes() if node.health is NodeHealth.OK} == {
            pair.master.name,
            one.name,
        }


@dataclass
class Eavesdropper:
    """Stands between two nodes, with a certificate of an authority of its own, and writes down what it reads."""

    to: str
    folder: Path
    heard: bytearray

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        made = make_certificate(make_authority("m", utc_now()), ("127.0.0.1",), utc_now())
        (self.folder / "between.pem").write_bytes(made.key + made.certificate)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / "between.pem")
        listening, url = listen_anywhere()
        async with await asyncio.start_server(self._pass_on, sock=listening, ssl=context):
            yield url.replace("http:", "https:")

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, port = self.to.removeprefix("https://").split(":")
        far_reader, far_writer = await asyncio.open_connection(host, int(port), ssl=blind_context())

        async def copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            while data := await source.read(65_536):
                self.heard += data
                sink.write(data)
            sink.close()

        await asyncio.gather(copy(reader, far_writer), copy(far_reader, writer), return_exceptions=True)


async def test_who_stands_between_hears_no_secret_and_lets_nobody_in(
    pair: Pair, ccx: RunsCommands, tmp_path: Path
) -> None:
    between = Eavesdropper(pair.node_port, tmp_path, bytearray())
    async with between.listening() as url:
        words = [url if word == pair.node_port else word for word in pair.join]
        assert words != list(pair.join)
        done = await asyncio.to_thread(
            ccx, "serve", *words, "--name", "lured", CCX_PORT="0", CCX_STATE_DIR=str(tmp_path / "lured")
        )
    assert (done.returncode, "its certificate is not trusted here" in done.stderr) == (212, True), done.stderr
    secret = pair.join[-1].split("_")[1]
    assert b"/v1/cluster/authorities" in between.heard
    assert secret.encode() not in between.heard
    assert not (tmp_path / "lured/cluster").exists()


async def test_a_master_of_another_cluster_than_the_tokens_is_shown_nothing(
    pair: Pair, ccx: RunsCommands, tmp_path: Path
) -> None:
    *rest, token = pair.join
    other = token[:-4] + ("0000" if token[-4:] != "0000" else "1111")
    done = await asyncio.to_thread(
        ccx, "serve", *rest, other, "--name", "lost", CCX_PORT="0", CCX_STATE_DIR=str(tmp_path / "lost")
    )
    assert (done.returncode, "is of another cluster" in done.stderr) == (212, True), done.stderr
    wrong_port = [pair.master.url if word == pair.node_port else word for word in pair.join]
    done = await asyncio.to_thread(
        ccx, "serve", *wrong_port, "--name", "lost", CCX_PORT="0", CCX_STATE_DIR=str(tmp_path / "lost")
    )
    assert (done.returncode, "is not where a master listens for nodes" in done.stderr) == (212, True), done.stderr


async def test_certificates_are_renewed_in_time_and_one_that_has_ended_says_what_to_do(
    pair: Pair, ccx: RunsCommands, serves: ServesNodes, suite: str, tmp_path: Path
) -> None:
    async with open_sqlite_access(tmp_path / f"state/{suite}-master.sqlite") as access:
        for name, age in (("due", timedelta(days=21)), ("ended", timedelta(days=31))):
            registrar = Registrar(access.cluster, clock=lambda age=age: utc_now() - age)  # type: ignore[misc]
            folder = tmp_path / f"state/cluster/{suite}-{name}"
            made = await joined(registrar, folder, f"{suite}-{name}")
            made._files.note(made._known.model_copy(update={"masters": (pair.node_port,)}))
    due = slave(serves, ("--host", "127.0.0.1", "--join", pair.node_port), "due")
    due.line_with("a new certificate in the cluster")
    files = IdentityFiles(tmp_path / f"state/cluster/{suite}-due")
    assert b"PRIVATE KEY" in files.certificate.read_bytes()
    async with pair.client() as client:
        await until_it_serves(client)
        (member,) = [one for one in await client.members() if one.name == due.name]
        assert member.expires_at > utc_now() + timedelta(days=29)
    ended = ccx("serve", "--name", f"{suite}-ended", CCX_PORT="0")
    assert (ended.returncode, ended.stderr.count("\n")) == (212, 1), ended.stderr
    assert "ccx cluster join-command" in ended.stderr


async def test_the_authority_changes_without_a_stop(
    pair: Pair, ccx: RunsCommands, serves: ServesNodes, suite: str
) -> None:
    one = slave(serves, pair.join)
    node = ("--node", f"{suite}-master")
    long = submission("python", "import time\ntime.sleep(6)\nprint('through it all')\n", limits={"wall_seconds": 30})
    before = id_of(pair.ca.read_text())
    async with pair.client() as client:
        await until_it_serves(client)
        running = asyncio.create_task(client.submit(long))
        rotated = ccx("cluster", "rotate", *node)
        assert (rotated.returncode, "SHA-256" in rotated.stdout) == (0, True), rotated.stderr
        new = rotated.stdout.split()[6]
        early = ccx("cluster", "rotate", "--finish", *node)

        async def has_changed() -> bool:
            return {member.name: member.authority for member in await client.members()}[one.name] == new

        await eventually(has_changed, "the slave has a certificate of the new authority")
        assert early.returncode in {0, 212}
        if early.returncode:
            assert one.name in early.stderr
            assert ccx("cluster", "rotate", "--finish", *node).returncode == 0
        pair.master.line_with("a new certificate in the cluster")
        ran = await running
        assert (ran.verdict, ran.cases[0].stdout, ran.attempt) == (Verdict.OK, "through it all\n", 1)
        assert (await client.submit(submission("python", HELLO))).node == one.name
        assert {member.authority for member in await client.members()} == {new}
    await eventually(lambda: _serves_with(pair, new), "users are served by a certificate of the new authority")
    assert before != new


async def _serves_with(pair: Pair, authority: str) -> bool:
    """Whether the port for users has a certificate of that authority, which it tells of."""
    async with pair.master.client(tls=blind_context()) as client:
        told = await client.authority()
    async with pair.master.client(ca=told) as client:
        try:
            await client.health()
        except NodeUnreachable:
            return False
    return id_of(told) == authority


def test_in_a_shared_database_the_authoritys_key_is_sealed(ccx: RunsCommands, database: str) -> None:
    open_ = ccx("cluster", "init", CCX_DATABASE_URL=database)
    assert (open_.returncode, "CCX_CLUSTER_KEY_FILE" in open_.stderr) == (212, True), open_.stderr
    assert ccx("cluster", "init", CCX_DATABASE_URL=database, CCX_CLUSTER_KEY="long and random").returncode == 0
    wrong = ccx("serve", "--languages", "none", CCX_DATABASE_URL=database, CCX_CLUSTER_KEY="another", CCX_PORT="0")
    assert (wrong.returncode, "'cluster_key' is another one" in wrong.stderr) == (212, True), wrong.stderr
