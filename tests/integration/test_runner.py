"""The runner in a real, hardened container: streams, ends, limits, and what it reports of them."""

import os
import signal
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.runner_link import BUILDS, MIB, UID, EndedBy, Flag, How, RunnerLink, Sandbox, Step, open_sandbox

pytestmark = pytest.mark.docker

LIVE = 0  # flags of a step whose input stays open


@pytest.fixture(params=BUILDS)
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    with open_sandbox(request.param) as sandbox:
        yield sandbox


@pytest.fixture
def link(sandbox: Sandbox) -> RunnerLink:
    return sandbox.link


def sh(script: str) -> tuple[str, ...]:
    return ("sh", "-c", script)


def perl(script: str) -> tuple[str, ...]:
    return ("perl", "-e", "$| = 1;" + script)


# ---- streams ----


def test_input_comes_back_byte_for_byte(link: RunnerLink) -> None:
    data = bytes(range(256)) + b"\0\r\n\r\0" + os.urandom(50_000)
    outcome = link.run(Step(("cat",), input=data))
    assert outcome.stdout == data
    assert outcome.stderr == b""
    assert outcome.ended.stdout_bytes == len(data)


def test_input_larger_than_every_buffer_passes_by_credit(link: RunnerLink) -> None:
    data = os.urandom(3 * MIB)
    outcome = link.feed(link.start(Step(("cat",), flags=LIVE, output_bytes=4 * MIB)), data)
    assert outcome.stdout == data


def test_inline_input_may_be_followed_by_more(link: RunnerLink) -> None:
    assert link.feed(link.start(Step(("cat",), flags=LIVE, input=b"first ")), b"second").stdout == b"first second"


def test_the_two_output_streams_are_told_apart(link: RunnerLink) -> None:
    outcome = link.run(Step(sh("echo out; echo err >&2")))
    assert (outcome.stdout, outcome.stderr) == (b"out\n", b"err\n")


def test_a_program_that_never_reads_gets_no_more_than_its_window(link: RunnerLink) -> None:
    step = link.start(Step(perl('$SIG{USR1} = sub { print "here" }; print "ready"; sleep 1 while 1'), flags=LIVE))
    link.wait_until(step, lambda outcome: outcome.stdout == b"ready")
    link.give(step, bytes(65_000))  # fits in the pipe, and comes back as credit
    link.wait_until(step, lambda outcome: outcome.credit >= 60_000)
    link.give(step, bytes(60_000))
    link.signal(step, signal.SIGUSR1)
    outcome = link.wait_until(step, lambda outcome: outcome.stdout == b"readyhere")
    assert outcome.credit < 65_536 - 50_000
    link.cancel(step)
    assert link.finish(step).ended.ended_by is EndedBy.CANCELLED


def test_input_that_nobody_will_read_is_taken_all_the_same(link: RunnerLink) -> None:
    step = link.start(Step(sh("exec <&-; echo closed; kill -STOP $$; exit 3"), flags=LIVE))
    link.wait_until(step, lambda outcome: outcome.stdout == b"closed\n")
    for _ in range(5):
        link.wait_until(step, lambda outcome: outcome.credit == 65_536)
        link.give(step, bytes(60_000))
    link.signal(step, signal.SIGCONT)
    assert link.finish(step).exit_code == 3


# ---- the program's place ----


def test_a_program_finds_nothing_of_the_runner(link: RunnerLink) -> None:
    status = link.run(Step(("cat", "/proc/self/status"))).stdout.decode()
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert fields["Uid"].split() == fields["Gid"].split() == [str(UID)] * 4
    assert fields["Groups"].strip() == ""
    assert {int(fields[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapAmb", "SigBlk", "SigIgn")} == {0}
    assert fields["NoNewPrivs"] == "1"


def test_a_program_has_three_descriptors_a_session_and_the_work_directory(link: RunnerLink) -> None:
    script = (
        "opendir D, '/proc/self/fd'; print join ' ', sort grep /[0-9]/, readdir D;"
        "print ' ', getpgrp == $$, readlink '/proc/self/cwd'"
    )
    outcome = link.run(Step(perl(script)))
    assert outcome.stdout == b"0 1 2 3 1/box/work"  # 3 is the listing itself


def test_arguments_and_environment_are_exactly_those_of_the_step(link: RunnerLink) -> None:
    arguments: tuple[str | bytes, ...] = (
        *perl('print join("|", @ARGV), "\\n", map { "$_=$ENV{$_}\\n" } sort keys %ENV'),
        "",
        "a b",
        b"\xff\n",
        "",
    )
    outcome = link.run(Step(arguments, environment=("A=1", "B=", "PATH=/usr/bin")))
    assert outcome.stdout == b"|a b|\xff\n|\nA=1\nB=\nPATH=/usr/bin\n"


def test_a_child_of_the_step_is_offered_to_the_oom_killer_first(link: RunnerLink) -> None:
    assert link.run(Step(("cat", "/proc/self/oom_score_adj"))).stdout == b"1000\n"


def test_temporary_files_go_to_the_box(link: RunnerLink) -> None:
    assert link.run(Step(sh("echo x >/tmp/file && cat /box/tmp/file"))).stdout == b"x\n"


# ---- ends ----


@pytest.mark.parametrize("code", [0, 1, 42, 255])
def test_the_exit_code_is_the_programs(link: RunnerLink, code: int) -> None:
    assert link.run(Step(sh(f"exit {code}"))).exit_code == code


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL, signal.SIGTERM, signal.SIGABRT, signal.SIGPIPE])
def test_death_by_a_signal_is_told_by_its_number(link: RunnerLink, number: int) -> None:
    result = link.run(Step(sh(f"kill -{number} $$"))).ended
    assert (result.how, result.code, result.ended_by) == (How.SIGNALLED, number, EndedBy.NOTHING)


def test_a_program_that_cannot_be_started_is_told_by_errno(link: RunnerLink) -> None:
    link.put_file("no-program", "#!/nonexistent\n", executable=True)
    link.put_file("no-right", "")
    codes = [link.run(Step((name,))).ended for name in ("missing", "./no-program", "./no-right", "/")]
    assert [(result.how, result.code) for result in codes] == [(How.NOT_STARTED, code) for code in (2, 2, 13, 13)]


def test_a_signal_reaches_the_whole_process_group(link: RunnerLink) -> None:
    script = (
        "pipe R, W; unless (fork) { $SIG{USR1} = sub { print 'child' }; syswrite W, 'x'; sleep 1 while 1 }"
        "$SIG{USR1} = 'IGNORE'; sysread R, $x, 1; print 'ready'; wait while 1"
    )
    step = link.start(Step(perl(script)))
    link.wait_until(step, lambda outcome: outcome.stdout == b"ready")
    link.signal(step, signal.SIGUSR1)
    link.wait_until(step, lambda outcome: outcome.stdout == b"readychild")
    link.signal(step, signal.SIGKILL)
    result = link.finish(step).ended
    assert (result.how, result.code, result.ended_by) == (How.SIGNALLED, signal.SIGKILL, EndedBy.NOTHING)


def test_a_signal_sent_at_once_is_not_lost(link: RunnerLink) -> None:
    for _ in range(20):
        step = link.start(Step(("sleep", "100")))
        link.wait_until(step, lambda outcome: outcome.began)
        link.signal(step, signal.SIGTERM)
        assert link.finish(step).ended.code == signal.SIGTERM


def test_a_cancelled_step_keeps_what_it_had_printed(link: RunnerLink) -> None:
    step = link.start(Step(sh("echo before; exec sleep 100")))
    link.wait_until(step, lambda outcome: bool(outcome.stdout))
    link.cancel(step)
    outcome = link.finish(step)
    assert outcome.stdout == b"before\n"
    assert (outcome.ended.ended_by, outcome.ended.how, outcome.ended.code) == (EndedBy.CANCELLED, How.SIGNALLED, 9)


def test_commands_for_a_step_that_has_ended_are_dropped(link: RunnerLink) -> None:
    step = link.start(Step(("true",), flags=LIVE))
    link.finish(step)
    link.give(step, b"late")
    link.end_input(step)
    link.signal(step, signal.SIGTERM)
    link.cancel(step)
    link.resize(step, 1, 1)
    assert link.run(Step(("true",))).exit_code == 0


def test_a_step_sent_early_begins_when_the_first_has_ended(link: RunnerLink) -> None:
    first = link.start(Step(sh("read line; echo one"), flags=LIVE))
    second = link.start(Step(sh("cat; echo two"), input=b"2"))
    link.wait_until(first, lambda outcome: outcome.began)
    assert not link.outcomes[second].began
    link.give(first, b"go\n")
    assert link.finish(first).stdout == b"one\n"
    assert not link.outcomes[second].began
    assert link.finish(second).stdout == b"2two\n"


def test_the_marker_is_reported_where_it_exists(link: RunnerLink) -> None:
    found = [link.run(Step(sh(script), marker="/tmp/marker")).ended.marker for script in ("true", "touch /tmp/marker")]
    assert found == [False, True]
    assert not link.run(Step(("true",))).ended.marker


def test_a_daemon_is_killed_and_counted(link: RunnerLink) -> None:
    script = (
        "use POSIX; pipe R, W; unless (fork) { setsid; exit if fork; syswrite W, 'x'; sleep 1 while 1 }"
        "wait; sysread R, $x, 1"
    )
    assert link.run(Step(perl(script))).ended.left_behind == 1
    assert link.run(Step(sh("echo /proc/[0-9]*"))).stdout.count(b"/proc") == 2  # the runner and the shell


def test_orphans_that_have_ended_are_not_called_left_behind(link: RunnerLink) -> None:
    script = (
        "for (1..20) { unless (fork) { fork; exit } } 1 while wait > 0;"
        "sub alive { opendir my $proc, '/proc'; scalar grep /^\\d/, readdir $proc }"
        "1 while alive() > 2"  # the runner reaps while the step runs
    )
    outcome = link.run(Step(perl(script)))
    assert outcome.ended.left_behind == 0


# ---- limits ----


def test_cpu_time_is_counted_over_many_short_children(link: RunnerLink) -> None:
    result = link.run(Step(sh("while :; do /bin/true; done"), cpu_seconds=0.4)).ended
    assert result.ended_by is EndedBy.CPU_TIME
    assert 400_000 <= result.cpu_us < 800_000


def test_cpu_time_is_counted_over_processes_side_by_side(link: RunnerLink) -> None:
    result = link.run(Step(perl("fork; fork; 1 while 1"), cpu_seconds=0.4)).ended
    assert result.ended_by is EndedBy.CPU_TIME
    assert 400_000 <= result.cpu_us < 800_000
    assert result.left_behind == 3


def test_sleeping_is_no_cpu_time_but_wall_time(link: RunnerLink) -> None:
    result = link.run(Step(("sleep", "100"), cpu_seconds=0.2, wall_seconds=0.3)).ended
    assert (result.ended_by, result.how, result.code) == (EndedBy.WALL_TIME, How.SIGNALLED, signal.SIGKILL)
    assert result.wall_us >= 300_000
    assert result.cpu_us < 200_000


def test_a_program_that_ignores_signals_meets_the_wall_limit(link: RunnerLink) -> None:
    script = "$SIG{$_} = 'IGNORE' for keys %SIG; sleep 1 while 1"
    assert link.run(Step(perl(script), wall_seconds=0.3)).ended.ended_by is EndedBy.WALL_TIME


@pytest.mark.parametrize(
    ("name", "redirect", "cause"), [("stdout", "", EndedBy.STDOUT), ("stderr", ">&2", EndedBy.STDERR)]
)
def test_excess_output_ends_the_step_and_is_counted_in_full(
    link: RunnerLink, name: str, redirect: str, cause: EndedBy
) -> None:
    write = f"perl -e 'syswrite STDOUT, q(x) x 50000; sleep 100' {redirect}"
    outcome = link.run(Step(sh("exec " + write), output_bytes=1000))
    assert outcome.ended.ended_by is cause
    assert getattr(outcome, name) == b"x" * 1000
    assert getattr(outcome.ended, f"{name}_bytes") == 50_000


def test_output_that_just_fits_is_no_excess(link: RunnerLink) -> None:
    outcome = link.run(Step(sh("printf 12345; printf 12345 >&2"), output_bytes=5))
    assert (outcome.stdout, outcome.stderr, outcome.ended.ended_by) == (b"12345", b"12345", EndedBy.NOTHING)


def test_a_program_quick_to_exit_cannot_hide_its_excess(link: RunnerLink) -> None:
    outcome = link.run(Step(sh("printf 123456"), output_bytes=5))
    assert (outcome.stdout, outcome.ended.stdout_bytes, outcome.ended.ended_by) == (b"12345", 6, EndedBy.STDOUT)


def test_a_file_too_large_is_ended_by_its_signal(link: RunnerLink) -> None:
    result = link.run(Step(sh("exec head -c 2000000 /dev/zero >file"), file_bytes=MIB)).ended
    assert (result.how, result.code) == (How.SIGNALLED, signal.SIGXFSZ)
    assert link.run(Step(("stat", "-c", "%s", "file"))).stdout == b"1048576\n"


def test_open_files_are_limited(link: RunnerLink) -> None:
    assert link.run(Step(sh("ulimit -n; ulimit -c"), open_files=17)).stdout == b"17\n0\n"


def test_memory_kills_are_counted_and_the_runner_survives(link: RunnerLink) -> None:
    result = link.run(Step(perl('$x = "a" x 600_000_000'))).ended
    assert (result.how, result.code, result.ended_by) == (How.SIGNALLED, signal.SIGKILL, EndedBy.NOTHING)
    assert result.oom_kills == 1
    assert result.memory_bytes > 128 * MIB
    result = link.run(Step(("true",))).ended
    assert result.oom_kills == 0
    assert result.memory_bytes < 64 * MIB


def test_peak_memory_is_that_of_the_whole_tree(link: RunnerLink) -> None:
    script = (
        "for (1..3) { pipe R, W; unless (fork) { $x = 'a' x 30_000_000; syswrite W, 'x'; sleep 100 } sysread R, $y, 1 }"
    )
    assert link.run(Step(perl(script))).ended.memory_bytes > 90_000_000


def test_refused_forks_are_counted(link: RunnerLink) -> None:
    script = "while (1) { $p = fork; last unless defined $p; if (!$p) { sleep 1 while 1 } $n++ } print $n"
    outcome = link.run(Step(perl(script)))
    assert outcome.ended.refused_forks >= 1
    assert outcome.ended.left_behind == int(outcome.stdout) == 62  # of 64: the runner and the program itself
    assert link.run(Step(("true",))).ended.refused_forks == 0


def test_the_wall_limit_strikes_while_nobody_reads_the_output(sandbox: Sandbox) -> None:
    children = Path(f"/proc/{sandbox.runner_pid()}/task/{sandbox.runner_pid()}/children")
    link = sandbox.link
    step = link.start(Step(("yes",), wall_seconds=1, output_bytes=1 << 40))
    link.wait_until(step, lambda outcome: outcome.began)
    deadline = time.monotonic() + 30
    while children.read_text():
        assert time.monotonic() < deadline
    outcome = link.finish(step)
    assert outcome.ended.ended_by is EndedBy.WALL_TIME
    assert outcome.ended.stdout_bytes == len(outcome.stdout) > 0


def test_without_counters_cpu_time_is_summed_up_from_processes() -> None:
    with open_sandbox(more=("--tmpfs", "/sys/fs/cgroup")) as sandbox:
        assert sandbox.cgroup == 0
        for script in ("fork; 1 while 1", "while (1) { system '/bin/true' }"):
            result = sandbox.link.run(Step(perl(script), cpu_seconds=0.4)).ended
            assert result.ended_by is EndedBy.CPU_TIME
            assert 400_000 <= result.cpu_us < 800_000


# ---- terminals ----


def test_a_step_may_have_a_terminal(link: RunnerLink) -> None:
    step = link.start(
        Step(
            sh("test -t 0 && test -t 1 && test -t 2 && tty && echo ready && read line && stty size"),
            flags=Flag.TERMINAL,
        )
    )
    link.wait_until(step, lambda outcome: b"ready" in outcome.stdout)
    link.resize(step, 43, 132)
    link.give(step, b"go\n")
    outcome = link.finish(step)
    assert outcome.exit_code == 0
    assert outcome.stdout == b"/dev/pts/0\r\nready\r\ngo\r\n43 132\r\n"


def test_a_window_that_changes_is_announced(link: RunnerLink) -> None:
    script = "$SIG{WINCH} = sub { print 'changed'; exit }; print 'ready'; sleep 1 while 1"
    step = link.start(Step(perl(script), flags=Flag.TERMINAL))
    link.wait_until(step, lambda outcome: outcome.stdout == b"ready")
    link.resize(step, 5, 6)
    assert link.finish(step).stdout == b"readychanged"


@pytest.mark.parametrize("text", [b"", b"line\n", b"no newline"])
def test_the_end_of_input_reaches_a_terminal(link: RunnerLink, text: bytes) -> None:
    outcome = link.feed(link.start(Step(sh("stty -echo; echo ready; cat"), flags=Flag.TERMINAL)), text)
    assert outcome.stdout.endswith(text.replace(b"\n", b"\r\n"))
    assert outcome.exit_code == 0


def test_control_c_interrupts_a_program_on_a_terminal(link: RunnerLink) -> None:
    step = link.start(Step(sh("echo ready; exec sleep 100"), flags=Flag.TERMINAL))
    link.wait_until(step, lambda outcome: b"ready" in outcome.stdout)
    link.give(step, b"\x03")
    assert link.finish(step).ended.code == signal.SIGINT


def test_the_last_words_on_a_terminal_are_not_lost(link: RunnerLink) -> None:
    outcome = link.run(Step(perl("syswrite STDOUT, q(x) x 30_000"), flags=Flag.TERMINAL | Flag.INPUT_COMPLETE))
    assert outcome.stdout.count(b"x") == 30_000


# ---- many ----


def test_a_thousand_steps_leave_nothing_open(sandbox: Sandbox) -> None:
    descriptors = Path(f"/proc/{sandbox.runner_pid()}/fd")
    link = sandbox.link
    link.run(Step(("true",)))
    before = len(list(descriptors.iterdir()))
    started = time.perf_counter()
    for _ in range(1000):
        assert link.run(Step(("true",))).exit_code == 0
    print(f"{(time.perf_counter() - started):.2f} ms per step")  # noqa: T201
    link.run(Step(("missing",)))
    link.run(Step(("tty",), flags=Flag.TERMINAL))
    assert len(list(descriptors.iterdir())) == before


def test_step_numbers_may_leave_gaps(link: RunnerLink) -> None:
    link.send("S", Step(("true",)).encoded(4_000_000_000))
    frames = [link.receive(), link.receive()]
    assert [(frame.type, struct.unpack_from(">I", frame.payload)[0]) for frame in frames] == [
        ("b", 4_000_000_000),
        ("z", 4_000_000_000),
    ]
