"""The SDK without `async`: the same methods, on a loop in a thread of its own. Usable from threads and notebooks."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from ccx.batch import Outcome
from ccx.client import Client
from ccx.events import Event
from ccx.feed import FeedEvent
from ccx.node_address import DEFAULT_SERVER
from ccx.wire import (
    CaseRequest,
    Checker,
    Comparison,
    Health,
    Identity,
    JoinToken,
    JoinTokenRequest,
    LanguageInfo,
    LimitOverrides,
    Member,
    NewToken,
    NodeInfo,
    State,
    Submission,
    SubmissionPage,
    SubmissionRequest,
    TokenInfo,
    TokenRequest,
    Usage,
    Verdict,
)

if TYPE_CHECKING:
    from ccx.cli.options.sources import Sources

T = TypeVar("T")


class SyncClient:
    """See `ccx.Client`, whose methods these are. Use it as `with SyncClient(server_url) as client:`."""

    def __init__(
        self,
        server_url: str = DEFAULT_SERVER,
        *,
        token: str | None = None,
        ca: Path | str | None = None,
        uds: Path | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="ccx", daemon=True)
        self._thread.start()
        self._client = self._do(self._made(server_url, token, ca, uds, headers))

    async def _made(
        self,
        server_url: str,
        token: str | None,
        ca: Path | str | None,
        uds: Path | None,
        headers: Mapping[str, str] | None,
    ) -> Client:
        return Client(server_url, token=token, ca=ca, uds=uds, headers=headers)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """End the connections and the thread."""
        if self._loop.is_closed():
            return
        self._do(self._client.__aexit__())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def submit(self, request: SubmissionRequest, *, wait: bool = True, key: str | None = None) -> Submission:
        """See `Client.submit`."""
        return self._do(self._client.submit(request, wait=wait, key=key))

    def run_stream(self, request: SubmissionRequest) -> Generator[Event]:
        """See `Client.run_stream`."""
        return self._each(self._client.run_stream(request))

    def run_many(
        self,
        requests: Iterable[SubmissionRequest],
        at_once: int | None = None,
        on_progress: Callable[[int], object] | None = None,
        key_of: Callable[[int], str] | None = None,
    ) -> Generator[Outcome]:
        """See `Client.run_many`."""
        return self._each(self._client.run_many(requests, at_once, on_progress, key_of))

    def events(self, submission_id: str, last_event_id: str | None = None) -> Generator[Event]:
        """See `Client.events`."""
        return self._each(self._client.events(submission_id, last_event_id))

    def list(
        self,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        state: State | None = None,
        language: str | None = None,
        verdict: Verdict | None = None,
    ) -> SubmissionPage:
        """See `Client.list`."""
        return self._do(self._client.list(limit=limit, cursor=cursor, state=state, language=language, verdict=verdict))

    def submission(self, submission_id: str) -> Submission:
        """See `Client.submission`."""
        return self._do(self._client.submission(submission_id))

    def request(self, submission_id: str) -> SubmissionRequest:
        """See `Client.request`."""
        return self._do(self._client.request(submission_id))

    def wait(self, submission_id: str) -> Submission:
        """See `Client.wait`."""
        return self._do(self._client.wait(submission_id))

    def cancel(self, submission_id: str) -> Submission:
        """See `Client.cancel`."""
        return self._do(self._client.cancel(submission_id))

    def languages(self, *, without_image: bool = False) -> tuple[LanguageInfo, ...]:
        """See `Client.languages`."""
        return self._do(self._client.languages(without_image=without_image))

    def health(self) -> Health:
        """See `Client.health`."""
        return self._do(self._client.health())

    def nodes(self) -> tuple[NodeInfo, ...]:
        """See `Client.nodes`."""
        return self._do(self._client.nodes())

    def drain(self, name: str, *, on: bool = True) -> NodeInfo:
        """See `Client.drain`."""
        return self._do(self._client.drain(name, on=on))

    def usage(self, name: str) -> Generator[Usage]:
        """See `Client.usage`."""
        return self._each(self._client.usage(name))

    def watch(self, last_event_id: str | None = None) -> Generator[FeedEvent]:
        """See `Client.watch`."""
        return self._each(self._client.watch(last_event_id))

    def who_am_i(self) -> Identity:
        """See `Client.who_am_i`."""
        return self._do(self._client.who_am_i())

    def authority(self) -> str:
        """See `Client.authority`."""
        return self._do(self._client.authority())

    def tokens(self) -> tuple[TokenInfo, ...]:
        """See `Client.tokens`."""
        return self._do(self._client.tokens())

    def create_token(self, asked: TokenRequest) -> NewToken:
        """See `Client.create_token`."""
        return self._do(self._client.create_token(asked))

    def rotate_token(self, name: str) -> NewToken:
        """See `Client.rotate_token`."""
        return self._do(self._client.rotate_token(name))

    def revoke_token(self, name: str) -> None:
        """See `Client.revoke_token`."""
        return self._do(self._client.revoke_token(name))

    def create_join_token(self, asked: JoinTokenRequest) -> JoinToken:
        """See `Client.create_join_token`."""
        return self._do(self._client.create_join_token(asked))

    def members(self) -> tuple[Member, ...]:
        """See `Client.members`."""
        return self._do(self._client.members())

    def revoke_node(self, name: str) -> None:
        """See `Client.revoke_node`."""
        return self._do(self._client.revoke_node(name))

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        """Do it on the loop, and wait here. Ctrl-C ends it there as well."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def _each(self, items: AsyncGenerator[T]) -> Generator[T]:
        async def following() -> tuple[T, ...]:
            async for item in items:
                return (item,)
            return ()

        try:
            while found := self._do(following()):
                yield found[0]
        finally:
            self._do(items.aclose())


def run(
    program: str | Path | Sequence[Path],
    language: str | None = None,
    *,
    stdin: str | bytes = b"",
    args: Sequence[str] = (),
    compile_args: Sequence[str] = (),
    run_options: Sequence[str] = (),
    limits: LimitOverrides | Mapping[str, str | float] | None = None,
    cases: Sequence[CaseRequest] = (),
    checker: Checker | None = None,
    interactor: Checker | None = None,
    artifacts: Sequence[str] = (),
    server: str | None = None,
    token: str | None = None,
    ca: Path | str | None = None,
) -> Submission:
    """Run a program, and wait for what becomes of it. Text is the program itself, and needs a `language`; a path is a
    file, a folder, or several files, the main one first.

    `limits` are by the names of the command line, such as `{"cpu": 2, "memory": "128m"}`. Without a `server` a node is
    started for this one call, on the local Docker engine. Raises CcxError; what the program does wrong is the verdict.
    """
    words = {"args": tuple(args), "compile_args": tuple(compile_args), "run_options": tuple(run_options)}
    judged = {"cases": tuple(cases), "checker": checker, "interactor": interactor}
    coroutine = _run(program, language, stdin, words, limits, judged, artifacts, server, token, ca)
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine)
    # In a notebook a loop runs already, and a program must not wait on it.
    result: list[Submission | BaseException] = []

    def aside() -> None:
        try:
            result.append(asyncio.run(coroutine))
        except BaseException as error:  # noqa: BLE001  (raised where it was called)
            result.append(error)

    thread = threading.Thread(target=aside, name="ccx")
    thread.start()
    thread.join()
    if isinstance(result[0], BaseException):
        raise result[0]
    return result[0]


async def _run(
    program: str | Path | Sequence[Path],
    language: str | None,
    stdin: str | bytes,
    words: Mapping[str, tuple[str, ...]],
    limits: LimitOverrides | Mapping[str, str | float] | None,
    judged: Mapping[str, Any],
    artifacts: Sequence[str],
    server: str | None,
    token: str | None,
    ca: Path | str | None,
) -> Submission:
    from ccx.cli.embedded import embedded_node
    from ccx.cli.options.limit_option import parse_limits
    from ccx.cli.options.program import Program, request_for

    if isinstance(limits, Mapping):
        limits = parse_limits(f"{name}={value}" for name, value in limits.items())
    async with AsyncExitStack() as stack:
        if server is None:
            client = Client(uds=await stack.enter_async_context(embedded_node()))
        else:
            client = Client(server, token=token, ca=ca)
        await stack.enter_async_context(client)
        asked = Program(
            sources=_sources(program),
            language=language,
            entrypoint=None,
            **words,
            judge=None,
            expected_stdout=None,
            compare=Comparison(),
            limits=limits or LimitOverrides(),
            artifacts=tuple(artifacts),
            stdin=stdin.encode() if isinstance(stdin, str) else stdin,
        )
        request = await request_for(client, asked)
        if judged["cases"]:
            request = request.model_copy(update={"stdin": "", "args": ()})
        return await client.submit(request.model_copy(update=judged))


def _sources(program: str | Path | Sequence[Path]) -> Sources:
    from ccx.cli.options.sources import PIPED_IN, Sources, collect

    if isinstance(program, str):
        return Sources(Path(), {PIPED_IN: program.encode()}, None)
    return collect([program] if isinstance(program, Path) else list(program))
