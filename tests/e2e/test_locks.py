"""Tokens and TLS on real nodes: the documented commands, what a stranger gets, and what is left lying about."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import Callable
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ccx.client import Client
from ccx.errors import NodeUnreachable, SubmissionNotFound, Unauthenticated
from ccx.events import Output
from ccx.trust import fingerprint_of
from ccx.wire import Verdict
from ccx_orchestrator.access.certificates import KeyPair, make_authority, make_certificate
from ccx_orchestrator.access.tokens import make_token
from tests.e2e.conftest import RunsCommands
from tests.support.node import (
    NodeProcess,
    containers_with,
    eventually,
    submission,
)

pytestmark = pytest.mark.docker

ROOT = Path(__file__).parents[2]
HELLO = "print('hello')\n"
ECHO = "print(input('? '))\n"
COMMANDS = ("ccx token create root --role admin", "ccx serve --host 0.0.0.0 --tls", "ccx login https://HOST:8700")


def test_the_documents_have_the_commands_that_are_tried_here() -> None:
    for document in ("README.md", "docs/access.md"):
        text = (ROOT / document).read_text()
        assert all(command in text for command in COMMANDS)


def test_a_node_for_others_by_the_documented_commands(
    ccx: RunsCommands, serves: Callable[..., NodeProcess], suite: str, tmp_path: Path
) -> None:
    made = ccx(*COMMANDS[0].split()[1:], "--node", f"{suite}-locked")
    token = made.stdout.strip()
    node = serves("locked", *COMMANDS[1].split()[2:], "--languages", "python")
    url = f"https://127.0.0.1:{node.url.rsplit(':', 1)[1]}"
    told = node.line_with("authority's SHA-256 is").split()[-1]

    unsure = ccx("login", url, stdin=token)
    assert (unsure.returncode, f"--fingerprint {told}" in unsure.stderr) == (212, True)
    other = ccx("login", url, "--fingerprint", told.replace("A", "B").replace("0", "1"), stdin=token)
    assert (other.returncode, "is another one" in other.stderr) == (212, True)
    wrong = ccx("login", url, "--fingerprint", told, stdin=make_token())
    assert (wrong.returncode, "none of this node's" in wrong.stderr) == (214, True)
    assert not (tmp_path / "config").exists()

    right = ccx("login", url, "--fingerprint", told, stdin=token)
    assert (right.returncode, right.stdout.split(";")[0]) == (0, "root (admin)"), right.stderr
    kept = tmp_path / "config/ccx/credentials.json"
    assert kept.stat().st_mode & 0o777 == 0o600
    (tmp_path / "hello.py").write_text(HELLO)
    ran = ccx("run", "hello.py", "--quiet", "--server", url)
    assert (ran.stdout, ran.returncode) == ("hello\n", 0), ran.stderr
    assert ccx("whoami", "--server", url).stdout == "root (admin)\n"

    alice = ccx(
        "token", "create", "alice", "--expires", "1d", "--quota", "per-minute=9", "--server", url
    ).stdout.strip()
    listed = ccx("token", "list", "--server", url).stdout.splitlines()
    assert [line.split()[:2] for line in listed] == [["NAME", "ROLE"], ["alice", "user"], ["root", "admin"]]
    assert ccx("whoami", "--server", url, CCX_TOKEN=alice).stdout == "alice (user)\n"
    refused = ccx("token", "list", "--server", url, CCX_TOKEN=alice)
    assert (refused.returncode, "role admin; alice is user" in refused.stderr) == (214, True)
    ccx("token", "revoke", "alice", "--server", url)
    ccx("logout", url)
    stranger = ccx("run", "hello.py", "--server", url, CCX_CA=str(tmp_path / "state/tls/authority.pem"))
    assert (stranger.returncode, "ccx login" in stranger.stderr) == (214, True)
    assert (ccx("whoami", "--server", url).returncode, "traceback" in stranger.stderr.lower()) == (211, False)
    assert_nothing_secret_is_left(node, tmp_path, (token, alice), kept)


def assert_nothing_secret_is_left(node: NodeProcess, folder: Path, secrets: tuple[str, ...], *but: Path) -> None:
    """Neither in the log, nor in a file that was written, nor in what the engine tells of containers."""
    told = "\n".join(node.log.all()) + str(containers_with(f"ccx.owner={node.name}"))
    files = [path for path in folder.rglob("*") if path.is_file() and path not in but]
    assert files
    for secret in secrets:
        assert secret not in told
        assert [path.name for path in files if secret.encode() in path.read_bytes()] == []


@pytest.mark.parametrize(
    "arguments", [["--host", "0.0.0.0"], ["--host", "0.0.0.0", "--access"], ["--host", "::", "--tls", "--no-access"]]
)
def test_a_node_that_others_reach_does_not_start_without_locks(ccx: RunsCommands, arguments: list[str]) -> None:
    done = ccx("serve", *arguments, CCX_PORT="0")
    assert (done.returncode, done.stderr.count("\n")) == (212, 1)
    assert "ccx token create NAME --role admin" in done.stderr
    assert "--insecure" in done.stderr


async def test_a_node_without_locks_on_purpose_says_so_loudly(serves: Callable[..., NodeProcess]) -> None:
    node = serves("insecure", "--host", "0.0.0.0", "--insecure", "--languages", "none")
    assert "without locks" in node.line_with("without locks")
    async with Client(f":{node.url.rsplit(':', 1)[1]}") as client:
        assert (await client.health()).posture == "insecure"


async def test_a_token_that_is_in_use_ends_within_seconds(
    ccx: RunsCommands, serves: Callable[..., NodeProcess]
) -> None:
    node = serves("revoking", "--access", "--languages", "python")
    token = ccx("token", "create", "bob", "--node", node.name).stdout.strip()
    async with node.client(token=token) as client:
        ran = await client.submit(submission("python", HELLO))
        assert ran.verdict is Verdict.OK
        assert (await asyncio.to_thread(ccx, "token", "revoke", "bob", "--node", node.name)).returncode == 0

        async def is_refused() -> bool:
            try:
                await client.submission(ran.id)
            except Unauthenticated:
                return True
            return False

        await eventually(is_refused, "a revoked token is refused", 5)


async def test_typing_and_following_through_tls_with_a_token(
    ccx: RunsCommands, serves: Callable[..., NodeProcess], tmp_path: Path
) -> None:
    node = serves("typed", "--access", "--tls", "--languages", "python")
    ca = tmp_path / "state/tls/authority.pem"
    one, other = (ccx("token", "create", name, "--node", node.name).stdout.strip() for name in ("one", "other"))
    async with node.client(token=one, ca=ca) as client, node.client(token=other, ca=ca.read_text()) as stranger:
        async with client.interactive(submission("python", ECHO)) as session:
            await session.type(b"over TLS\n")
            told = [event async for event in session.events()]
        assert "".join(event.data for event in told if isinstance(event, Output)) == "? over TLS\n"
        request = submission("python", "import time\nprint(1, flush=True)\ntime.sleep(60)\n")
        running = await client.submit(request, wait=False)
        async with aclosing(client.events(running.id)) as events:
            async for event in events:
                if isinstance(event, Output):
                    break
        with pytest.raises(SubmissionNotFound):
            await stranger.cancel(running.id)
        assert (await client.cancel(running.id)).verdict is Verdict.CANCELLED
    async with node.client(token=one) as client:
        with pytest.raises(NodeUnreachable, match="its certificate is not trusted here"):
            await client.health()


def test_a_certificate_of_ones_own_is_read_again_and_open_connections_go_on(
    serves: Callable[..., NodeProcess], tmp_path: Path
) -> None:
    authority = make_authority("school", datetime.now(UTC))
    certificate, key = tmp_path / "school.pem", tmp_path / "school.key"

    def write(pair: KeyPair) -> str:
        key.write_bytes(pair.key)
        certificate.write_bytes(pair.certificate)
        return fingerprint_of(pair.certificate.decode())

    first = write(make_certificate(authority, ("127.0.0.1",), datetime.now(UTC)))
    node = serves("own", "--languages", "none", CCX_TLS_CERTIFICATE=str(certificate), CCX_TLS_KEY=str(key))
    port = int(node.url.rsplit(":", 1)[1])
    context = ssl.create_default_context(cadata=authority.certificate.decode())

    def served(connection: ssl.SSLSocket) -> str:
        found = connection.getpeercert(binary_form=True)
        assert found is not None
        return fingerprint_of(ssl.DER_cert_to_PEM_cert(found))

    def connected() -> ssl.SSLSocket:
        return context.wrap_socket(socket.create_connection(("127.0.0.1", port)), server_hostname="127.0.0.1")

    with connected() as kept:
        assert served(kept) == first
        second = write(make_certificate(authority, ("127.0.0.1",), datetime.now(UTC)))
        node.line_with("certificate read again")
        with connected() as fresh:
            assert served(fresh) == second
        kept.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert kept.recv(12) == b"HTTP/1.1 200"


@pytest.mark.parametrize(("certificate", "key"), [("missing.pem", "missing.key"), ("missing.pem", "")])
def test_a_certificate_that_cannot_be_used_is_told_in_a_sentence(ccx: RunsCommands, certificate: str, key: str) -> None:
    done = ccx("serve", CCX_PORT="0", CCX_TLS_CERTIFICATE=certificate, CCX_TLS_KEY=key)
    assert (done.returncode, done.stderr.count("\n")) == (212, 1)
    assert re.search("tls_certificate and tls_key", done.stderr)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["create", "a b"], "name"),
        (["create", "a", "--expires", "soon"], "--expires"),
        (["create", "a", "--quota", "cpu=1"], "--quota"),
        (["create", "a", "--quota", "unfinished=0"], "unfinished"),
        (["create", "a", "--role", "root"], "--role"),
        (["rotate", "nobody"], "no token 'nobody'"),
        (["revoke", "nobody"], "no token 'nobody'"),
        (["list", "--node", "a", "--server", ":1"], "leave one out"),
    ],
)
def test_what_makes_no_sense_of_a_token_is_told_in_a_sentence(
    ccx: RunsCommands, arguments: list[str], complaint: str
) -> None:
    assert ccx("token", "create", "first").returncode == 0
    done = ccx("token", *arguments)
    assert (done.stdout, done.returncode, done.stderr.count("\n")) == ("", 212, 1), done.stderr
    assert complaint in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        "token list",
        "token list --node other",
        "token revoke a",
        "token rotate a",
        "cluster members",
        "cluster join-command",
        "cluster rotate",
    ],
)
def test_who_looks_leaves_nothing_behind(ccx: RunsCommands, tmp_path: Path, words: str) -> None:
    done = ccx(*words.split())
    assert (done.stdout, done.returncode, done.stderr.count("\n")) == ("", 212, 1), done.stderr
    assert "has no store" in done.stderr
    assert not list(tmp_path.rglob("*.sqlite"))


def test_which_node_is_meant_is_asked_where_there_are_several(ccx: RunsCommands) -> None:
    assert ccx("token", "create", "a", "--node", "one").returncode == 0
    assert ccx("token", "create", "b").returncode == 0  # there is one alone
    assert [line.split()[0] for line in ccx("token", "list", "--node", "one").stdout.splitlines()] == ["NAME", "a", "b"]
    assert ccx("token", "create", "a", "--node", "two").returncode == 0
    done = ccx("token", "list")
    assert (done.returncode, "one, two" in done.stderr) == (212, True)
    assert ccx("token", "create", "a", "--node", "two").returncode == 212
