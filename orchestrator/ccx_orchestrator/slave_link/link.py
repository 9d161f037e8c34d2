"""One other node, called through the same API that users call, with a mark that forbids it to send work on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress
from dataclasses import dataclass
from signal import Signals
from typing import Literal

from ccx import events as wire
from ccx.client import Client
from ccx.errors import (
    BadInput,
    BodyTooLarge,
    CcxError,
    ImageMissing,
    InvalidSubmission,
    NodeUnreachable,
    QueueFull,
    ShuttingDown,
    UnknownLanguage,
)
from ccx.interactive import Session
from ccx.messages import Terminal
from ccx.node_address import address_of
from ccx.wire import (
    FORWARDED_HEADER,
    Lease,
    NodeInfo,
    NodeReport,
    SubmissionRequest,
    Usage,
    Verdict,
)
from ccx_orchestrator.domain.controls import InputEnded, Signalled, Typed, WindowSize
from ccx_orchestrator.domain.events import Event, Finished, Restarted, Started
from ccx_orchestrator.domain.plan import Plan
from ccx_orchestrator.domain.wire_events import from_wire, last_figures
from ccx_orchestrator.membership.member import Member
from ccx_orchestrator.membership.node_tls import Expected, NodeContext
from ccx_orchestrator.ports.execution import Controls, Emit
from ccx_orchestrator.ports.nodes import LanguageLacking, NodeFull, NodeLost, NodeRevoked
from ccx_orchestrator.slave_link.event_validator import EventValidator

# Beyond what the steps of a submission may take by their limits: containers, a busy host, a slow way.
GRACE_SECONDS = 60.0
GRACE_PER_CASE_SECONDS = 1.0
ANY_SIZE = Terminal(rows=24, columns=80)  # the true one follows as the first control
SIGNALS: dict[Signals, Literal["INT", "TERM", "KILL"]] = {
    Signals.SIGINT: "INT",
    Signals.SIGTERM: "TERM",
    Signals.SIGKILL: "KILL",
}
FIRST_SECONDS = 20.0  # for the first word of a submission that was sent
LAST_FIGURES_SECONDS = 0.8  # for what a run that was cancelled has used
LEFTOVER_SECONDS = 0.5  # for the end of a stream, after its last event
# A node that gives a submission up says so with one of these; from here it looks like a node that was lost.
GIVEN_UP = {Verdict.CANCELLED, Verdict.INTERNAL_ERROR}


class NodeRefused(CcxError):
    """A node that answers is not the one that it says."""


@dataclass(frozen=True, slots=True)
class NodeIdentity:
    """Who this node is to others: its incarnation, and its certificate, where nodes of the cluster have some."""

    incarnation: str
    member: Member | None = None

    def tls(self, expected: Expected) -> NodeContext | None:
        """What calls are made with."""
        return self.member.for_calling(expected) if self.member else None

    def client(self, url: str, tls: NodeContext | None) -> Client:
        """A client of another node, which says who this one is. Raises BadInput where the address is not encrypted,
        and nodes have certificates.
        """
        if tls is not None and address_of(url).scheme != "https":
            raise BadInput(
                f"Nodes here call each other by https alone, at port 8701 unless set otherwise; {url} is not."
            )
        # A fifth of a second, which a node without others need not spend.
        from ccx_orchestrator.slave_link.aiohttp_exchange import AiohttpExchange

        return Client(url, headers={FORWARDED_HEADER: self.incarnation}, tls=tls, exchange=AiohttpExchange)

    def lease(self, seconds: float, known: int | None) -> Lease:
        """A lease, with whom to trust where the other node knows another revision of that."""
        trust = self.member.trust if self.member else None
        return Lease(seconds=seconds, trust=trust if trust and trust.revision != known else None)


class SlaveLink:
    """See `ports.NodeLink`. Keeps its connections between calls. `name`: of the node, where it is known before."""

    def __init__(self, url: str, identity: NodeIdentity, name: str | None = None) -> None:
        self._identity = identity
        self._url = url
        self._tls = identity.tls(Expected(name=name))
        self._client = identity.client(url, self._tls)
        self._known_trust: int | None = None
        self._was_revoked = False

    async def run(
        self,
        submission_id: str,  # noqa: ARG002  (the other node has ids of its own)
        plan: Plan,
        emit: Emit,
        controls: Controls | None = None,
    ) -> None:
        """See `ports.NodeLink`."""
        seconds = plan.deadline_seconds + GRACE_SECONDS + GRACE_PER_CASE_SECONDS * len(plan.cases)
        told = EventValidator(plan)
        try:
            async with asyncio.timeout(seconds):
                if controls is None:
                    async with aclosing(self._client.run_stream(_forwarded(plan))) as events:
                        await _follow(events, told, emit)
                else:
                    await self._converse(plan, told, emit, controls)
        except asyncio.CancelledError:
            await self._tell_last_figures(told, emit)
            raise
        except (QueueFull, ShuttingDown) as error:
            raise NodeFull(str(error)) from error
        except (UnknownLanguage, ImageMissing) as error:
            raise LanguageLacking(str(error)) from error
        except (InvalidSubmission, BodyTooLarge):
            raise  # no other node would think better of it
        except TimeoutError as error:
            raise NodeLost(f"it did not end within {seconds:g} s") from error
        except (CcxError, ValueError) as error:
            raise NodeLost(str(error)) from error

    async def renew(self, seconds: float) -> NodeReport:
        """See `ports.NodeLink`."""
        await self._part_from_revoked()
        lease = self._identity.lease(seconds, self._known_trust)
        try:
            report = await self._client.renew(self._identity.incarnation, lease)
        except NodeUnreachable as error:
            if self._was_revoked:
                raise NodeRevoked(f"it was revoked: {error}") from error
            raise
        self._was_revoked = False  # it has joined anew
        self._known_trust = report.trust
        peer = self._tls.peer if self._tls else None
        if peer is not None and peer.name != report.name:
            raise NodeRefused(f"it says that it is {report.name!r}, but its certificate is of {peer.name!r}")
        return report

    async def drain(self, name: str, *, on: bool) -> NodeInfo:
        """See `ports.NodeLink`."""
        return await self._client.drain(name, on=on)

    def usage(self, name: str) -> AsyncGenerator[Usage]:
        """See `ports.NodeLink`."""
        return self._client.usage(name)

    async def close(self) -> None:
        """See `ports.NodeLink`."""
        await self._client.__aexit__()

    async def _part_from_revoked(self) -> None:
        """Where the node was revoked, whatever it still sends counts no more: what it runs is run elsewhere."""
        member, peer = self._identity.member, self._tls.peer if self._tls else None
        if self._tls is None or member is None or peer is None or not member.is_revoked(peer):
            return
        self._tls.peer, self._was_revoked = None, True
        before, self._client = self._client, self._identity.client(self._url, self._tls)
        await before.__aexit__()

    async def _tell_last_figures(self, told: EventValidator, emit: Emit) -> None:
        """Tell what a run that is being cancelled has used. A node that is slow to answer is not waited for."""
        if not told.submission_id:
            return
        with suppress(TimeoutError, CcxError):
            async with asyncio.timeout(LAST_FIGURES_SECONDS):
                ended = await self._client.cancel(told.submission_id)
                if (judged := last_figures(ended)) and told.is_under_way(judged.case):
                    await emit(judged)

    async def _converse(self, plan: Plan, told: EventValidator, emit: Emit, controls: Controls) -> None:
        terminal = ANY_SIZE if any(case.step.has_terminal for case in plan.cases) else None
        async with self._client.interactive(_forwarded(plan), terminal, taken=controls.taken) as session:
            doing: set[asyncio.Task[None]] = set()

            async def tell(event: Event | Restarted) -> None:
                if isinstance(event, Started):
                    doing.add(asyncio.create_task(_do(controls, session), name="controls"))
                await emit(event)

            try:
                await _follow(session.events(), told, tell)
            finally:
                for task in doing:
                    task.cancel()
                    await asyncio.wait({task})


def _forwarded(plan: Plan) -> SubmissionRequest:
    """What the other node is asked: when it is due, and who is told of its end, is for this one to see to."""
    return plan.request.model_copy(
        update={
            "language": plan.language.name,
            # This node's word, whatever the other's usual ones are.
            "limits": plan.request.limits.model_copy(update=plan.limits.model_dump()),
            "priority": 0,
            "deadline_seconds": None,
            "callback_url": None,
            "callback_form": "ccx",
        }
    )


async def _do(controls: Controls, session: Session) -> None:
    """Pass on what the user does, until cancelled."""
    while True:
        match await controls.next():
            case Typed(data):
                await session.type(data)
            case InputEnded():
                await session.end_input()
            case Signalled(signal):
                await session.signal(SIGNALS[signal])
            case WindowSize(rows, columns):
                await session.resize(Terminal(rows=rows, columns=columns))


async def _follow(stream: AsyncIterator[wire.Event], sense: EventValidator, emit: Emit) -> None:
    """Tell what the other node tells. Raises NodeLost."""
    told = await _first(stream)
    while told is not None:
        if isinstance(told, wire.Queued):
            sense.submission_id = told.submission_id
        else:
            if isinstance(told, wire.Done) and told.verdict in GIVEN_UP:
                raise NodeLost(f"it gave up: {told.message}")
            event = sense.check(from_wire(told))
            await emit(event)
            if isinstance(event, Finished):
                await _read_out(stream)
                return
        told = await anext(stream, None)
    raise NodeLost("it stopped telling before the end")


async def _first(stream: AsyncIterator[wire.Event]) -> wire.Event | None:
    """What is told first: that it was taken, which needs no sandbox and no waiting. Raises NodeLost."""
    try:
        async with asyncio.timeout(FIRST_SECONDS):
            return await anext(stream, None)
    except TimeoutError as error:
        raise NodeLost(f"it said nothing for {FIRST_SECONDS:g} s") from error


async def _read_out(stream: AsyncIterator[wire.Event]) -> None:
    """Let the stream come to its end, so that its connection can be used again."""
    try:
        async with asyncio.timeout(LEFTOVER_SECONDS):
            async for _ in stream:
                pass
    except (TimeoutError, CcxError):
        return
