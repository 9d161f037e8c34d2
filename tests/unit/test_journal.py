"""Readers of a journal: late, slow, many, or back again; and what is left of it in a store."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccx.wire import SourceFile, SubmissionRequest, Verdict
from ccx_orchestrator.domain.events import (
    ArtifactSent,
    Event,
    Finished,
    Output,
    Queued,
    Started,
    StepJudged,
    Stream,
    Told,
)
from ccx_orchestrator.domain.planning import make_plan
from ccx_orchestrator.domain.transcript import Transcript
from ccx_orchestrator.submissions.events import journal_codec
from ccx_orchestrator.submissions.events.journal import Entry, EventId, Journal
from tests.support.languages import language
from tests.unit.test_verdicts import OK

DEADLINE_SECONDS = 5.0
NOW = datetime(2026, 1, 1, tzinfo=UTC)
QUEUED = Queued("0" * 32, None)
STARTED = Started("node", "demo 1.0")
DONE = Finished(Verdict.OK, None)

outputs = st.builds(Output, st.just(0), st.sampled_from(Stream), st.binary(min_size=1, max_size=9))


def transcript() -> Transcript:
    request = SubmissionRequest(language="demo", files=(SourceFile(name="a.dm", content=""),))
    return Transcript("0" * 32, make_plan(request, lambda _: language()), NOW)


def write(journal: Journal, told: list[Event]) -> Transcript:
    """All of it, and the end."""
    life = transcript()
    journal.add(QUEUED)
    for event in told:
        journal.add(life.add(event, NOW))
    life.add(DONE, NOW)
    journal.complete(journal.conclude(DONE, life.submission()))
    return life


async def read_all(journal: Journal, after: EventId | None = None, pause_seconds: float = 0) -> list[Entry]:
    read: list[Entry] = []
    async with asyncio.timeout(DEADLINE_SECONDS):
        while True:
            batch = journal.since(after)
            read += batch
            after = batch[-1].id if batch else after
            if journal.is_complete and not journal.since(after):
                return read
            await journal.wait_for_news(after)
            await asyncio.sleep(pause_seconds)


def output_of(entries: list[Entry], stream: Stream = Stream.STDOUT) -> bytes:
    told = [entry.told for entry in entries]
    return b"".join(event.data for event in told if isinstance(event, Output) and event.stream is stream)


async def test_a_late_reader_gets_it_all() -> None:
    journal = Journal()
    write(journal, [STARTED, Output(0, Stream.STDOUT, b"hello\n")])
    told: list[Told] = [entry.told for entry in await read_all(journal)]
    assert told == [QUEUED, STARTED, Output(0, Stream.STDOUT, b"hello\n"), DONE]


async def test_numbers_count_from_one_without_a_gap() -> None:
    journal = Journal(attempt=3)
    write(journal, [STARTED, Output(0, Stream.STDOUT, b"a")])
    assert [str(entry.id) for entry in await read_all(journal)] == ["3-1", "3-2", "3-3", "3-4"]


async def test_whoever_comes_back_goes_on_where_it_was_without_gap_or_repeat() -> None:
    journal = Journal()
    write(journal, [STARTED, *(Output(0, stream, b"x") for stream in [*Stream] * 20)])
    everything = await read_all(journal)
    for entry in everything:
        rest = await read_all(journal, entry.id) if entry is not everything[-1] else []
        assert rest == everything[entry.id.number :]


async def test_a_place_in_another_attempt_or_beyond_the_end_is_the_start() -> None:
    journal = Journal(attempt=2)
    write(journal, [STARTED])
    everything = await read_all(journal)
    assert await read_all(journal, EventId(1, 2)) == everything
    assert await read_all(journal, EventId(2, 99)) == everything


async def test_a_place_beyond_what_is_known_so_far_is_waited_for() -> None:
    journal = Journal()
    journal.add(QUEUED)
    assert journal.since(EventId(1, 2)) == []
    journal.complete(journal.conclude(DONE, transcript().submission()))
    assert await read_all(journal, EventId(1, 2)) == []


async def test_an_abandoned_journal_has_nothing_for_who_knows_more() -> None:
    journal = Journal()
    journal.add(QUEUED)
    journal.abandon()
    assert (journal.is_abandoned, journal.has_ended) == (True, False)
    assert await read_all(journal, EventId(1, 2)) == []


async def test_two_hundred_readers_get_the_same_fast_and_slow_ones() -> None:
    journal = Journal()
    readers = [asyncio.create_task(read_all(journal, pause_seconds=number % 5 / 1000)) for number in range(200)]
    await asyncio.sleep(0)
    journal.add(QUEUED)
    for number in range(100):
        journal.add(Output(0, Stream.STDOUT, f"{number}\n".encode()))
        await asyncio.sleep(0)
    journal.complete(journal.conclude(DONE, transcript().submission()))
    read = await asyncio.gather(*readers)
    assert all(one == read[0] for one in read)
    assert output_of(read[0]) == b"".join(f"{number}\n".encode() for number in range(100))


async def test_what_is_written_after_a_silence_is_shown_at_once_and_a_flood_is_gathered() -> None:
    journal = Journal()
    journal.add(Output(0, Stream.STDOUT, b"first"))
    assert output_of(journal.entries) == b"first"
    for _ in range(10_000):
        journal.add(Output(0, Stream.STDOUT, b"x"))
    journal.complete(journal.conclude(DONE, transcript().submission()))
    assert output_of(journal.entries) == b"first" + b"x" * 10_000
    assert len(journal.entries) < 1_000


async def test_the_beginning_of_a_character_goes_out_alone_where_nothing_comes_after_it() -> None:
    journal = Journal()
    journal.add(Output(0, Stream.STDOUT, b"a\xc3"))
    async with asyncio.timeout(DEADLINE_SECONDS):
        await journal.wait_for_news(EventId(1, 1))
    assert [entry.told for entry in journal.entries] == [
        Output(0, Stream.STDOUT, b"a"),
        Output(0, Stream.STDOUT, b"\xc3"),
    ]


async def test_output_comes_before_the_end_of_its_case() -> None:
    journal = Journal()
    judged = StepJudged(0, OK, Verdict.OK, None, None)
    write(journal, [STARTED, Output(0, Stream.STDOUT, b"a"), Output(0, Stream.STDOUT, b"b"), judged])
    assert [type(entry.told) for entry in journal.entries] == [Queued, Started, Output, Output, StepJudged, Finished]


async def test_the_end_is_not_shown_before_the_result_is_kept() -> None:
    journal = Journal()
    journal.add(QUEUED)
    last = journal.conclude(DONE, transcript().submission())
    assert journal.since(EventId(1, 1)) == []
    journal.complete(last)
    assert journal.since(EventId(1, 1)) == [last]


@given(st.lists(outputs, max_size=30), st.binary(max_size=9))
def test_a_stored_journal_is_the_same_again(told: list[Output], artifact: bytes) -> None:
    async def scenario() -> None:
        journal = Journal(attempt=2)
        judged = StepJudged(0, OK, Verdict.OK, None, None)
        life = write(journal, [STARTED, *told, judged, ArtifactSent("a", artifact, None), ArtifactSent("b", b"", "no")])
        submission = life.submission()
        restored = await journal_codec.from_bytes(await journal_codec.to_bytes(2, journal.entries), submission)
        assert [entry.json for entry in restored.entries] == [entry.json for entry in journal.entries]
        assert restored.is_complete

    asyncio.run(scenario())


async def test_a_stored_journal_does_not_keep_the_output_twice() -> None:
    journal = Journal()
    write(journal, [STARTED, Output(0, Stream.STDOUT, bytes(range(256)) * 1000)])
    assert len(await journal_codec.to_bytes(1, journal.entries)) < 1_000


async def test_a_long_journal_is_stored_as_well() -> None:
    journal = Journal()
    steps = [StepJudged(case, OK, Verdict.OK, None, None) for case in [0] * 5_000]
    life = write(journal, [STARTED, *steps])
    kept = await journal_codec.to_bytes(1, journal.entries)
    assert (await journal_codec.from_bytes(kept, life.submission())).entries[:-1] == journal.entries[:-1]


def test_of_a_result_without_a_journal_the_end_is_told() -> None:
    life = transcript()
    life.add(DONE, NOW)
    journal = journal_codec.of_result_alone(life.submission())
    assert [entry.told for entry in journal.entries] == [DONE]


@pytest.mark.parametrize("text", ["", "1", "1-", "-1", "1-x", "1-2-3", "1-99999999999"])
def test_what_is_no_id_is_none(text: str) -> None:
    assert EventId.parse(text) is None
