"""The life of a real node: its cap, its queue, its end, and what happens when the world around it misbehaves."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from ccx.client import Client
from ccx.errors import ImageMissing, KeyReused, QueueFull, ShuttingDown
from ccx.wire import State, Submission, SubmissionRequest, Verdict
from tests.support.makeshift_language import describe_language, makeshift_image
from tests.support.node import (
    DEADLINE_SECONDS,
    NodeProcess,
    SandboxWatch,
    StartsNodes,
    all_of,
    ccx_command,
    ccx_environment,
    engine_client,
    eventually,
    sandboxes_of,
    submission,
)

pytestmark = pytest.mark.docker

FOREVER = "import time\nprint('begun', flush=True)\ntime.sleep(60)\n"
LONG = {"limits": {"wall_seconds": 100}}


def long_program() -> SubmissionRequest:
    """One that is ended by others, never by itself within the test's deadline."""
    return submission("python", FOREVER, **LONG)


def moment_program(seconds: float) -> SubmissionRequest:
    return submission("python", f"import time\ntime.sleep({seconds})\nprint('finished')\n")


async def begun(client: Client, submission_id: str) -> None:
    """Wait until the program itself has written something."""

    async def has_written() -> bool:
        seen = await client.submission(submission_id)
        return bool(seen.cases and seen.cases[0].stdout)

    await eventually(has_written, f"{submission_id} has begun")


async def start_long(client: Client) -> Submission:
    """A program that runs on and on, and has begun."""
    accepted = await client.submit(long_program(), wait=False)
    await begun(client, accepted.id)
    return accepted


@asynccontextmanager
async def half_open_post(url: str, request: SubmissionRequest) -> AsyncIterator[asyncio.StreamReader]:
    """A POST whose answer nobody has read; leaving the context is going away."""
    address = urlsplit(url)
    body = request.model_dump_json().encode()
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    headers = f"Host: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(f"POST /v1/submissions HTTP/1.1\r\n{headers}".encode() + body)
    await writer.drain()
    try:
        yield reader
    finally:
        writer.close()
        await writer.wait_closed()


async def is_idle(client: Client) -> bool:
    health = await client.health()
    return (health.running, health.queued) == (0, 0)


# ---- the cap and the queue ----


@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_two_hundred_submissions_at_sixteen_a_time_never_need_more_than_two_sandboxes(
    node: NodeProcess, client: Client
) -> None:
    sources = {
        "python": "print(int(input()) * 2)\n",
        "c": '#include <stdio.h>\nint main(void) { int n; scanf("%d", &n); printf("%d\\n", 2 * n); }\n',
        "java": "void main() { IO.println(2 * Integer.parseInt(IO.readln())); }\n",
    }
    mix = ["python", "c", "python", "c", "python", "c", "python", "c", "python", "java"]
    requests = [(mix[number % 10], number) for number in range(200)]

    with SandboxWatch(node.name) as watch:
        results = await all_of(
            [client.submit(submission(language, sources[language], stdin=f"{n}\n")) for language, n in requests],
            at_once=16,
        )
        await watch.wait_for("destroy", times=200)

    answers = [(result.verdict, result.language, result.cases[0].stdout) for result in results]
    assert answers == [(Verdict.OK, language, f"{2 * number}\n") for language, number in requests]
    assert len({result.id for result in results}) == 200
    assert watch.most_at_once() == 2
    assert watch.count("create") == 200
    assert sandboxes_of(node.name) == []
    await eventually(lambda: is_idle(client), "idle")


async def test_a_full_queue_refuses_with_advice_and_takes_again_when_there_is_room(starts_nodes: StartsNodes) -> None:
    node = starts_nodes(max_tasks=1, CCX_QUEUE_BOUND="1")
    async with node.client() as client, httpx2.AsyncClient(base_url=node.url) as http:
        running = await start_long(client)
        waiting = await client.submit(long_program(), wait=False)
        assert (waiting.state, waiting.queue_position) == (State.QUEUED, 1)

        body = long_program().model_dump_json()
        answer = await http.post("/v1/submissions", content=body, headers={"content-type": "application/json"})
        assert answer.status_code == 429
        assert answer.headers["content-type"] == "application/problem+json"
        assert 1 <= int(answer.headers["retry-after"]) <= 60
        with pytest.raises(QueueFull) as refusal:
            await client.submit(long_program())
        assert refusal.value.retry_after_seconds

        await client.cancel(waiting.id)
        next_one = await client.submit(submission("python", "print(1)"), wait=False)
        await client.cancel(running.id)
        assert (await client.wait(next_one.id)).verdict is Verdict.OK


async def test_who_came_first_runs_first(starts_nodes: StartsNodes) -> None:
    node = starts_nodes(max_tasks=1)
    async with node.client() as client:
        first = await start_long(client)
        waiting = [await client.submit(submission("python", "print(1)"), wait=False) for _ in range(5)]
        assert [one.queue_position for one in waiting] == [1, 2, 3, 4, 5]
        await client.cancel(waiting[1].id)
        assert (await client.submission(waiting[4].id)).queue_position == 4

        await client.cancel(first.id)
        results = [await client.wait(one.id) for one in waiting]

    ran = [result for result in results if result.verdict is Verdict.OK]
    assert len(ran) == 4
    assert [result.id for result in sorted(ran, key=lambda result: str(result.started_at))] == [
        result.id for result in ran
    ]
    for earlier, later in pairwise(ran):
        assert earlier.finished_at is not None
        assert later.started_at is not None
        assert earlier.finished_at <= later.started_at


# ---- cancelling ----


async def test_a_client_that_goes_away_cancels_its_submission(node: NodeProcess, client: Client) -> None:
    with SandboxWatch(node.name) as watch:
        async with half_open_post(node.url, long_program()):
            started = await watch.wait_for("start")
            submission_id = started.labels["ccx.submission"]
            await begun(client, submission_id)
        result = await client.wait(submission_id)
        await watch.wait_for("destroy")

    assert (result.verdict, result.message) == (Verdict.CANCELLED, "It was cancelled.")
    assert result.cases[0].stdout == "begun\n"
    await eventually(lambda: is_idle(client), "its slot is free")


async def test_a_client_that_goes_away_while_it_waits_leaves_the_queue(starts_nodes: StartsNodes) -> None:
    node = starts_nodes(max_tasks=1)
    async with node.client() as client:
        with SandboxWatch(node.name) as watch:
            running = await start_long(client)

            async def queued(count: int) -> bool:
                return (await client.health()).queued == count

            async with half_open_post(node.url, long_program()):
                await eventually(lambda: queued(1), "it waits")
            await eventually(lambda: queued(0), "it waits no longer")
            await client.cancel(running.id)
            await watch.wait_for("destroy")
        assert watch.count("create") == 1


async def test_deleting_a_running_submission_ends_it_and_keeps_what_it_wrote(node: NodeProcess, client: Client) -> None:
    with SandboxWatch(node.name) as watch:
        accepted = await start_long(client)

        deleted = await client.cancel(accepted.id)

        assert (deleted.state, deleted.verdict, deleted.cases[0].stdout) == (State.DONE, Verdict.CANCELLED, "begun\n")
        await watch.wait_for("destroy")
    assert await client.submission(accepted.id) == deleted
    await eventually(lambda: is_idle(client), "its slot is free")


async def test_deleting_a_queued_submission_means_it_never_runs(starts_nodes: StartsNodes) -> None:
    node = starts_nodes(max_tasks=1)
    async with node.client() as client:
        running = await start_long(client)
        waiting = await client.submit(long_program(), wait=False)

        deleted = await client.cancel(waiting.id)

        assert (deleted.verdict, deleted.started_at, deleted.cases) == (Verdict.CANCELLED, None, ())
        assert (await client.submission(running.id)).state is State.RUNNING
        await client.cancel(running.id)


async def test_whoever_waits_for_a_submission_that_is_deleted_learns_of_it(node: NodeProcess, client: Client) -> None:
    with SandboxWatch(node.name) as watch:
        answer = asyncio.create_task(client.submit(long_program()))
        started = await watch.wait_for("start")
        await client.cancel(started.labels["ccx.submission"])

        async with asyncio.timeout(DEADLINE_SECONDS):
            assert (await answer).verdict is Verdict.CANCELLED


async def test_deleting_what_has_ended_changes_nothing(node: NodeProcess, client: Client) -> None:
    result = await client.submit(submission("python", "print(1)"))

    assert await client.cancel(result.id) == result
    assert await client.submission(result.id) == result


# ---- the end of a node ----


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "Ctrl-C"])
async def test_a_node_told_to_stop_lets_what_runs_finish_and_takes_nothing_new(
    node: NodeProcess, client: Client, number: signal.Signals
) -> None:
    with SandboxWatch(node.name) as watch:
        answer = asyncio.create_task(client.submit(moment_program(1.5)))
        await watch.wait_for("start")
        node.process.send_signal(number)
        await asyncio.to_thread(node.line_with, "stopping")

        with pytest.raises(ShuttingDown):
            await client.submit(submission("python", "print(1)"))
        result = await answer

    assert (result.verdict, result.cases[0].stdout) == (Verdict.OK, "finished\n")
    line = node.line_with("submission ended")
    assert all(word in line for word in (result.id, "python", '"verdict": "ok"', '"client": "127.0.0.1"')), line
    assert await asyncio.to_thread(node.process.wait, DEADLINE_SECONDS) == 0
    assert sandboxes_of(node.name) == []


async def test_a_second_ctrl_c_ends_a_node_at_once_and_leaves_nothing(starts_nodes: StartsNodes) -> None:
    node = starts_nodes(CCX_SHUTDOWN_SECONDS="100")
    async with node.client() as client:
        with SandboxWatch(node.name) as watch:
            running = asyncio.create_task(client.submit(long_program()))
            started = await watch.wait_for("start")
            await begun(client, started.labels["ccx.submission"])
            node.process.send_signal(signal.SIGINT)
            told = await asyncio.to_thread(node.line_with, "ccx: stopping")
            assert "1 submission that runs may take 100 s more (Ctrl-C again ends it now)" in told
            node.process.send_signal(signal.SIGINT)
            assert await asyncio.to_thread(node.process.wait, DEADLINE_SECONDS) == 1
        running.cancel()
        await asyncio.wait({running})
    assert sandboxes_of(node.name) == []


async def test_what_does_not_finish_in_time_is_cut_short_and_the_node_says_so(starts_nodes: StartsNodes) -> None:
    node = starts_nodes(max_tasks=1, CCX_SHUTDOWN_SECONDS="0.3")
    async with node.client() as client:
        with SandboxWatch(node.name) as watch:
            running = asyncio.create_task(client.submit(long_program()))
            started = await watch.wait_for("start")
            await begun(client, started.labels["ccx.submission"])
            waiting = asyncio.create_task(client.submit(long_program()))
            await eventually(lambda: _queued(client), "the second waits")

            assert await asyncio.to_thread(node.stop) == 1

        cut, never = await running, await waiting
        assert (cut.verdict, cut.message) == (Verdict.CANCELLED, "The node was shut down while it ran.")
        assert cut.cases[0].stdout == "begun\n"
        assert (never.verdict, never.message) == (Verdict.CANCELLED, "The node was shut down before it could run.")
    assert sandboxes_of(node.name) == []


async def test_what_nobody_waits_for_goes_on_when_the_node_is_back(starts_nodes: StartsNodes) -> None:
    node = starts_nodes(max_tasks=1, CCX_SHUTDOWN_SECONDS="0")
    async with node.client() as client:
        running = await client.submit(moment_program(2), wait=False)
        await begun_running(client, running.id)
        waiting = await client.submit(submission("python", "print(1)"), wait=False, key="k")
        asked_again = asyncio.create_task(client.submit(submission("python", "print(1)"), key="k"))
        assert await asyncio.to_thread(node.stop) == 1
        with pytest.raises(ShuttingDown):
            await asked_again
    again = starts_nodes(node.name, max_tasks=1)
    async with again.client() as client:
        results = [await client.wait(one.id) for one in (running, waiting)]
        assert [one.verdict for one in results] == [Verdict.OK, Verdict.OK]
        assert [one.attempt for one in results] == [2, 1]
        assert (await client.submit(submission("python", "print(1)"), key="k")) == results[1]
        with pytest.raises(KeyReused):
            await client.submit(submission("python", "print(2)"), key="k")


async def begun_running(client: Client, submission_id: str) -> None:
    async def runs() -> bool:
        return (await client.submission(submission_id)).state is State.RUNNING

    await eventually(runs, f"{submission_id} runs")


def run_ccx(*arguments: str, **more: Any) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(ccx_command(*arguments), check=False, capture_output=True, timeout=DEADLINE_SECONDS, **more)


async def test_two_nodes_on_one_file_are_one_too_many(starts_nodes: StartsNodes, tmp_path: Path) -> None:
    node = starts_nodes()
    environment = ccx_environment(CCX_PORT="0", CCX_STATE_DIR=str(tmp_path / "state"))
    other = await asyncio.to_thread(run_ccx, "serve", "--name", node.name, env=environment, cwd=tmp_path)
    assert other.returncode != 0
    assert other.stderr.decode().startswith("ccx: Another node of this name uses")


async def test_submissions_are_listed_counted_and_measured(node: NodeProcess, client: Client) -> None:
    for text in ("print(1)", "raise SystemExit(3)", "print(2)"):
        await client.submit(submission("python", text))
    first = await client.list(limit=2)
    second = await client.list(limit=2, cursor=first.next_cursor)
    listed = [*first.submissions, *second.submissions]
    assert [one.verdict for one in listed] == [Verdict.OK, Verdict.RUNTIME_ERROR, Verdict.OK]
    assert second.next_cursor is None
    failed = await client.list(verdict=Verdict.RUNTIME_ERROR, language="python", state=State.DONE)
    assert [one.id for one in failed.submissions] == [listed[1].id]
    async with httpx2.AsyncClient() as http:
        page = (await http.get(f"{node.url}/metrics")).text
    assert 'ccx_submissions_total{language="python",verdict="ok"} 2.0' in page
    assert 'ccx_sandbox_start_seconds_count{language="python"} 3.0' in page
    about_it = [line for line in node.log.all() if "submission failed" in line]
    assert all('"submission"' in line for line in about_it)


async def _queued(client: Client) -> bool:
    return (await client.health()).queued == 1


async def test_an_idle_node_stops_at_once_and_well(node: NodeProcess) -> None:
    async with asyncio.timeout(5):
        assert await asyncio.to_thread(node.stop) == 0


# ---- crashes, and neighbours ----


async def test_a_node_clears_away_what_its_killed_predecessor_left(starts_nodes: StartsNodes) -> None:
    first = starts_nodes(CCX_DATABASE_URL="memory:")
    async with first.client() as client:
        await start_long(client)
    first.process.kill()
    first.process.wait()
    left = sandboxes_of(first.name)
    assert len(left) == 1

    second = starts_nodes(first.name, CCX_DATABASE_URL="memory:")

    assert sandboxes_of(first.name) == []
    async with second.client() as client:
        assert (await client.submit(submission("python", "print(1)"))).verdict is Verdict.OK


async def test_a_program_does_not_outlive_a_killed_node(starts_nodes: StartsNodes) -> None:
    node = starts_nodes(CCX_DATABASE_URL="memory:")
    with SandboxWatch(node.name) as watch:
        async with node.client() as client:
            await start_long(client)
        node.process.kill()
        await watch.wait_for("die")
    node.process.wait()
    starts_nodes(node.name, CCX_DATABASE_URL="memory:")


async def test_nodes_leave_each_others_sandboxes_alone_also_under_the_same_name(starts_nodes: StartsNodes) -> None:
    first = starts_nodes()
    async with first.client() as client:
        answer = asyncio.create_task(client.submit(moment_program(6)))
        await eventually(lambda: _runs(client), "it runs")

        for name in (None, first.name):
            other = starts_nodes(name, max_tasks=1, CCX_DATABASE_URL="memory:")
            async with other.client() as neighbour:
                assert (await neighbour.submit(submission("python", "print(1)"))).verdict is Verdict.OK
            assert await asyncio.to_thread(other.stop) == 0

        result = await answer
        assert await asyncio.to_thread(first.stop) == 0
    assert (result.verdict, result.cases[0].stdout) == (Verdict.OK, "finished\n")


async def _runs(client: Client) -> bool:
    return (await client.health()).running == 1


async def test_a_sandbox_that_somebody_removes_is_our_fault_and_the_node_goes_on(
    node: NodeProcess, client: Client
) -> None:
    with SandboxWatch(node.name) as watch, engine_client() as engine:
        answer = asyncio.create_task(client.submit(long_program()))
        started = await watch.wait_for("start")
        submission_id = started.labels["ccx.submission"]
        await begun(client, submission_id)
        await asyncio.to_thread(engine.api.remove_container, started.container, force=True)
        result = await answer

    assert (result.verdict, result.id) == (Verdict.INTERNAL_ERROR, submission_id)
    assert submission_id in (result.message or "")
    assert result.cases[0].stdout == "begun\n"
    assert submission_id in node.line_with("submission failed")
    assert (await client.submit(submission("python", "print(1)"))).verdict is Verdict.OK
    assert (await client.health()).status == "ok"


async def test_a_sandbox_that_dies_is_our_fault_as_well(node: NodeProcess, client: Client) -> None:
    with SandboxWatch(node.name) as watch, engine_client() as engine:
        accepted = await start_long(client)
        started = await watch.wait_for("start")
        await asyncio.to_thread(engine.api.kill, started.container)
        result = await client.wait(accepted.id)
        await watch.wait_for("destroy")

    assert result.verdict is Verdict.INTERNAL_ERROR
    assert accepted.id in (result.message or "")


# ---- images ----


async def test_a_language_without_an_image_is_refused_with_the_remedy(
    starts_nodes: StartsNodes, tmp_path: Path
) -> None:
    describe_language(tmp_path / "images", "phantom")
    node = starts_nodes(CCX_IMAGES_DIR=str(tmp_path / "images"))
    async with node.client() as client, httpx2.AsyncClient(base_url=node.url) as http:
        with pytest.raises(ImageMissing, match="`ccx images build phantom`"):
            await client.submit(submission("phantom", ""))

        body = {"language": "phantom", "files": [{"content": ""}]}
        answer = await http.post("/v1/submissions", json=body)
        assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
        assert answer.json()["type"] == "urn:ccx:problem:image-missing"
        assert await client.languages() == ()


async def test_a_node_told_to_serve_a_language_without_an_image_says_so_and_ends(tmp_path: Path, suite: str) -> None:
    describe_language(tmp_path / "images", "phantom")

    ended = serve_in_vain(tmp_path, "--languages", "phantom", CCX_IMAGES_DIR=str(tmp_path / "images"))

    assert ended.stderr.startswith("ccx: This host has no image for Phantom. Build it with `ccx images build phantom`")


async def test_an_image_that_is_removed_later_fails_submissions_and_not_the_node(
    starts_nodes: StartsNodes, tmp_path: Path, suite: str
) -> None:
    name = f"fleeting-{suite[-8:]}"
    describe_language(tmp_path / "images", name)
    with makeshift_image(name) as image, engine_client() as engine:
        node = starts_nodes(CCX_IMAGES_DIR=str(tmp_path / "images"))
        async with node.client() as client:
            with SandboxWatch(node.name) as watch:
                assert (await client.submit(submission(name, "print(1)"))).verdict is Verdict.OK
                await watch.wait_for("destroy")
            await asyncio.to_thread(engine.images.remove, image)

            result = await client.submit(submission(name, "print(1)"))

            assert result.verdict is Verdict.INTERNAL_ERROR
            assert result.id in (result.message or "")


# ---- a node that cannot start ----


def serve_in_vain(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`ccx serve` where it cannot: it must end by itself, with one sentence."""
    ended = subprocess.run(
        ccx_command("serve", *arguments),
        env=ccx_environment(CCX_PORT="0", CCX_STATE_DIR=str(folder / "state")) | environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
        check=False,
    )
    assert ended.returncode not in {0, 1}
    assert ended.stdout == ""
    assert ended.stderr.startswith("ccx: ")
    assert len(ended.stderr.splitlines()) == 1, ended.stderr
    return ended


def test_without_an_engine_a_node_says_so_in_one_sentence_and_ends(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "dead.sock"))  # nobody listens
        address = f"unix://{tmp_path}/dead.sock"

        ended = serve_in_vain(tmp_path, DOCKER_HOST=address)

    assert f"No Docker engine answers at {address}." in ended.stderr
    assert "DOCKER_HOST" in ended.stderr


def test_with_an_engine_that_never_answers_a_node_does_not_wait_for_ever(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "silent.sock"))
        silent.listen()

        ended = serve_in_vain(tmp_path, DOCKER_HOST=f"unix://{tmp_path}/silent.sock")

    assert "No Docker engine answers" in ended.stderr


def test_a_port_that_is_taken_is_named_in_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        ended = serve_in_vain(tmp_path, CCX_PORT=str(port))

    assert f"Cannot listen on 127.0.0.1 port {port}: Address already in use." in ended.stderr


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"CCX_MAX_TASKS": "0"}, "CCX_MAX_TASKS"),
        ({"CCX_MAX_TASKS": "many"}, "CCX_MAX_TASKS"),
        ({"CCX_QUEUE_BOUND": "-1"}, "CCX_QUEUE_BOUND"),
        ({"CCX_NAME": "no spaces"}, "CCX_NAME"),
        ({"CCX_LANGUAGES": "cobol"}, "'cobol'"),
    ],
)
def test_a_setting_that_makes_no_sense_is_named_in_one_sentence(
    tmp_path: Path, images: None, environment: dict[str, str], said: str
) -> None:
    assert said in serve_in_vain(tmp_path, **environment).stderr


def test_a_broken_configuration_file_is_named_in_one_sentence(tmp_path: Path) -> None:
    tmp_path.joinpath("ccx.toml").write_text("max_tasks = \n")

    assert "ccx.toml" in serve_in_vain(tmp_path).stderr


# ---- the network of others ----


async def test_slow_and_broken_clients_do_not_keep_a_node_from_answering_others(
    node: NodeProcess, client: Client
) -> None:
    address = urlsplit(node.url)
    beginnings = [
        b"",
        b"POST /v1/submissions HTT",
        b"\x16\x03\x01\x02\x00\x01",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 70_000,
    ]
    writers = []
    for beginning in beginnings:
        _, writer = await asyncio.open_connection(address.hostname, address.port)
        writer.write(beginning)
        await writer.drain()
        writers.append(writer)

    result = await client.submit(submission("python", "print(1)"))

    assert result.verdict is Verdict.OK
    for writer in writers:
        writer.close()


async def test_the_api_describes_itself(node: NodeProcess) -> None:
    async with httpx2.AsyncClient(base_url=node.url) as http:
        document = json.loads((await http.get("/openapi.json")).text)
    assert {"/v1/submissions", "/v1/submissions/{submission_id}", "/v1/languages", "/healthz"} <= set(document["paths"])
    assert dangling_references(document) == []


def dangling_references(document: dict[str, Any]) -> list[str]:
    """What the document points at and does not have: a generator of clients refuses it."""
    names = re.findall(r'"\$ref": "#/components/schemas/(\w+)"', json.dumps(document))
    return sorted(set(names) - set(document["components"]["schemas"]))


async def test_a_node_keeps_no_descriptor_and_no_process_of_a_submission_that_has_ended(
    node: NodeProcess, client: Client
) -> None:
    def descriptors() -> int:
        return len(list(Path(f"/proc/{node.process.pid}/fd").iterdir()))

    request = submission("python", "print(1)")
    await asyncio.gather(*(client.submit(request) for _ in range(8)))  # whatever is made once is made now
    await eventually(lambda: is_idle(client), "idle")
    before = descriptors()

    await asyncio.gather(*(client.submit(request) for _ in range(8)))

    async def is_as_before() -> bool:
        return descriptors() <= before

    await eventually(is_as_before, f"again {before} descriptors or fewer")
