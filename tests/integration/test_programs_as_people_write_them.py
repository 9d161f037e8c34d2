"""What public bug reports of such systems are about: each a kind of program, on warm and on cold sandboxes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from itertools import groupby
from typing import Any

import pytest

from ccx.client import Client
from ccx.errors import InvalidSubmission
from ccx.wire import Verdict
from tests.support.node import NodeProcess, Runs, runs_on, submission, told

pytestmark = pytest.mark.docker

# ruff: noqa: E501, ISC004  (programs)


@pytest.fixture(scope="module", params=["warm", "cold"])
def node(request: pytest.FixtureRequest, suite: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    """A node with a pool, and one without."""
    has_pool = str(request.param == "warm").lower()
    folder = tmp_path_factory.mktemp("people")
    with NodeProcess(f"{suite}-people-{request.param}", folder, "2", CCX_POOL=has_pool) as node:
        yield node


@pytest.fixture
async def run(node: NodeProcess) -> AsyncIterator[Runs]:
    async with Client(node.url) as client:
        yield runs_on(client)


# Output that was written is shown

C_ENDS = {
    "hangs": ("for (;;) ;", Verdict.CPU_TIME_LIMIT),
    "sleeps": ("sleep(100);", Verdict.WALL_TIME_LIMIT),
    "crashes": ("*(volatile int *)0 = 1;", Verdict.RUNTIME_ERROR),
    "aborts": ("abort();", Verdict.RUNTIME_ERROR),
    "leaves": ("_exit(3);", Verdict.RUNTIME_ERROR),
    "child": ('if (fork() == 0) { puts("second"); for (;;) ; } for (;;) ;', Verdict.CPU_TIME_LIMIT),
}
C_HEAD = "#include <stdio.h>\n#include <stdlib.h>\n#include <unistd.h>\n#include <string.h>\n#include <signal.h>\n"


@pytest.mark.parametrize("end", C_ENDS)
async def test_what_a_c_program_printed_before_its_end_is_there(run: Runs, end: str) -> None:
    how, verdict = C_ENDS[end]
    result = await run(
        "c",
        f'{C_HEAD}int main(void) {{ printf("first\\n"); {how} }}\n',
        limits={"cpu_seconds": 0.5, "wall_seconds": 1.5 if verdict is Verdict.WALL_TIME_LIMIT else 20},
    )
    assert told(result) == (verdict, "first\nsecond\n" if end == "child" else "first\n")


@pytest.mark.parametrize(
    ("body", "written"),
    [
        ('setvbuf(stdout, NULL, _IOFBF, 1 << 16); puts("kept back"); raise(SIGKILL);', ""),
        ('setbuf(stdout, NULL); printf("at once"); raise(SIGKILL);', "at once"),
        ('for (int i = 0; i < 9000; i++) puts("line"); return 0;', "line\n" * 9000),
        ("for (int i = 0; i < 9000; i++) { putchar('a' + i % 26); putchar('\\n'); } return 0;", None),
        (
            'fputs("a\\n", stdout); fprintf(stdout, "%d\\n", 7); fwrite("b\\n", 1, 2, stdout); raise(SIGKILL);',
            "a\n7\nb\n",
        ),
    ],
)
async def test_how_a_c_program_buffers_is_its_own_business_once_it_says_so(
    run: Runs, body: str, written: str | None
) -> None:
    result = await run("c", f"{C_HEAD}int main(void) {{ {body} }}\n")
    expected = "".join(f"{chr(97 + i % 26)}\n" for i in range(9000)) if written is None else written
    assert result.cases[0].stdout == expected


@pytest.mark.parametrize(
    "options", [["-static"], ["-fsanitize=address"], ["-fsanitize=undefined"], ["-no-pie"], ["-O0", "-g"], ["-std=c89"]]
)
async def test_programs_are_linked_in_every_way_as_before(run: Runs, options: list[str]) -> None:
    result = await run(
        "c", f'{C_HEAD}int main(void) {{ printf("%s %d\\n", "seven", 7); return 0; }}\n', compile_args=options
    )
    assert told(result) == (Verdict.OK, "seven 7\n"), result
    assert result.compile is not None
    assert result.compile.stderr == ""


async def test_a_program_without_the_c_library_is_left_alone(run: Runs) -> None:
    source = """
void _start(void) {
    static const char text[] = "bare\\n";
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(1), "D"(1), "S"(text), "d"(5) : "rcx", "r11", "memory");
    __asm__ volatile("syscall" : : "a"(60), "D"(0));
    for (;;) ;
}
"""
    assert told(await run("c", source, compile_args=["-nostdlib"])) == (Verdict.OK, "bare\n")


async def test_functions_of_the_library_may_be_defined_anew(run: Runs) -> None:
    source = f'{C_HEAD}int puts(const char *t) {{ return (int)write(1, "mine\\n", 5) + (t == 0); }}\nint main(void) {{ puts("x"); }}\n'
    assert told(await run("c", source)) == (Verdict.OK, "mine\n")


@pytest.mark.parametrize(
    ("language", "source"),
    [
        (
            "c",
            f'{C_HEAD}int main(void) {{ for (int i = 0; i < 3; i++) {{ printf("out\\n"); usleep(50000); fprintf(stderr, "err\\n"); usleep(50000); }} }}\n',
        ),
        (
            "python",
            "import sys, time\nfor _ in range(3): print('out'); time.sleep(0.05); print('err', file=sys.stderr); time.sleep(0.05)\n",
        ),
        (
            "java",
            "void main() throws Exception { for (int i = 0; i < 3; i++) {"
            ' System.out.println("out"); Thread.sleep(50); System.err.println("err"); Thread.sleep(50); } }\n',
        ),
    ],
)
async def test_the_two_outputs_come_in_their_order(node: NodeProcess, language: str, source: str) -> None:
    async with Client(node.url) as client:
        events = [event async for event in client.run_stream(submission(language, source))]
    pieces = [event.stream for event in events if event.type == "output" and event.case is not None]
    assert [stream for stream, _ in groupby(pieces)] == ["stdout", "stderr"] * 3  # Python writes an end of line apart


# Depth

DEEP = {
    "java": "static int d(int n) { return n == 0 ? 0 : 1 + d(n - 1); }\nvoid main() { IO.println(d(100_000)); }\n",
    "c": f"{C_HEAD}int d(int n) {{ volatile char room[64]; room[0] = 1; return n == 0 ? 0 : room[0] + d(n - 1); }}\n"
    'int main(void) { printf("%d\\n", d(100000)); }\n',
    "python": "import sys\nsys.setrecursionlimit(200_000)\ndef d(n): return 0 if n == 0 else 1 + d(n - 1)\nprint(d(100_000))\n",
}


@pytest.mark.parametrize("language", DEEP)
async def test_recursion_is_a_hundred_thousand_calls_deep(run: Runs, language: str) -> None:
    assert told(await run(language, DEEP[language])) == (Verdict.OK, "100000\n")


async def test_java_goes_deeper_where_it_is_asked_to(run: Runs) -> None:
    source = (
        "static int depth;\nstatic void d() { depth++; d(); }\n"
        "void main() { try { d(); } catch (StackOverflowError e) { IO.println(depth); } }\n"
    )
    usual = await run("java", source)
    deeper = await run("java", source, run_options=["-Xss128m"], limits={"memory_bytes": 1 << 30})
    assert (usual.verdict, deeper.verdict) == (Verdict.OK, Verdict.OK)
    assert int(deeper.cases[0].stdout) > 1.2 * int(usual.cases[0].stdout)


@pytest.mark.parametrize("memory_bytes", [128 << 20, 512 << 20])
async def test_a_recursion_without_end_is_no_want_of_memory(run: Runs, memory_bytes: int) -> None:
    result = await run("java", "void main() { main(); }", limits={"memory_bytes": memory_bytes})
    assert (result.verdict, "StackOverflowError" in result.cases[0].stderr) == (Verdict.RUNTIME_ERROR, True), result


# Options of the interpreter and the virtual machine


@pytest.mark.parametrize(
    ("language", "source", "fields", "output"),
    [
        ("java", 'void main() { assert false : "no"; IO.println("unasked"); }', {}, "unasked\n"),
        ("java", 'void main() { try { assert false; } catch (AssertionError e) { IO.println("asked"); } }',
         {"run_options": ["-ea"]}, "asked\n"),
        ("java", 'void main() { IO.println(System.getProperty("word")); }', {"run_options": ["-Dword=seven"]}, "seven\n"),
        ("java", "void main() { int n = 7; if ((Object) n instanceof int i) IO.println(i); }",
         {"compile_args": ["--enable-preview", "--release", "25"]}, "7\n"),
        ("python", "assert False\nprint(__debug__)\n", {"run_options": ["-O"]}, "False\n"),
        ("python", "import sys\nprint(sys.flags.utf8_mode, sys._xoptions)\n", {"run_options": ["-Xword=1"]}, "0 {'word': '1'}\n"),
    ],
)  # fmt: skip
async def test_options_reach_the_runtime(
    run: Runs, language: str, source: str, fields: dict[str, Any], output: str
) -> None:
    result = await run(language, source, **fields)
    assert told(result) == (Verdict.OK, output), result


@pytest.mark.parametrize(
    ("language", "option", "message"),
    [
        ("python", "-c", "run_options: has '-c', which is none of those of Python: -b, -bb"),
        ("java", "-agentpath:x", "which is none of those of Java: -ea*"),
        ("c", "-x", "C programs are started by themselves"),
    ],
)
async def test_options_that_are_none_are_refused_with_the_list(
    run: Runs, language: str, option: str, message: str
) -> None:
    with pytest.raises(InvalidSubmission) as refused:
        await run(language, "", run_options=[option])
    assert message in str(refused.value)


# Sources as editors save them

TWO_LINES = {
    "c": f'{C_HEAD}int main(void) {{\nputs("one");\nputs("two");\nreturn 0; }}\n',
    "java": 'public class Main { public static void main(String[] a) {\nSystem.out.println("one");\nSystem.out.println("two"); } }\n',
    "python": "print('one')\nprint('two')\n",
}
NAMES = {"c": "main.c", "java": "Main.java", "python": "main.py"}


@pytest.mark.parametrize("language", TWO_LINES)
@pytest.mark.parametrize("ends", ["mark", "mark and windows", "windows", "old mac", "no last"])
async def test_marks_and_ends_of_lines_are_no_trouble(run: Runs, language: str, ends: str) -> None:
    source = TWO_LINES[language]
    if ends == "old mac" and language == "c":
        source = TWO_LINES["c"].replace(
            "#include <stdlib.h>\n", ""
        )  # gcc takes CR for an end of line in a directive too
    changed = {
        "mark": source,
        "mark and windows": source.replace("\n", "\r\n"),
        "windows": source.replace("\n", "\r\n"),
        "old mac": source.replace("\n", "\r"),
        "no last": source.rstrip("\n"),
    }[ends]
    data = changed.encode("utf-8-sig" if "mark" in ends else "utf-8")
    result = await run(language, {NAMES[language]: data})
    assert told(result) == (Verdict.OK, "one\ntwo\n"), result


@pytest.mark.parametrize("language", TWO_LINES)
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32"])
async def test_what_is_not_utf_8_is_told_with_the_remedy(run: Runs, language: str, encoding: str) -> None:
    result = await run(language, {NAMES[language]: TWO_LINES[language].encode(encoding)})
    assert result.verdict is (Verdict.RUNTIME_ERROR if language == "python" else Verdict.COMPILE_ERROR)
    name = "UTF-32" if encoding == "utf-32" else "UTF-16"
    assert f"{NAMES[language]} is in {name}: save it as UTF-8." in (result.message or "")


async def test_western_letters_of_one_byte_are_told_of_where_they_matter(run: Runs) -> None:
    python = await run("python", {"main.py": b"print('\xe9')\n"})
    assert "main.py is not in UTF-8" in (python.message or "")
    declared = await run("python", {"main.py": b"# -*- coding: latin-1 -*-\nprint('\xe9')\nraise SystemExit(1)\n"})
    assert (declared.cases[0].stdout, declared.message) == ("é\n", "It exited with status 1.")


# A user with a name


WHO_I_AM = {
    "python": "import getpass, os, pwd, subprocess\n"
    "print(getpass.getuser(), os.getlogin(), pwd.getpwuid(os.getuid()).pw_dir,"
    " subprocess.run(['whoami'], capture_output=True, text=True).stdout.strip())\n",
    "c": f"{C_HEAD}#include <pwd.h>\nint main(void) {{ struct passwd *me = getpwuid(getuid());"
    ' printf("%s %s %s ", me->pw_name, getlogin(), me->pw_dir); fflush(stdout); return system("whoami"); }\n',
    "java": 'void main() throws Exception { String name = System.getProperty("user.name");'
    ' var who = new ProcessBuilder("whoami").start().inputReader().readLine();'
    ' IO.println(name + " " + System.getenv("USER") + " " + System.getProperty("user.home") + " " + who); }\n',
}


@pytest.mark.parametrize("language", WHO_I_AM)
async def test_the_user_has_a_name_and_a_home(run: Runs, language: str) -> None:
    assert told(await run(language, WHO_I_AM[language])) == (Verdict.OK, "sandbox sandbox /box/work sandbox\n")


# Commands of one's own, and memory that is reserved


@pytest.mark.parametrize(
    ("language", "files", "commands", "stdout"),
    [
        (
            "c",
            {
                "build.sh": "cc -DN=7 -o program main.c",
                "main.c": '#include <stdio.h>\nint main(int n, char **a) { printf("%d %s", N, a[2]); }',
            },
            {"compile": ["sh", "build.sh"], "run": ["./program", "-v"]},
            "7 case",
        ),
        ("python", {"notes.txt": "here"}, {"run": ["sh", "-c", 'cat notes.txt; echo " $0"']}, "here case\n"),
        (
            "java",
            {"A.java": "class A { public static void main(String[] a) { System.out.print(a[0]); } }"},
            {"compile": ["javac", "A.java"], "run": ["java", "-cp", ".", "A"]},
            "case",
        ),
    ],
)
async def test_commands_of_ones_own_are_run_in_place_of_the_languages(
    run: Runs, language: str, files: dict[str, str | bytes], commands: dict[str, Any], stdout: str
) -> None:
    result = await run(language, files, commands=commands, args=["case"])
    assert told(result) == (Verdict.OK, stdout)


async def test_a_command_that_is_not_there_says_so(run: Runs) -> None:
    result = await run("python", "print(1)", commands={"run": ["./nothing"]})
    assert result.verdict is Verdict.RUNTIME_ERROR
    assert result.message == "It could not be started: No such file or directory."


@pytest.mark.parametrize(
    ("language", "source"),
    [
        ("python", "try:\n    bytes(10**9)\nexcept MemoryError:\n    print('refused')"),
        (
            "c",
            '#include <stdio.h>\n#include <stdlib.h>\nint main(void) { puts(malloc(1000000000) ? "given" : "refused"); }',
        ),
    ],
)
async def test_memory_above_the_address_space_cannot_be_reserved(run: Runs, language: str, source: str) -> None:
    limited = await run(language, source, limits={"address_space_bytes": 512 << 20})
    assert told(limited) == (Verdict.OK, "refused\n")
