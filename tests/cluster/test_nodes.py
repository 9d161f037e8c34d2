"""Nodes that join, leave, are watched, and what they may say to each other. All on this machine's own Docker host."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from ccx.client import Client
from ccx.errors import NodeNotFound, QueueFull
from ccx.events import Done, Output, Started
from ccx.wire import FORWARDED_HEADER, State, Verdict
from tests.cluster.test_overflow import HELLO, SLEEPS, run, until_it_knows
from tests.support.node import DEADLINE_SECONDS, StartsNodes, eventually, submission

pytestmark = [pytest.mark.docker, pytest.mark.slow]


async def test_a_slave_joins_and_leaves_while_the_master_runs(starts_nodes: StartsNodes) -> None:
    master = starts_nodes(languages="none", CCX_UNSERVED_SECONDS="1")
    async with master.client() as client:
        assert await client.languages() == ()
        waiting = await client.submit(submission("c", HELLO["c"]), wait=False)
        assert waiting.state is State.QUEUED
        slave = starts_nodes(max_tasks=1, languages="c", CCX_JOIN=master.url)
        async with asyncio.timeout(DEADLINE_SECONDS):
            ended = await client.wait(waiting.id)
        # The slave may have come too late for the first: then that was told why it could not run.
        assert ended.node == slave.name or "No node that serves c" in (ended.message or "")
        await until_it_knows(client, slave)
        assert [language.name for language in await client.languages()] == ["c"]
        assert (await run(client, "c")).node == slave.name
        await asyncio.to_thread(slave.stop)

        async def is_gone() -> bool:
            return slave.name not in {node.name for node in await client.nodes()}

        await eventually(is_gone, "the slave has left")
        ended = await run(client, "c")
        assert (ended.verdict, ended.message) == (
            Verdict.INTERNAL_ERROR,
            "No node that serves c was there for 1 s.",
        )


async def test_a_language_without_a_node_does_not_hold_up_others(starts_nodes: StartsNodes) -> None:
    slave = starts_nodes(max_tasks=1, languages="python")
    master = starts_nodes(languages="none", CCX_SLAVES=slave.url)
    async with master.client() as client:
        await until_it_knows(client, slave)
        stuck = [await client.submit(submission("c", HELLO["c"]), wait=False) for _ in range(3)]
        assert (await run(client, "python")).verdict is Verdict.OK
        assert [(await client.submission(one.id)).queue_position for one in stuck] == [1, 2, 3]


async def test_there_is_no_draining_a_node_that_is_not_known(starts_nodes: StartsNodes) -> None:
    node = starts_nodes()
    async with node.client() as client:
        with pytest.raises(NodeNotFound):
            await client.drain("nobody")


async def test_a_forwarded_submission_is_refused_rather_than_kept_waiting(starts_nodes: StartsNodes) -> None:
    other = starts_nodes(max_tasks=4, languages="python")
    slave = starts_nodes(max_tasks=1, languages="python", CCX_SLAVES=other.url)
    async with Client(slave.url, headers={FORWARDED_HEADER: "some-master"}) as master, slave.client() as user:
        await until_it_knows(user, other)
        taking = await master.submit(submission("python", SLEEPS), wait=False)
        with pytest.raises(QueueFull):
            await master.submit(submission("python", HELLO["python"]))
        assert (await run(user, "python")).node == other.name
        assert (await user.cancel(taking.id)).verdict is Verdict.CANCELLED


async def test_work_of_a_master_that_says_nothing_any_more_is_ended(starts_nodes: StartsNodes) -> None:
    slave = starts_nodes(max_tasks=1, languages="python")
    async with Client(slave.url, headers={FORWARDED_HEADER: "some-master"}) as master:
        left = await master.submit(submission("python", SLEEPS, limits={"wall_seconds": 60}), wait=False)
        async with asyncio.timeout(DEADLINE_SECONDS):
            ended = await master.wait(left.id)
    assert (ended.verdict, ended.message) == (Verdict.CANCELLED, "The node that sent it is gone.")


async def test_what_a_program_on_a_slave_says_arrives_while_it_runs(starts_nodes: StartsNodes) -> None:
    slave = starts_nodes(max_tasks=1, languages="python")
    master = starts_nodes(languages="none", CCX_SLAVES=slave.url)
    text = "import time\nprint('one', flush=True)\ntime.sleep(1)\nprint('two')\n"
    async with master.client() as client, asyncio.timeout(DEADLINE_SECONDS):
        await until_it_knows(client, slave)
        told = [event async for event in client.run_stream(submission("python", text))]
    assert [event.node for event in told if isinstance(event, Started)] == [slave.name]
    assert b"".join(event.bytes() for event in told if isinstance(event, Output)) == b"one\ntwo\n"
    assert len([event for event in told if isinstance(event, Output)]) > 1
    assert isinstance(told[-1], Done)


async def test_a_program_on_a_slave_can_be_typed_to(starts_nodes: StartsNodes) -> None:
    slave = starts_nodes(max_tasks=1, languages="python")
    master = starts_nodes(languages="none", CCX_SLAVES=slave.url)
    text = "name = input('name? ')\nprint('hello', name)\nprint(input())\n"
    async with master.client() as client, asyncio.timeout(DEADLINE_SECONDS):
        await until_it_knows(client, slave)
        said = b""
        async with client.interactive(submission("python", text)) as session, asyncio.TaskGroup() as group:
            group.create_task(session.type(b"Ada\n" + b"x" * 70_000 + b"\n"))
            async for event in session.events():
                if isinstance(event, Output):
                    said += event.bytes()
                if isinstance(event, Done):
                    assert event.verdict is Verdict.OK
    # More than a program may leave untaken: so the word that it has taken some came back from the slave.
    assert said == b"name? hello Ada\n" + b"x" * 70_000 + b"\n"


async def test_the_usage_of_every_node_can_be_watched_from_the_master(starts_nodes: StartsNodes) -> None:
    slave = starts_nodes(max_tasks=1, languages="python")
    master = starts_nodes(languages="none", CCX_SLAVES=slave.url)
    async with master.client() as client, asyncio.timeout(DEADLINE_SECONDS):
        await until_it_knows(client, slave)
        for name in (master.name, slave.name):
            readings = []
            async with aclosing(client.usage(name)) as usage:
                async for reading in usage:
                    readings.append(reading)
                    if len(readings) == 2:
                        break
            assert 0 < readings[0].memory_bytes < readings[0].memory_total_bytes
            assert readings[0].at < readings[1].at


async def test_nodes_behind_one_name_are_all_found(starts_nodes: StartsNodes) -> None:
    slave = starts_nodes(max_tasks=1, languages="python")
    port = slave.url.rpartition(":")[2]
    master = starts_nodes(languages="none", CCX_SLAVE_DNS=f"localhost:{port}", CCX_SLAVES=slave.url)
    async with master.client() as client:
        await until_it_knows(client, slave)
        assert (await run(client, "python")).node == slave.name

        async def is_counted_once() -> bool:
            return [node.name for node in await client.nodes() if node.report] == [master.name, slave.name]

        await eventually(is_counted_once, "a node with two addresses counts once")
