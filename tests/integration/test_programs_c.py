"""C programs, as people write them."""

from __future__ import annotations

import asyncio

import pytest

from ccx.wire import Verdict
from tests.support.node import Runs

pytestmark = pytest.mark.docker

HELLO = '#include <stdio.h>\nint main(void) { puts("hello"); }\n'


async def test_several_sources_and_headers_become_one_program(run: Runs) -> None:
    result = await run(
        "c",
        {
            "main.c": '#include "geometry/area.h"\n#include <stdio.h>\n'
            'int main(void) { printf("%d\\n", area(6, 7)); return 0; }\n',
            "geometry/area.c": '#include "area.h"\nint area(int width, int height) { return width * height; }\n',
            "geometry/area.h": "#pragma once\nint area(int width, int height);\n",
            "unused.c": "int unused_but_compiled;\n",
        },
    )

    assert (result.verdict, result.cases[0].stdout) == (Verdict.OK, "42\n")


async def test_the_mathematics_library_is_linked(run: Runs) -> None:
    program = """
        #include <math.h>
        #include <stdio.h>
        #include <stdlib.h>
        int main(int count, char **words) { printf("%.3f\\n", sqrt(pow(atof(words[1]), 2)) + cos(0)); }
    """
    result = await run("c", program, args=["-3"])

    assert (result.verdict, result.cases[0].stdout) == (Verdict.OK, "4.000\n")


async def test_the_program_knows_its_arguments(run: Runs) -> None:
    program = '#include <stdio.h>\nint main(int n, char **v) { printf("%d %s %s\\n", n, v[0], v[1]); }\n'

    result = await run("c", program, args=["one"])

    assert result.cases[0].stdout == "2 ./a.out one\n"


async def test_warnings_are_shown_and_the_program_runs_all_the_same(run: Runs) -> None:
    result = await run("c", {"careless.c": "int main(void) { int unused; return 0; }\n"})

    assert result.verdict is Verdict.OK
    assert result.compile is not None
    assert result.compile.exit_code == 0
    assert "careless.c:1:22: warning: unused variable" in result.compile.stderr


async def test_what_does_not_compile_is_a_compile_error_and_nothing_runs(run: Runs) -> None:
    result = await run("c", {"broken.c": "int main(void) { return missing; }\n"})

    assert (result.verdict, result.message) == (Verdict.COMPILE_ERROR, "It does not compile.")
    assert result.compile is not None
    assert (result.compile.exit_code, result.compile.signal, result.compile.limit) == (1, None, None)
    assert "broken.c:1:25: error: \N{LEFT SINGLE QUOTATION MARK}missing" in result.compile.stderr
    assert result.cases == ()


async def test_what_does_not_link_is_a_compile_error(run: Runs) -> None:
    result = await run("c", "int elsewhere(void);\nint main(void) { return elsewhere(); }\n")

    assert result.verdict is Verdict.COMPILE_ERROR
    assert result.compile is not None
    assert "undefined reference to `elsewhere'" in result.compile.stderr


async def test_the_compiler_takes_arguments(run: Runs) -> None:
    program = '#include <stdio.h>\nint main(void) { printf("%d\\n", ANSWER); }\n'

    result = await run("c", program, compile_args=["-DANSWER=42", "-std=c99"])

    assert (result.verdict, result.cases[0].stdout) == (Verdict.OK, "42\n")


async def test_a_compiler_that_writes_without_end_is_cut_off(run: Runs) -> None:
    bomb = (
        '#define A "xxxxxxxxxxxxxxxx" "xxxxxxxxxxxxxxxx"\n#define B A A A A A A A A\n#define C B B B B B B B B\n'
        + "".join(f"#pragma message C C C C C C C C  // {number}\n" for number in range(200))
    )
    result = await run("c", bomb + HELLO)

    assert (result.verdict, result.cases) == (Verdict.COMPILE_ERROR, ())
    assert result.compile is not None
    assert (result.compile.limit, result.compile.stderr_truncated) == ("output_bytes", True)
    assert result.message == "Compiling failed. It wrote more than 1048576 bytes to stderr."


async def test_a_compiler_that_reads_without_end_is_stopped(run: Runs) -> None:
    result = await run("c", '#include "/dev/zero"\n' + HELLO)

    assert (result.verdict, result.cases) == (Verdict.COMPILE_ERROR, ())
    assert result.compile is not None


async def test_a_signal_that_ends_a_program_is_named(run: Runs) -> None:
    endings = {
        "*(volatile int *)0 = 1;": "SIGSEGV",
        "abort();": "SIGABRT",
        "volatile int zero = 0; return 1000 / zero;": "SIGFPE",
        "__builtin_trap();": "SIGILL",
        "raise(SIGTERM);": "SIGTERM",
        "raise(SIGKILL);": "SIGKILL",
        "raise(SIGRTMIN + 2);": "SIGRTMIN+2",
        "volatile char deep[100000000]; deep[0] = 1; return deep[9];": "SIGSEGV",
    }
    head = "#include <signal.h>\n#include <stdlib.h>\nint main(void) {"

    results = await asyncio.gather(*(run("c", f"{head} {statement} return 0; }}\n") for statement in endings))

    cases = [result.cases[0] for result in results]
    assert [case.signal for case in cases] == list(endings.values())
    assert {(case.verdict, case.exit_code, case.limit) for case in cases} == {(Verdict.RUNTIME_ERROR, None, None)}
    assert all(f"({case.signal})" in (case.message or "") for case in cases)


async def test_what_was_written_before_a_crash_is_kept(run: Runs) -> None:
    program = '#include <stdio.h>\nint main(void) { puts("so far"); fflush(stdout); *(volatile int *)8 = 1; }\n'

    result = await run("c", program)

    assert (result.verdict, result.cases[0].stdout) == (Verdict.RUNTIME_ERROR, "so far\n")


async def test_all_256_exit_codes_come_back(run: Runs) -> None:
    program = "#include <stdlib.h>\nint main(int n, char **words) { return atoi(words[1]); }\n"

    result = await run("c", program, cases=[{"args": [str(code)]} for code in range(256)])

    assert [case.exit_code for case in result.cases] == list(range(256))
    assert {case.verdict for case in result.cases[1:]} == {Verdict.RUNTIME_ERROR}


async def test_both_outputs_have_a_limit_of_their_own(run: Runs) -> None:
    program = """
        #include <stdio.h>
        int main(int count, char **words) {
            for (int i = 0; i < 1000; i++) { fputc('o', stdout); fputc('e', stderr); }
            fflush(stdout);
            if (count > 1) for (;;) fputc('!', stderr);
        }
    """
    result = await run("c", program, cases=[{}, {"args": ["more"]}], limits={"output_bytes": 1000})

    exact, more = result.cases
    assert (exact.verdict, exact.stdout, exact.stderr) == (Verdict.OK, "o" * 1000, "e" * 1000)
    assert (more.verdict, more.message) == (Verdict.OUTPUT_LIMIT, "It wrote more than 1000 bytes to stderr.")
    assert (more.stdout, more.stdout_truncated, more.stderr_truncated) == ("o" * 1000, False, True)
    assert more.stderr_bytes > 1000


async def test_the_largest_output_allowed_comes_back_whole(run: Runs) -> None:
    program = '#include <stdio.h>\nint main(void) { for (int i = 0; i < 1 << 20; i++) printf("0123456789abcde\\n"); }\n'

    result = await run("c", program, limits={"output_bytes": 16_777_216})

    assert result.verdict is Verdict.OK
    assert result.cases[0].stdout == "0123456789abcde\n" * (1 << 20)


async def test_cpu_time_of_children_counts(run: Runs) -> None:
    program = """
        #include <sys/wait.h>
        #include <unistd.h>
        int main(void) { if (fork() == 0) for (volatile long i = 0;; i++); wait(0); }
    """
    result = await run("c", program, limits={"cpu_seconds": 0.4})

    assert (result.cases[0].verdict, result.cases[0].limit) == (Verdict.CPU_TIME_LIMIT, "cpu_seconds")


async def test_memory_in_files_counts_as_memory(run: Runs) -> None:
    program = """
        #include <stdio.h>
        #include <stdlib.h>
        #include <string.h>
        int main(void) {
            static char block[1 << 20];
            memset(block, 1, sizeof block);
            FILE *file = fopen("/dev/shm/file", "w");
            for (int i = 0; i < 12; i++) fwrite(block, sizeof block, 1, file);
            fflush(file);
            for (int i = 0; i < 40; i++) memset(malloc(1 << 20), 1, 1 << 20);
        }
    """
    result = await run("c", program, limits={"memory_bytes": 48 << 20})

    assert (result.cases[0].verdict, result.cases[0].limit) == (Verdict.MEMORY_LIMIT, "memory_bytes")


async def test_a_memory_limit_below_the_compilers_own_holds_for_the_program(run: Runs) -> None:
    program = """
        #include <stdlib.h>
        #include <string.h>
        int main(int n, char **words) { for (int i = atoi(words[1]); i > 0; i--) memset(malloc(1 << 20), 1, 1 << 20); }
    """
    result = await run("c", program, cases=[{"args": ["2"]}, {"args": ["12"]}], limits={"memory_bytes": 8 << 20})

    assert [case.verdict for case in result.cases] == [Verdict.OK, Verdict.MEMORY_LIMIT]
