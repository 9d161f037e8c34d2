"""The runner in a real, hardened container: files in, the preserved state, files out."""

import errno
import os
from collections.abc import Iterator

import pytest

from tests.support.runner_link import BUILDS, MIB, Flag, How, RunnerLink, Sandbox, Step, open_sandbox

pytestmark = pytest.mark.docker

RESTORED = Flag.RESTORE | Flag.INPUT_COMPLETE
OK, MISSING, NOT_REGULAR, TOO_LARGE = range(4)


@pytest.fixture(params=BUILDS)
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    with open_sandbox(request.param) as sandbox:
        yield sandbox


@pytest.fixture
def link(sandbox: Sandbox) -> RunnerLink:
    return sandbox.link


def sh(script: str, flags: int = Flag.INPUT_COMPLETE) -> Step:
    return Step(("sh", "-c", script), flags=flags)


def perl(script: str) -> Step:
    return Step(("perl", "-e", script))


# ---- in ----


def test_files_arrive_byte_for_byte_with_their_directories(link: RunnerLink) -> None:
    data = os.urandom(300_000)
    link.put_file("a/b c/ü.bin", data)
    link.put_file("a/second", "2")
    link.put_file("empty", "")
    assert link.run(Step(("cat", "a/b c/ü.bin"))).stdout == data
    assert link.run(sh("cat a/second; stat -c '%n %a %u %s' a a/second empty")).stdout == (
        b"2a 755 65534 80\na/second 644 65534 1\nempty 644 65534 0\n"
    )


def test_an_executable_file_runs(link: RunnerLink) -> None:
    link.put_file("bin/program", "#!/bin/sh\necho here\n", executable=True)
    assert link.run(Step(("bin/program",))).stdout == b"here\n"


def test_the_deepest_path_that_can_be_named_is_made(link: RunnerLink) -> None:
    path = "d/" * 2047 + "f"
    link.put_file(path, "deep")
    assert link.run(Step(("cat", path))).stdout == b"deep"
    assert link.get_file(path) == (OK, b"deep")


# ---- preserved ----


def test_a_restored_step_finds_the_files_as_they_were_preserved(link: RunnerLink) -> None:
    make = """
        mkdir -p tree/empty && echo kept >tree/file && ln -s tree/file link && ln -s /nowhere dangling && mkfifo pipe
        echo '#!/bin/sh' >run && chmod 751 run && echo secret >closed && chmod 0 closed && touch -d @1000000000.5 run
        truncate -s 1G sparse && printf end >>sparse && mkdir shut && echo in >shut/file && chmod 0 shut
    """
    assert link.run(Step(("sh", "-c", make), file_bytes=2 << 30)).exit_code == 0
    link.send("P")
    assert (
        link.run(sh("chmod 700 shut; rm -rf * && touch other && echo x >/tmp/x && echo x >/dev/shm/x")).exit_code == 0
    )
    look = """
        find . /tmp/ /dev/shm -mindepth 1 | sort; readlink link dangling; cat link shut/file; stat -c %a run closed
        stat -c %.1Y run; stat -c '%s %b' sparse; tail -c 3 sparse
    """
    found = "./closed ./dangling ./link ./run ./shut ./shut/file ./sparse ./tree ./tree/empty ./tree/file"
    details = "tree/file /nowhere kept in 751 0 1000000000.5 1073741827 8 end"
    assert link.run(sh(look, RESTORED)).stdout.decode().split() == f"{found} {details}".split()


def test_every_restored_step_starts_afresh(link: RunnerLink) -> None:
    link.put_file("count", "x")
    link.send("P")
    script = "cat count; printf x >>count; mkdir new; touch /tmp/new"
    outcomes = [link.run(sh(script, RESTORED)) for _ in range(3)]
    assert [(outcome.stdout, outcome.exit_code) for outcome in outcomes] == [(b"x", 0)] * 3
    assert link.run(sh("cat count; ls /tmp/")).stdout == b"xxnew\n"


def test_an_empty_work_directory_can_be_preserved(link: RunnerLink) -> None:
    link.send("P")
    link.run(sh("touch file"))
    assert link.run(sh("ls -A", RESTORED)).stdout == b""


def test_preserving_again_replaces_the_state(link: RunnerLink) -> None:
    for name in ("one", "two"):
        link.put_file(name, "")
        link.send("P")
    assert link.run(sh("ls", RESTORED)).stdout == b"one\ntwo\n"


def test_the_preserved_state_is_nowhere_in_the_sandbox(link: RunnerLink) -> None:
    link.put_file("only-here", "")
    link.send("P")
    found = link.run(sh("find / -name only-here 2>/dev/null; ls -A /box"))
    assert found.stdout == b"/box/work/only-here\ntmp\nwork\n"


def test_a_tree_deeper_than_any_path_is_wiped(link: RunnerLink) -> None:
    link.send("P")
    dig = "for (1..4000) { mkdir 'd' or die; open F, '>f'; chdir 'd' or die } "
    for place in ("/box/work", "/tmp", "/dev/shm"):
        assert link.run(perl(f"chdir '{place}'; {dig}")).exit_code == 0
    assert link.run(sh("ls -A . /tmp/ /dev/shm", RESTORED)).stdout == b".:\n\n/dev/shm:\n\n/tmp/:\n"


def test_directories_without_rights_are_wiped(link: RunnerLink) -> None:
    link.send("P")
    script = """
        mkdir -p a/b/c/d /tmp/a/b && touch a/f a/b/f a/b/c/f '~0' && mkdir '~1' && touch '~1/f'
        chmod 0 a/b/c/d a/b/c a/b a /tmp/a /box/work /box/tmp
    """
    assert link.run(sh(script)).exit_code == 0
    assert link.run(sh("ls -A . /tmp/; stat -c %a . /tmp/", RESTORED)).stdout == b".:\n\n/tmp/:\n700\n1777\n"


def test_many_files_are_wiped(link: RunnerLink) -> None:
    link.send("P")
    script = 'for (1..9000) { open F, ">$_" or die; symlink \'/etc\', "/tmp/$_" or die }'
    assert link.run(perl(script)).exit_code == 0
    assert link.run(sh("ls -A . /tmp/", RESTORED)).stdout == b".:\n\n/tmp/:\n"


def test_wiping_follows_no_link(link: RunnerLink) -> None:
    link.put_file("kept/file", "")
    link.send("P")
    link.run(sh("ln -s /box/work/kept /tmp/link; ln -s / /dev/shm/link; rm -r kept; ln -s /etc kept"))
    assert link.run(sh("ls; ls kept /etc/passwd; ls -A /tmp/ /dev/shm", RESTORED)).stdout == (
        b"kept\n/etc/passwd\n\nkept:\nfile\n/dev/shm:\n\n/tmp/:\n"
    )


def test_shared_memory_queues_and_semaphores_do_not_outlive_their_step(link: RunnerLink) -> None:
    link.send("P")
    script = (
        "for (0..2) { shmget($_, 4096, 0x200) // die; msgget($_, 0x200) // die; semget($_, 1, 0x200) // die }"
        "open F, '>/dev/mqueue/q' or die"
    )
    count = "cat /proc/sysvipc/* | grep -vc key; ls /dev/mqueue"
    assert link.run(perl(script)).exit_code == 0
    assert link.run(sh(count)).stdout == b"9\nq\n"
    assert link.run(sh(count, RESTORED)).stdout == b"0\n"


def test_a_state_that_does_not_fit_is_a_step_that_cannot_be_started(link: RunnerLink) -> None:
    link.run(sh("head -c 40m /dev/zero >big; ln big again"))  # one file here, two once restored
    link.send("P")
    result = link.run(sh("true", RESTORED)).ended
    assert (result.how, result.code) == (How.NOT_STARTED, errno.ENOSPC)
    assert link.run(sh("exit 3")).exit_code == 3


# ---- out ----


@pytest.mark.parametrize("size", [0, 1, 32_768, 5 * MIB])
def test_an_artifact_comes_out_byte_for_byte(link: RunnerLink, size: int) -> None:
    data = os.urandom(size)
    link.put_file("out/file", data)
    assert link.get_file("out/file", most_bytes=5 * MIB) == (OK, data)


def test_an_artifact_that_its_owner_may_not_read_comes_out_all_the_same(link: RunnerLink) -> None:
    link.run(sh("echo x >file; chmod 0 file"))
    assert link.get_file("file") == (OK, b"x\n")


def test_what_is_no_plain_file_stays_inside(link: RunnerLink) -> None:
    make = """
        ln -s /etc/passwd link; mkdir directory; mkfifo pipe; echo x >one; ln one other; ln -s /etc outside
        ln -s . here; echo plain >plain
        perl -MSocket -e 'socket S, PF_UNIX, SOCK_STREAM, 0; bind S, sockaddr_un("socket") or die'
    """
    assert link.run(sh(make)).exit_code == 0
    names = ["link", "directory", "pipe", "one", "other", "socket", "outside/passwd", "here/plain", "plain/x"]
    assert {name: link.get_file(name) for name in names} == dict.fromkeys(names, (NOT_REGULAR, b""))
    assert link.get_file("missing") == link.get_file("missing/file") == (MISSING, b"")


def test_an_artifact_larger_than_allowed_stays_inside(link: RunnerLink) -> None:
    link.put_file("file", "12345")
    assert link.get_file("file", most_bytes=4) == (TOO_LARGE, b"")
    assert link.get_file("file", most_bytes=5) == (OK, b"12345")


def test_commands_sent_during_an_artifact_wait_their_turn(link: RunnerLink) -> None:
    data = os.urandom(2 * MIB)
    link.put_file("file", data)
    link.send("G", (4 * MIB).to_bytes(8, "big") + b"file")
    link.send("G", (4 * MIB).to_bytes(8, "big") + b"missing")
    frames = [link.receive()]
    while frames[-1].type != "a" or len(frames) == 1:
        frames.append(link.receive())
    assert b"".join(frame.payload for frame in frames[1:-1]) == data
    assert frames[-1].payload[0] == MISSING
    assert link.run(Step(("true",))).ended.how is How.EXITED


# ---- listing ----


def test_only_files_that_would_be_sent_are_listed(link: RunnerLink) -> None:
    script = (
        "mkdir -p a/b shut; touch one a/b/two shut/three; chmod 0 one shut; ln -s one link; mkfifo pipe; ln -s /etc x"
    )
    link.run(Step(("sh", "-c", script)))
    link.run(Step(("perl", "-e", 'open F, ">hard" or die; link "hard", "other" or die; open F, ">\\xff" or die')))
    assert link.list_files() == ([b"a/b/two", b"one", b"\xff"], True)
    assert link.get_file("one") == (0, b"")


def test_an_empty_work_directory_is_listed(link: RunnerLink) -> None:
    assert link.list_files() == ([], True)


def test_a_listing_ends_where_the_frame_is_full(link: RunnerLink) -> None:
    link.run(Step(("perl", "-e", 'for (0..999) { open F, ">" . sprintf("%0200d", $_) or die }')))
    paths, are_all = link.list_files()
    assert (len(paths), are_all) == (65_535 // 202, False)
    assert link.run(Step(("echo", "still here"))).stdout == b"still here\n"


def test_a_tree_that_is_too_deep_to_walk_is_listed_in_part(link: RunnerLink) -> None:
    link.run(
        Step(("perl", "-e", 'for (1..40) { mkdir "d" x 200 or die; chdir "d" x 200 or die; open F, ">f" or die }'))
    )
    paths, are_all = link.list_files()
    assert not are_all
    assert all(path.endswith(b"f") and len(path) <= 4096 for path in paths)
    assert link.run(Step(("echo", "still here"))).stdout == b"still here\n"


# ---- back, and files added ----


def test_files_are_added_to_the_restored_state(link: RunnerLink) -> None:
    link.put_file("kept", "kept")
    link.put_file("input.txt", "the program's own")
    link.send("P")
    link.put_file("input.txt", "one", replaces=True)
    assert link.run(sh("cat kept input.txt; echo x >kept; echo x >made; echo x >/tmp/made")).stdout == b"keptone"
    link.send("B")
    link.put_file("data/input.txt", "two")
    assert link.run(sh("cat kept input.txt data/input.txt; ls /tmp")).stdout == b"keptthe program's owntwo"
    assert link.run(sh("ls", RESTORED)).stdout == b"input.txt\nkept\n"


def test_a_file_takes_the_place_of_a_link_and_never_writes_through_it(link: RunnerLink) -> None:
    assert link.run(sh("echo mine >target && ln -s target link && mkdir dir && ln -s dir linked")).exit_code == 0
    link.put_file("link", "new", replaces=True)
    assert link.run(sh("cat target link; readlink link || echo plain")).stdout == b"mine\nnewplain\n"
    link.put_file("linked/file", "new", replaces=True)
    assert (link.run(sh("true")).ended.how, link.run(sh("ls dir")).stdout) == (How.NOT_STARTED, b"")


@pytest.mark.parametrize(
    ("path", "replaces", "code"),
    [("taken", False, errno.EEXIST), ("dir", True, errno.EISDIR), ("taken/below", True, errno.ENOTDIR)],
)
def test_a_file_that_cannot_be_made_keeps_one_step_from_starting(
    link: RunnerLink, path: str, replaces: bool, code: int
) -> None:
    assert link.run(sh("echo mine >taken; mkdir dir")).exit_code == 0
    link.put_file(path, "new" * 50_000, replaces=replaces)
    link.put_file("another", "one")
    ended = link.run(sh("true")).ended
    assert (ended.how, ended.code) == (How.NOT_STARTED, code)
    assert link.run(sh("cat taken")).stdout == b"mine\n"


def test_a_file_for_which_there_is_no_room_keeps_one_step_from_starting(link: RunnerLink) -> None:
    link.send("P")
    link.put_file("large", b"x" * (80 * MIB))
    ended = link.run(sh("true")).ended
    assert (ended.how, ended.code) == (How.NOT_STARTED, errno.ENOSPC)
    link.send("B")
    assert link.run(sh("ls; echo well")).stdout == b"well\n"


def test_what_could_not_be_preserved_cannot_be_gone_back_to(link: RunnerLink) -> None:
    link.put_file("large", b"x" * (40 * MIB))
    link.send("P")
    link.send("B")
    ended = link.run(sh("true")).ended
    assert (ended.how, ended.code) == (How.NOT_STARTED, errno.ENOSPC)
