"""The SDK: one class that speaks a node's native API. WebSockets are `ccx.interactive`'s.

It raises `ccx.errors.CcxError` and nothing of the HTTP library, which `ccx.http_exchange` knows. It decides nothing:
what a program did is in the answer's verdict.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing, asynccontextmanager, contextmanager
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Self, TypeVar
from urllib.parse import quote, urlencode

import httpx2
from pydantic import TypeAdapter, ValidationError

from ccx.backoff import Backoff
from ccx.batch import Outcome, run_many
from ccx.errors import CcxError, NodeUnreachable, UnexpectedAnswer, from_problem
from ccx.events import Done, Event, parse_event, type_of_ndjson
from ccx.feed import FeedEvent, parse_feed_event
from ccx.http_exchange import (
    ANSWER_SECONDS,
    GarbledAnswer,
    HttpAnswer,
    HttpRequest,
    HttpxExchange,
    MakesExchange,
    NoAnswer,
)
from ccx.node_address import DEFAULT_SERVER, address_of
from ccx.trust import tls_context
from ccx.wire import (
    Announcement,
    CertificateRequest,
    Health,
    Identity,
    JoinRequest,
    JoinToken,
    JoinTokenRequest,
    LanguageInfo,
    Lease,
    Member,
    NewToken,
    NodeCertificate,
    NodeInfo,
    NodeReport,
    Problem,
    State,
    Submission,
    SubmissionPage,
    SubmissionRequest,
    TokenInfo,
    TokenRequest,
    Usage,
    Verdict,
    type_of_json,
    type_of_problem,
)

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from ccx.interactive import Session
    from ccx.messages import Terminal

RESUMING = Backoff(0.05, 1.0)
POLLING = Backoff(0.05, 1.0, factor=1.5)
SILENCE_SECONDS = 45.0  # a node that streams gives a sign of life every 15 s
RESUME_SECONDS = 30.0  # for how long a lost stream is tried again
# What no node says. Who answers more than this is none, and must not fill the memory of who asked.
LARGEST_LINE_BYTES = 64 * 2**20
LARGEST_REPORT_BYTES = 4 * 2**20

_REMEDY = "check the address, or start a node with 'ccx serve'"

T = TypeVar("T")
_SUBMISSION = TypeAdapter(Submission)
_REQUEST = TypeAdapter(SubmissionRequest)
_LANGUAGES = TypeAdapter(tuple[LanguageInfo, ...])
_HEALTH = TypeAdapter(Health)
_PAGE = TypeAdapter(SubmissionPage)
_NODES = TypeAdapter(tuple[NodeInfo, ...])
_NODE = TypeAdapter(NodeInfo)
_REPORT = TypeAdapter(NodeReport)
_USAGE = TypeAdapter(Usage)
_IDENTITY = TypeAdapter(Identity)
_TOKENS = TypeAdapter(tuple[TokenInfo, ...])
_NEW_TOKEN = TypeAdapter(NewToken)
_NODE_CERTIFICATE = TypeAdapter(NodeCertificate)
_JOIN_TOKEN = TypeAdapter(JoinToken)
_MEMBERS = TypeAdapter(tuple[Member, ...])


class Client:
    """A node's API. Use it as `async with Client(server_url) as client:`; one client may serve many tasks at once.

    `token` is sent with every request, where the node asks who is there. `ca` is a file in PEM, or its text: who may
    have signed the node's certificate, beside the authorities of the system; `tls` says it all instead.
    `uds` is the Unix socket of a node on this machine; then `server_url` plays no part. `headers` go with every
    request. Proxies named in the environment are not used. `exchange` makes what sends the requests, in place of the
    usual library; it uses no Unix socket.

    Every method raises `NodeUnreachable` where no answer came, `UnexpectedAnswer` where something else than a ccx node
    answered, and the `ProblemError` the node told of. A connection must stand within 5 s and an answer come within
    30 s. Only `submit` with `wait=True` has no deadline for its answer: how long a submission waits for its turn and
    runs is for the node's limits to say. A node that vanished without a word is noticed by TCP keep-alive after about
    a minute, within a stream of events after 45 s of silence; for less, use `asyncio.timeout`.
    """

    def __init__(
        self,
        server_url: str = DEFAULT_SERVER,
        *,
        token: str | None = None,
        ca: Path | str | None = None,
        tls: ssl.SSLContext | None = None,
        uds: Path | None = None,
        headers: Mapping[str, str] | None = None,
        exchange: MakesExchange | None = None,
    ) -> None:
        address = httpx2.URL("http://ccx") if uds is not None else address_of(server_url)
        self._where = f"the socket {uds}" if uds is not None else str(address.copy_with(userinfo=b""))
        self._uds = uds
        self._headers = dict(headers or {}) | ({"authorization": f"Bearer {token}"} if token else {})
        self._tls = (tls or tls_context(ca)) if address.scheme == "https" else None
        self._address = address
        # Zipping costs more than it saves between machines of one house.
        always = {"accept-encoding": "identity"} | self._headers
        make_exchange = exchange or partial(HttpxExchange, uds=uds)
        self._exchange = make_exchange(address, always, self._tls)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self._exchange.close()

    async def submit(self, request: SubmissionRequest, *, wait: bool = True, key: str | None = None) -> Submission:
        """Hand in a program. With `wait` the answer is the finished submission, otherwise the queued one.

        With a `key` of your own (`Idempotency-Key`) the call may be repeated, within a day, without running it twice.
        """
        # What is left at its default is not sent: an older node refuses fields it does not know.
        body = request.model_dump_json(exclude_defaults=True)
        path = f"/v1/submissions?wait={str(wait).lower()}"
        return await self._call("POST", path, _SUBMISSION, body=body, waits=wait, key=key)

    async def run_stream(self, request: SubmissionRequest) -> AsyncGenerator[Event]:
        """Hand in a program and follow it: its events, to `Done`. Closing the iterator early (`contextlib.aclosing`)
        or losing the connection cancels the submission. A node that cannot stream tells of the end alone.
        """
        body = request.model_dump_json(exclude_defaults=True)
        async with self._stream("POST", "/v1/submissions?wait=true", body=body, waits=True) as response:
            if not response.headers.get("content-type", "").startswith(type_of_ndjson):
                yield _end_of(self._read(response, await self._body(response), _SUBMISSION))
                return
            async with aclosing(self._events_in(response)) as events:
                async for event in events:
                    yield event

    def run_many(
        self,
        requests: Iterable[SubmissionRequest],
        at_once: int | None = None,
        on_progress: Callable[[int], object] | None = None,
        key_of: Callable[[int], str] | None = None,
    ) -> AsyncGenerator[Outcome]:
        """Run all of these, as many at a time as the nodes take; their outcomes as they come. See `ccx.batch` for what
        is tried again.
        """
        return run_many(self, requests, at_once, on_progress, key_of)

    async def events(
        self, submission_id: str, last_event_id: str | None = None, *, resume_seconds: float = RESUME_SECONDS
    ) -> AsyncGenerator[Event]:
        """The events of a submission after that one, to `Done`. A lost connection is taken up again where it broke
        off, for up to so long; where it cannot be, NodeUnreachable is raised.
        """
        path = f"/v1/submissions/{quote(submission_id, safe='')}/events"
        clock = asyncio.get_running_loop().time
        heard_at, pauses = clock(), RESUMING.pauses()
        while True:
            try:
                async with self._stream("GET", path, last_event_id=last_event_id) as response:
                    async with aclosing(self._events_in(response)) as events:
                        async for event in events:
                            heard_at, pauses = clock(), RESUMING.pauses()
                            last_event_id = event.id or last_event_id
                            yield event
                    return
            except NodeUnreachable:
                if clock() - heard_at >= resume_seconds:
                    raise
            await asyncio.sleep(next(pauses))

    async def list(
        self,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        state: State | None = None,
        language: str | None = None,
        verdict: Verdict | None = None,
    ) -> SubmissionPage:
        """Submissions, the newest first. `cursor` is the `next_cursor` of the page before."""
        asked = {"limit": limit, "cursor": cursor, "state": state, "language": language, "verdict": verdict}
        query = urlencode({name: value for name, value in asked.items() if value is not None})
        return await self._call("GET", f"/v1/submissions?{query}".rstrip("?"), _PAGE)

    async def submission(self, submission_id: str) -> Submission:
        """A submission as it is now."""
        return await self._call("GET", f"/v1/submissions/{quote(submission_id, safe='')}", _SUBMISSION)

    async def request(self, submission_id: str) -> SubmissionRequest:
        """What a submission asked for, sources included: as it can be sent again."""
        return await self._call("GET", f"/v1/submissions/{quote(submission_id, safe='')}/request", _REQUEST)

    @asynccontextmanager
    async def interactive(
        self,
        request: SubmissionRequest,
        terminal: Terminal | None = None,
        *,
        taken: Callable[[int], object] | None = None,
    ) -> AsyncIterator[Session]:
        """Run a program and type to it; with `terminal` in one of that size. Leaving the context ends it. `taken` is
        told how many bytes of input the program has taken, whenever it has.
        """
        from ccx.interactive import open_session

        # Credentials in the address go along.
        base = self._address
        path = base.path.rstrip("/") + "/v1/interactive"
        address = base.copy_with(scheme="wss" if base.scheme == "https" else "ws", path=path)
        async with open_session(str(address), self._uds, request, terminal, self._headers, self._tls) as session:
            session.taken = taken
            yield session

    async def wait(self, submission_id: str) -> Submission:
        """The submission once it is done. Asks again after pauses that grow to a second; there is no deadline."""
        pauses = POLLING.pauses()
        submission = await self.submission(submission_id)
        while submission.state is not State.DONE:
            await asyncio.sleep(next(pauses))
            submission = await self.submission(submission_id)
        return submission

    async def cancel(self, submission_id: str) -> Submission:
        """End a submission that waits or runs; what it has written is kept. One that has ended stays as it is."""
        return await self._call("DELETE", f"/v1/submissions/{quote(submission_id, safe='')}", _SUBMISSION)

    async def languages(self, *, without_image: bool = False) -> tuple[LanguageInfo, ...]:
        """The languages the node serves; those instead that it would serve, had they an image."""
        return await self._call("GET", "/v1/languages" + "?without_image=true" * without_image, _LANGUAGES)

    async def health(self) -> Health:
        """How the node is."""
        return await self._call("GET", "/healthz", _HEALTH)

    async def nodes(self) -> tuple[NodeInfo, ...]:
        """All nodes that this one knows, itself first."""
        return await self._call("GET", "/v1/nodes", _NODES)

    async def drain(self, name: str, *, on: bool = True) -> NodeInfo:
        """Have a node finish what it has and take nothing new, or take work again; how it is now."""
        return await self._call("POST" if on else "DELETE", f"/v1/nodes/{quote(name, safe='')}/drain", _NODE)

    async def watch(self, last_event_id: str | None = None) -> AsyncGenerator[FeedEvent]:
        """What happens to nodes and submissions, until the iterator is closed."""
        async with self._stream("GET", "/v1/events", last_event_id=last_event_id) as response:
            async for line in self._lines(response):
                with self._expecting_events():
                    event = parse_feed_event(line) if line else None
                if event is not None:
                    yield event

    async def usage(self, name: str) -> AsyncGenerator[Usage]:
        """What a node's machine is doing, a reading a second, until the iterator is closed."""
        async with self._stream("GET", f"/v1/nodes/{quote(name, safe='')}/usage") as response:
            async for line in self._lines(response):
                if line:
                    yield self._shaped(_USAGE, line)

    async def announce(self, name: str, announcement: Announcement) -> NodeInfo:
        """Tell a master of a node that takes overflow. To be repeated every few seconds."""
        return await self._call(
            "PUT", f"/v1/nodes/{quote(name, safe='')}", _NODE, body=announcement.model_dump_json(exclude_unset=True)
        )

    async def withdraw(self, name: str) -> NodeInfo:
        """Tell a master that a node takes no more overflow."""
        return await self._call("DELETE", f"/v1/nodes/{quote(name, safe='')}", _NODE)

    async def who_am_i(self) -> Identity:
        """Whom the node takes this client for, and what it may do there."""
        return await self._call("GET", "/v1/whoami", _IDENTITY)

    async def authority(self) -> str:
        """The certificate, in PEM, of the authority that the node has of its own. Check its fingerprint."""
        return (await self._plain("GET", "/v1/ca")).decode()

    async def tokens(self) -> tuple[TokenInfo, ...]:
        """All tokens of the node, by name; for administrators."""
        return await self._call("GET", "/v1/tokens", _TOKENS)

    async def create_token(self, asked: TokenRequest) -> NewToken:
        """Make a token. It is shown this once."""
        return await self._call("POST", "/v1/tokens", _NEW_TOKEN, body=asked.model_dump_json(exclude_defaults=True))

    async def rotate_token(self, name: str) -> NewToken:
        """Have another token in place of the one of that name."""
        return await self._call("POST", f"/v1/tokens/{quote(name, safe='')}/rotate", _NEW_TOKEN)

    async def revoke_token(self, name: str) -> None:
        """End a token."""
        await self._plain("DELETE", f"/v1/tokens/{quote(name, safe='')}")

    async def renew(self, master: str, lease: Lease) -> NodeReport:
        """Tell a node that this master lives; what the node tells of itself."""
        path = f"/v1/leases/{quote(master, safe='')}"
        body = lease.model_dump_json(exclude_none=True)
        return await self._call("PUT", path, _REPORT, body=body, most_bytes=LARGEST_REPORT_BYTES)

    async def cluster_authorities(self) -> str:
        """The certificates, in PEM, of those who sign for nodes of the cluster. Compare their SHA-256."""
        return (await self._plain("GET", "/v1/cluster/authorities")).decode()

    async def join(self, asked: JoinRequest) -> NodeCertificate:
        """Become a node of the cluster, at the port where a master listens for nodes."""
        return await self._call("POST", "/v1/cluster/join", _NODE_CERTIFICATE, body=asked.model_dump_json())

    async def renew_certificate(self, request: str) -> NodeCertificate:
        """Another certificate for a node that has one. `request` is a certificate signing request in PEM."""
        body = CertificateRequest(request=request).model_dump_json()
        return await self._call("POST", "/v1/cluster/certificate", _NODE_CERTIFICATE, body=body)

    async def create_join_token(self, asked: JoinTokenRequest) -> JoinToken:
        """Make a token by which nodes join. It is shown this once."""
        body = asked.model_dump_json(exclude_defaults=True)
        return await self._call("POST", "/v1/cluster/join-tokens", _JOIN_TOKEN, body=body)

    async def members(self) -> tuple[Member, ...]:
        """The nodes that have, or had, a certificate of the cluster; for administrators."""
        return await self._call("GET", "/v1/cluster/members", _MEMBERS)

    async def revoke_node(self, name: str) -> None:
        """Have a node be none of the cluster any more."""
        await self._plain("DELETE", f"/v1/cluster/members/{quote(name, safe='')}")

    async def _call(
        self,
        method: str,
        path: str,
        shape: TypeAdapter[T],
        *,
        body: str | None = None,
        waits: bool = False,
        key: str | None = None,
        most_bytes: int | None = None,
    ) -> T:
        """One request, and its answer in that shape."""
        headers = {} if key is None else {"idempotency-key": key}
        async with self._request(method, path, body=body, waits=waits, headers=headers) as response:
            return self._read(response, await self._body(response, most_bytes), shape)

    async def _plain(self, method: str, path: str) -> bytes:
        """One request, and its answer as it is."""
        async with self._request(method, path, headers={}) as response:
            body = await self._body(response, LARGEST_REPORT_BYTES)
            if not response.is_success:
                raise self._refusal(response, body)
            return body

    @asynccontextmanager
    async def _stream(
        self, method: str, path: str, *, body: str | None = None, last_event_id: str | None = None, waits: bool = False
    ) -> AsyncIterator[HttpAnswer]:
        """A request for a stream of events, and its answer as it comes in."""
        headers = {"accept": type_of_ndjson} | ({} if last_event_id is None else {"last-event-id": last_event_id})
        async with self._request(method, path, body=body, waits=waits, streams=True, headers=headers) as response:
            if not response.is_success:
                raise self._refusal(response, await self._body(response, LARGEST_REPORT_BYTES))
            yield response

    async def _events_in(self, response: HttpAnswer) -> AsyncGenerator[Event]:
        """The events in a stream, to `Done`. One that ends before is NodeUnreachable."""
        if response.status == HTTPStatus.NO_CONTENT:
            return
        lines = self._lines(response)
        async for line in lines:
            with self._expecting_events():
                event = parse_event(line) if line else None
            if event is not None:
                yield event
            if isinstance(event, Done):
                # A reader that goes on gets nothing more, but leaves a connection that can be used again.
                async for _ in lines:
                    pass
                return
        raise NodeUnreachable(f"{self._where} ended its stream of events before the submission had ended.")

    @asynccontextmanager
    async def _request(
        self,
        method: str,
        path: str,
        *,
        body: str | None = None,
        waits: bool = False,
        streams: bool = False,
        headers: dict[str, str],
    ) -> AsyncIterator[HttpAnswer]:
        """One request and its answer, not read yet. The one place where the HTTP library's errors become ours."""
        of_body = {} if body is None else {"content-type": type_of_json}
        silence = None if waits else SILENCE_SECONDS if streams else ANSWER_SECONDS
        try:
            async with self._exchange.send(HttpRequest(method, path, of_body | headers, body, silence)) as response:
                yield response
        except GarbledAnswer as error:
            raise self._unexpected("with a body that cannot be decoded") from error
        except NoAnswer as error:
            raise NodeUnreachable(f"No ccx node answers at {self._where} ({error}); {_REMEDY}.") from error

    @contextmanager
    def _expecting_events(self) -> Iterator[None]:
        """Something else in a stream is UnexpectedAnswer."""
        try:
            yield
        except ValidationError as error:
            raise self._unexpected("with something in a stream") from error

    async def _body(self, response: HttpAnswer, most_bytes: int | None = None) -> bytes:
        body = bytearray()
        async for piece in response.pieces:
            body += piece
            if most_bytes is not None and len(body) > most_bytes:
                raise self._unexpected(f"HTTP {response.status} and more than {most_bytes} bytes")
        return bytes(body)

    async def _lines(self, response: HttpAnswer) -> AsyncGenerator[bytes]:
        """The lines of a stream. Only a line feed ends one: text in it may have other characters that end lines."""
        rest = bytearray()
        pieces = response.pieces
        while (piece := await self._next(pieces)) is not None:
            *lines, tail = piece.split(b"\n")
            for line in lines:
                yield bytes(rest) + line
                rest.clear()
            rest += tail
            if len(rest) > LARGEST_LINE_BYTES:
                raise self._unexpected("with a line without an end")

    async def _next(self, pieces: AsyncIterator[bytes]) -> bytes | None:
        """The next piece of a stream, None at its end. One that is silent for too long has lost its other side."""
        try:
            async with asyncio.timeout(SILENCE_SECONDS):
                return await anext(pieces, None)
        except TimeoutError as error:
            raise NodeUnreachable(f"{self._where} has told nothing for {SILENCE_SECONDS:g} s.") from error

    def _read(self, response: HttpAnswer, body: bytes, shape: TypeAdapter[T]) -> T:
        if not response.is_success:
            raise self._refusal(response, body)
        return self._shaped(shape, body, f"HTTP {response.status}")

    def _refusal(self, response: HttpAnswer, body: bytes) -> CcxError:
        if not response.headers.get("content-type", "").startswith(type_of_problem):
            return self._unexpected(f"HTTP {response.status}")
        try:
            return from_problem(Problem.model_validate_json(body))
        except ValidationError:
            return self._unexpected(f"HTTP {response.status}")

    def _shaped(self, shape: TypeAdapter[T], body: bytes, what: str = "with something in a stream") -> T:
        try:
            return shape.validate_json(body)
        except ValidationError as error:
            raise self._unexpected(what) from error

    def _unexpected(self, what: str) -> UnexpectedAnswer:
        return UnexpectedAnswer(f"{self._where} answered {what}, but not as a ccx node does; {_REMEDY}.")


def _end_of(submission: Submission) -> Done:
    """The last event of a submission that has ended."""
    verdict = submission.verdict or Verdict.INTERNAL_ERROR
    return Done(verdict=verdict, message=submission.message, submission=submission)
