"""The runner in a real, hardened container: programs that are started ahead of their step."""

# ruff: noqa: E501  programs are read best in one line

import os
import re
import signal
import struct
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.runner_link import (
    DEADLINE_SECONDS,
    MIB,
    EndedBy,
    Flag,
    How,
    RunnerGone,
    RunnerLink,
    Sandbox,
    Step,
    open_sandbox,
)

pytestmark = pytest.mark.docker

GIVEN = Flag.INPUT_COMPLETE | Flag.PRESTARTED
GIVEN_AND_BACK = GIVEN | Flag.GIVES_BACK

# Says that it waits, takes a step, and then behaves as that step's first argument tells: Perl, which speaks all of this.
PARKED = r"""
use Socket; $| = 1;
open my $control, '+<&=', 3 or die;
sub wait_for_step { send $control, "\0", 0; defined recv $control, my $job, 65536, 0 or exit 9; @words = split /\0/, $job, -1; pop @words }
wait_for_step();
eval shift @words;
die $@ if $@;
"""
ENVIRONMENT = ("PATH=/usr/bin:/bin", "LC_ALL=C")


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with open_sandbox("sanitized") as sandbox:
        yield sandbox


@pytest.fixture
def link(sandbox: Sandbox) -> RunnerLink:
    return sandbox.link


def perl(script: str) -> tuple[str, ...]:
    return ("perl", "-e", script)


# How many there are, itself and the runner.
PROCESSES = Step(perl("print scalar grep /^\\d+$/, map { s!.*/!!r } </proc/*>"))


def park(link: RunnerLink, before: str = "", counted_bytes: int = 0) -> None:
    link.prestart(Step(perl(before + PARKED)), counted_bytes)


def given(script: str, *arguments: str, flags: int = GIVEN, **more: object) -> Step:
    return replace(Step((script, *arguments), flags=flags), **more)  # type: ignore[arg-type]


def test_a_step_is_run_by_the_program_that_was_started_ahead(link: RunnerLink) -> None:
    park(link)
    script = (
        "print join('|', 'parked', @words, sort map { \"$_=$ENV{$_}\" } keys %ENV), <STDIN>; print STDERR 'err'; exit 7"
    )
    outcome = link.run(given(script, "", "a b", "ä", input=b" in"))
    assert outcome.stdout == "parked||a b|ä|LC_ALL=C|PATH=/usr/bin:/bin in".encode()
    assert (outcome.stderr, outcome.exit_code) == (b"err", 7)


def test_it_has_the_place_of_any_program(link: RunnerLink) -> None:
    park(link)
    # Read by the program itself: while it forks, perl blocks signals, and a child might see that.
    tell = (
        'for ("/proc/$$/status", "/proc/$$/oom_score_adj") { open my $file, "<", $_; print <$file>; close $file } '
        "print map { s!.*/!!r } sort </proc/$$/fd/*>"
    )
    status = link.run(given(f"close $control; {tell}")).stdout
    plain = link.run(Step(perl(tell))).stdout

    def place(text: bytes) -> tuple[list[bytes], bytes]:
        kept = (b"Uid", b"Gid", b"Groups", b"SigB", b"SigI", b"SigC", b"Cap", b"NoNewPrivs", b"1000")
        return [line for line in re.sub(rb"/proc/\d+", b"", text).splitlines() if line.startswith(kept)], text[-4:]

    assert place(status) == place(plain)


def test_the_limits_of_its_step_are_its_limits(link: RunnerLink) -> None:
    park(link)
    script = "exec 'sh', '-c', 'ulimit -Sf; ulimit -Hf; ulimit -Sn; ulimit -Hn; ulimit -c'"
    assert link.run(given(script, file_bytes=MIB, open_files=99)).stdout.split() == [
        b"2048",
        b"2048",
        b"99",
        b"99",
        b"0",
    ]


def test_the_step_waits_until_the_program_is_ready(link: RunnerLink) -> None:
    park(link, "select undef, undef, undef, 0.3;")
    outcome = link.run(given("print 'parked'"))
    assert outcome.stdout == b"parked"
    assert outcome.ended.wall_us < 250_000


def test_what_it_used_before_its_step_is_not_charged(link: RunnerLink) -> None:
    park(link, "$big = 'x' x 30_000_000; 1 while times < 0.3;")
    result = link.run(given("exit 0")).ended
    assert result.cpu_us < 150_000


def test_its_memory_is_counted_from_the_hand_over_where_so_told(link: RunnerLink) -> None:
    park(link, "$big = 'x' x 60_000_000; undef $big;", counted_bytes=5 * MIB)
    few = link.run(given("exit 0")).ended.memory_bytes
    park(link, "$big = 'x' x 60_000_000; undef $big;", counted_bytes=5 * MIB)
    many = link.run(given("$more = 'x' x 20_000_000;")).ended.memory_bytes
    assert 5 * MIB <= few < 12 * MIB
    assert few + 18_000_000 < many < 60 * MIB


def test_limits_of_time_hold(link: RunnerLink) -> None:
    park(link)
    assert link.run(given("1 while 1", cpu_seconds=0.2)).ended.ended_by is EndedBy.CPU_TIME
    park(link)
    assert link.run(given("sleep 100", wall_seconds=0.2)).ended.ended_by is EndedBy.WALL_TIME


def test_signals_and_input_reach_it(link: RunnerLink) -> None:
    park(link)
    step = link.start(given("print 'ready'; sleep 1 while 1", flags=Flag.PRESTARTED))
    link.wait_until(step, lambda outcome: outcome.stdout == b"ready")
    link.signal(step, signal.SIGTERM)
    assert link.finish(step).ended.code == signal.SIGTERM
    park(link)
    step = link.start(given("print <STDIN>", flags=Flag.PRESTARTED))
    link.wait_until(step, lambda outcome: outcome.began)
    assert link.feed(step, b"12\n" * 50_000).stdout == b"12\n" * 50_000


# ---- where it cannot be had ----


@pytest.mark.parametrize(
    "step",
    [
        replace(PROCESSES, flags=Flag.INPUT_COMPLETE),
        replace(PROCESSES, flags=GIVEN, environment=(*ENVIRONMENT, "MORE=1")),
        replace(PROCESSES, flags=GIVEN | Flag.TERMINAL),
        replace(PROCESSES, flags=GIVEN | Flag.RESTORE),
    ],
    ids=["not asked for", "another environment", "a terminal", "a restored directory"],
)
def test_a_step_it_cannot_serve_is_run_as_any_other_and_it_is_dead_by_then(link: RunnerLink, step: Step) -> None:
    link.send("P")
    park(link)
    outcome = link.run(step)
    assert outcome.stdout == b"2"
    assert outcome.ended.left_behind == 0


@pytest.mark.parametrize(
    "program", [("missing",), perl("exit 3"), perl("kill 9, $$"), perl("close STDERR; open F, '<&=3'; exit")]
)
def test_a_program_that_ends_before_its_step_is_not_missed(link: RunnerLink, program: tuple[str, ...]) -> None:
    link.prestart(Step(program))
    outcome = link.run(Step(("sh", "-c", "echo plain"), flags=GIVEN))
    assert (outcome.stdout, outcome.exit_code) == (b"plain\n", 0)


def test_a_program_that_ends_while_it_waits_is_not_missed(sandbox: Sandbox) -> None:
    link = sandbox.link
    park(link, "print 'waits';")
    end = time.monotonic() + DEADLINE_SECONDS
    while len(pids := children_of(sandbox)) < 1 and time.monotonic() < end:
        time.sleep(0.01)
    os.kill(pids[0], signal.SIGKILL)
    while children_of(sandbox) and time.monotonic() < end:  # a killed program takes a moment to die
        time.sleep(0.01)
    outcome = link.run(Step(("sh", "-c", "echo plain"), flags=GIVEN))
    assert (outcome.stdout, outcome.exit_code) == (b"plain\n", 0)


def children_of(sandbox: Sandbox) -> list[int]:
    """As the host sees them."""
    pid = sandbox.runner_pid()
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_without_one_the_flags_mean_nothing(link: RunnerLink) -> None:
    outcome = link.run(Step(("sh", "-c", "echo plain"), flags=GIVEN_AND_BACK))
    assert (outcome.stdout, outcome.exit_code) == (b"plain\n", 0)
    assert link.run(Step(("sh", "-c", "echo plain"), flags=GIVEN)).stdout == b"plain\n"


# ---- a program that serves two steps ----

TWICE = "print 'one'; print STDERR 'e1'; wait_for_step(); eval shift @words; die $@ if $@"


def test_it_can_serve_one_step_more(link: RunnerLink) -> None:
    park(link)
    first = link.run(given(TWICE, flags=GIVEN_AND_BACK, file_bytes=2 * MIB, open_files=50))
    assert (first.stdout, first.stderr, first.exit_code, first.ended.left_behind) == (b"one", b"e1", 0, 0)
    link.put_file("between", "x")
    second = link.run(given("print <STDIN>, -s 'between', `ulimit -f; ulimit -n`; exit 3", input=b"in", open_files=60))
    assert (second.stdout, second.stderr, second.exit_code) == (b"in1131072\n60\n", b"", 3)


def test_each_of_its_steps_has_figures_of_its_own(link: RunnerLink) -> None:
    park(link)
    first = link.run(given("1 while times < 0.3;" + TWICE, flags=GIVEN_AND_BACK)).ended
    second = link.run(given("exit")).ended
    assert first.cpu_us > 200_000 > second.cpu_us
    assert first.wall_us > 200_000 > second.wall_us


def test_all_it_has_written_by_then_is_the_first_steps(link: RunnerLink) -> None:
    park(link)
    first = link.run(given("print 'x' x 3_000_000;" + TWICE, flags=GIVEN_AND_BACK, output_bytes=4 * MIB))
    assert first.stdout == b"x" * 3_000_000 + b"one"
    assert link.run(given("print 'two'")).stdout == b"two"


def test_it_may_end_with_the_first_step(link: RunnerLink) -> None:
    park(link)
    assert link.run(given("print 'no'; exit 1", flags=GIVEN_AND_BACK)).exit_code == 1
    assert link.run(Step(("sh", "-c", "echo plain"), flags=GIVEN)).stdout == b"plain\n"


def test_the_first_step_has_no_input(link: RunnerLink) -> None:
    park(link)
    step = link.start(given(TWICE, flags=Flag.PRESTARTED | Flag.GIVES_BACK))
    link.finish(step)
    assert link.run(given("print <STDIN>", input=b"second")).stdout == b"second"


def test_it_is_killed_where_the_next_step_is_not_its(link: RunnerLink) -> None:
    park(link)
    link.run(given(TWICE, flags=GIVEN_AND_BACK))
    assert link.run(PROCESSES).stdout == b"2"


def test_its_first_step_can_be_ended(link: RunnerLink) -> None:
    park(link)
    result = link.run(given("1 while 1", flags=GIVEN_AND_BACK, cpu_seconds=0.2)).ended
    assert (result.how, result.ended_by) == (How.SIGNALLED, EndedBy.CPU_TIME)
    assert link.run(Step(("sh", "-c", "echo plain"), flags=GIVEN)).stdout == b"plain\n"


def test_in_its_last_step_nothing_it_says_is_heard(link: RunnerLink) -> None:
    park(link)
    outcome = link.run(
        given("send $control, \"\\0\", 0 for 1 .. 3; select undef, undef, undef, 0.2; print 'end'; exit 5")
    )
    assert (outcome.stdout, outcome.exit_code) == (b"end", 5)


def test_what_the_first_step_leaves_behind_is_dead_before_the_last_ends(link: RunnerLink) -> None:
    park(link)
    link.run(given(TWICE, flags=GIVEN_AND_BACK))
    assert link.run(given("fork or sleep 100; exit 0")).ended.left_behind == 1
    assert link.run(PROCESSES).stdout == b"2"


# ---- the protocol ----


def complaint(link: RunnerLink) -> str:
    try:
        while (frame := link.receive()).type != "!":
            pass
    except RunnerGone:
        return "gone without a word"
    return frame.payload.decode()


def test_a_second_program_is_a_protocol_error(link: RunnerLink) -> None:
    park(link)
    park(link)
    assert "started ahead already" in complaint(link)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        struct.pack(">QHH", 0, 0, 0),
        struct.pack(">QHH2s", 0, 0, 0, b"xx"),
        struct.pack(">QHH1sH", 0, 1, 1, b"a", 0) + b"x",
    ],
)
def test_a_malformed_program_is_a_protocol_error(link: RunnerLink, payload: bytes) -> None:
    link.send("R", payload)
    assert "protocol error" in complaint(link)


@pytest.mark.parametrize(
    "step", [Step(("true",), flags=Flag.GIVES_BACK), Step(("true",), flags=GIVEN_AND_BACK, input=b"x")]
)
def test_only_a_prestarted_program_without_input_can_be_given_back(link: RunnerLink, step: Step) -> None:
    link.start(step)
    assert "protocol error" in complaint(link)
