"""How far one master goes: the real dispatch, dispatcher and roster over 500 slaves, simulated in this process.

    .venv/bin/python -m bench.scaling            prints a table, and the plots of docs/scaling.md

Only what is beyond the link is simulated: a slave takes a submission for a while and answers every call.
"""

# ruff: noqa: ARG002, ASYNC110

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from ccx.client import Client
from ccx.errors import NodeUnreachable
from ccx.wire import LanguageInfo, Lease, Limits, NodeInfo, NodeReport, SourceFile, SubmissionRequest, Usage, Verdict
from ccx_orchestrator.cluster.dispatcher import Dispatcher
from ccx_orchestrator.cluster.no_executor import NoExecutor
from ccx_orchestrator.cluster.roster import Roster, Times
from ccx_orchestrator.domain.dispatch import Capacity, Dispatch, Lane
from ccx_orchestrator.domain.events import Event, Finished, Restarted, Started
from ccx_orchestrator.domain.language import Language
from ccx_orchestrator.domain.plan import Plan
from ccx_orchestrator.domain.planning import make_plan
from ccx_orchestrator.domain.unserved_lanes import UnservedLanes
from ccx_orchestrator.ports.execution import Controls, Emit
from ccx_orchestrator.ports.nodes import NodeFull, NodeLink, NodeLost
from tests.support.languages import language

LANGUAGES = ("c", "java", "python")
SIZES = (1, 10, 50, 100, 250, 500)
SLAVES = 500
SLOTS = 4
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def languages_of(number: int) -> tuple[str, ...]:
    """Every third slave has one language, every third two, every third all."""
    return LANGUAGES[: number % 3 + 1]


# Decisions


def decisions_per_second(slaves: int, decisions: int = 60_000) -> float:
    """Placing and leaving, with about nine tenths of the slots taken all the time."""
    dispatch = Dispatch(Capacity(0, 0, frozenset()))
    for number in range(slaves):
        dispatch.hear(str(number), Capacity(SLOTS, 0, frozenset(LANGUAGES)), 0.0)
    lanes = [Lane(name) for name in LANGUAGES]
    held = max(1, slaves * SLOTS * 9 // 10)
    names = [str(number) for number in range(decisions + held)]
    for name in names[:held]:
        dispatch.place(name, lanes[0], 0.0)
    began = time.perf_counter()
    for number in range(decisions):
        dispatch.leave(names[number], 0.0)
        dispatch.place(names[number + held], lanes[number % 3], 0.0)
    return decisions / (time.perf_counter() - began)


def fairness() -> tuple[int, int]:
    """Submissions one at a time to 500 equal slaves that are idle: the fewest and the most that any of them got."""
    dispatch = Dispatch(Capacity(0, 0, frozenset()))
    for number in range(SLAVES):
        dispatch.hear(str(number), Capacity(SLOTS, 0, frozenset(LANGUAGES)), 0.0)
    got: Counter[str | None] = Counter()
    for number in range(20 * SLAVES):
        got[dispatch.place(str(number), Lane("c"), 0.0)] += 1
        if number >= SLAVES:
            dispatch.leave(str(number - SLAVES), 0.0)
    return min(got.values()), max(got.values())


# The whole of it


@dataclass
class SimulatedSlave:
    """A `ports.NodeLink` to a slave of SLOTS slots that takes `seconds` for each submission."""

    number: int
    seconds: float
    is_dead: bool = False
    running: int = 0
    ended: int = 0
    most: int = 0
    calls: int = 0
    _infos: tuple[LanguageInfo, ...] = ()

    def __post_init__(self) -> None:
        self._infos = tuple(_info(name) for name in languages_of(self.number))

    async def run(self, submission_id: str, plan: Plan, emit: Emit, controls: Controls | None = None) -> None:
        if self.is_dead:
            raise NodeLost("dead")
        if self.running >= SLOTS:
            raise NodeFull("full")
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await emit(Started(str(self.number), "1"))
            await asyncio.sleep(self.seconds)
            if self.is_dead:
                raise NodeLost("dead")
            self.ended += 1
            await emit(Finished(Verdict.OK, None))
        finally:
            self.running -= 1

    async def renew(self, seconds: float) -> NodeReport:
        self.calls += 1
        if self.is_dead:
            raise NodeUnreachable("dead")
        return NodeReport(
            name=f"slave-{self.number}",
            incarnation=str(self.number),
            started_at=NOW,
            languages=self._infos,
            slots=SLOTS,
            running=self.running,
            queued=0,
            forwarded=0,
            held=self.running,
            draining=False,
            engine="ok",
            usage=Usage(at=NOW, cpu_percent=0, memory_bytes=0, memory_total_bytes=0, load=0),
        )

    async def drain(self, name: str, *, on: bool) -> NodeInfo:
        raise NotImplementedError

    def usage(self, name: str) -> AsyncIterator[Usage]:
        raise NotImplementedError

    async def close(self) -> None:
        pass


def _info(name: str) -> LanguageInfo:
    limits = Limits(cpu_seconds=1, wall_seconds=1, memory_bytes=1, processes=1, output_bytes=1, file_bytes=1)
    return LanguageInfo(
        name=name,
        title=name,
        aliases=(),
        suffixes=(),
        version="1",
        image="sha256:" + "0" * 64,
        default_limits=limits,
        highest_limits=limits,
    )


@dataclass
class Cluster:
    """A master over so many simulated slaves."""

    slaves: list[SimulatedSlave]
    times: Times = field(default_factory=Times)
    ended: list[float] = field(default_factory=list)
    restarted: int = 0

    def __post_init__(self) -> None:
        self.links: dict[str, NodeLink] = {}
        self.dispatcher = Dispatcher(
            Dispatch(Capacity(0, 0, frozenset())), NoExecutor(), self.links, UnservedLanes(60.0)
        )
        by_url = {f"http://{slave.number}": slave for slave in self.slaves}
        self.roster = Roster(
            self.dispatcher, by_url.__getitem__, self.links, "master", lambda: datetime.now(UTC), self.times
        )
        self.urls = tuple(by_url)

    async def submit(self, name: str, language_name: str) -> None:
        """One submission from its queueing to its end; how long that took is kept."""

        async def emit(event: Event | Restarted) -> None:
            self.restarted += isinstance(event, Restarted)

        began = time.perf_counter()
        try:
            await self.dispatcher.run(name, _plan(language_name), emit)
        finally:
            self.dispatcher.leave(name)
        self.ended.append(time.perf_counter() - began)

    async def until_known(self) -> None:
        while len(self.links) < len(self.slaves):
            await asyncio.sleep(0.01)


def _plan(name: str, _plans: dict[str, Plan] = {}) -> Plan:  # noqa: B006  (a memory on purpose)
    if name not in _plans:
        request = SubmissionRequest(language=name, files=(SourceFile(name="a.dm", content=""),))
        described: Language = language().model_copy(update={"name": name})
        _plans[name] = make_plan(request, lambda _: described)
    return _plans[name]


async def no_resolve(_: str) -> frozenset[str]:
    return frozenset()


async def a_third_dies() -> dict[str, float]:
    """1,600 submissions of a second on 500 slaves; a third of these dies when half of the time is over."""
    cluster = Cluster([SimulatedSlave(number, 1.0) for number in range(SLAVES)])
    async with cluster.roster.at_work(cluster.urls, (), no_resolve):
        await cluster.until_known()
        names = [(str(number), LANGUAGES[0]) for number in range(1600)]
        work = [asyncio.create_task(cluster.submit(*one)) for one in names]
        await asyncio.sleep(0.5)
        for slave in cluster.slaves[::3]:
            slave.is_dead = True
        began = time.perf_counter()
        await asyncio.gather(*work)
    return {
        "submissions that ended": len(cluster.ended),
        "of them started anew": cluster.restarted,
        "seconds until the last had ended": time.perf_counter() - began,
        "most on one slave of 4 slots": max(slave.most for slave in cluster.slaves),
    }


async def nobody_starves() -> dict[str, float]:
    """Java, which a third of the slaves has, is asked for four times as often as there is room; C comes along."""
    cluster = Cluster([SimulatedSlave(number, 0.05) for number in range(60)])
    async with cluster.roster.at_work(cluster.urls, (), no_resolve):
        await cluster.until_known()
        java = [asyncio.create_task(cluster.submit(f"j{number}", "python")) for number in range(20 * SLOTS * 4)]
        await asyncio.sleep(0)
        cluster.ended.clear()
        c = [asyncio.create_task(cluster.submit(f"c{number}", "c")) for number in range(40)]
        await asyncio.gather(*c)
        slowest_c = max(cluster.ended[-40:])
        await asyncio.gather(*java)
    return {"slowest C while Java queues, seconds": slowest_c, "all that ended": len(cluster.ended)}


async def heartbeat_cpu() -> float:
    """CPU seconds of the master for one call of a slave, without the HTTP of it."""
    cluster = Cluster([SimulatedSlave(number, 1.0) for number in range(SLAVES)], Times(beat=0.2))
    async with cluster.roster.at_work(cluster.urls, (), no_resolve):
        await cluster.until_known()
        for slave in cluster.slaves:
            slave.calls = 0
        began = time.process_time()
        await asyncio.sleep(3)
        spent = time.process_time() - began
    return spent / sum(slave.calls for slave in cluster.slaves)


async def heartbeat_http_cpu(answer: bytes, calls: int = 600) -> float:
    """CPU seconds of the master for one call over HTTP, the slave being a bare socket in another process."""
    code = (
        "import asyncio,sys\n"
        "async def serve(r,w):\n"
        "    while True:\n"
        "        head=await r.readuntil(b'\\r\\n\\r\\n')\n"
        "        n=int(head.lower().split(b'content-length:')[1].split(b'\\r\\n')[0])\n"
        "        await r.readexactly(n); w.write(ANSWER)\n"
        "async def main():\n"
        "    s=await asyncio.start_server(serve,'127.0.0.1',0)\n"
        "    print(s.sockets[0].getsockname()[1],flush=True)\n"
        "    await asyncio.sleep(600)\n"
        "ANSWER=eval(sys.argv[1])\n"
        "asyncio.run(main())\n"
    )
    reply = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(answer), answer)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, repr(reply), stdout=asyncio.subprocess.PIPE
    )
    try:
        port = int(await (process.stdout or asyncio.StreamReader()).readline())
        async with Client(f"http://127.0.0.1:{port}") as client:
            await client.renew("master", Lease(seconds=8))
            began = time.process_time()
            for _ in range(calls):
                await client.renew("master", Lease(seconds=8))
            return (time.process_time() - began) / calls
    finally:
        process.kill()
        await process.wait()


def plot(title: str, unit: str, points: dict[int, float]) -> str:
    """A chart that Markdown readers draw."""
    top = max(points.values()) * 1.1
    return (
        f'```mermaid\nxychart-beta\n    title "{title}"\n    x-axis "slaves" {list(points)}\n'
        f'    y-axis "{unit}" 0 --> {top:.0f}\n    line {[round(value) for value in points.values()]}\n```'
    )


async def main() -> None:
    """Print all of it."""
    points = {size: statistics.median(decisions_per_second(size) for _ in range(3)) for size in SIZES}
    for size, value in points.items():
        print(f"| decisions/s, {size} slaves | {value:,.0f} |")
    fewest, most = fairness()
    print(f"| submissions per slave of 500, fewest and most of 20 on average | {fewest}, {most} |")
    for title, found in (("a third dies: ", await a_third_dies()), ("", await nobody_starves())):
        for what, value in found.items():
            print(f"| {title}{what} | {value:,.4g} |")
    bare = await heartbeat_cpu()
    report = await SimulatedSlave(2, 1.0).renew(8)
    http = await heartbeat_http_cpu(report.model_dump_json().encode())
    print(f"| CPU of one heartbeat at the master, without HTTP | {bare * 1e6:,.0f} µs |")
    print(f"| CPU of one heartbeat at the master, with HTTP | {(bare + http) * 1e6:,.0f} µs |")
    print(f"| share of one core for {SLAVES} slaves, a call each second | {(bare + http) * SLAVES:.0%} |")
    print(plot("Decisions per second", "decisions/s", points))


if __name__ == "__main__":
    asyncio.run(main())
