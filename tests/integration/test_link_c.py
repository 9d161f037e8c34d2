"""C programs, linked: nobody can tell the quick linker from GNU ld, but by the time it takes."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from ccx.wire import Submission, Verdict
from tests.support.cold_and_warm import Program
from tests.support.node import Files, Runs

pytestmark = pytest.mark.docker

# Tells who linked it: gold leaves its name in what it makes.
WHO = r"""
#include <stdio.h>
#include <string.h>
int main(void)
{
    static char self[8 << 20];
    char name[] = "hpme!2/";
    for (volatile int i = 0; name[i]; i++) name[i]--; /* gold 1. */
    size_t size = fread(self, 1, sizeof self, fopen("/proc/self/exe", "rb"));
    puts(memmem(self, size, name, strlen(name)) ? "gold" : "GNU ld");
}
"""
GNU_SOURCE = ["-D_GNU_SOURCE"]

PROGRAMS = [
    Program("hello", '#include <stdio.h>\nint main(void) { puts("hello"); }'),
    Program(
        "the mathematics library",
        "#include <math.h>\n#include <stdio.h>\nint main(int n, char **v) "
        '{ printf("%a %a %a\\n", sqrt(n + 1), pow(n, .3), fma(n, 2., 3.)); }',
    ),
    Program(
        "several files that know each other",
        {
            "a.c": "extern int twice(int);\nint shared = 4;\nint main(void) { return twice(shared); }",
            "b.c": "extern int shared;\nint twice(int x) { return x + shared; }",
        },
    ),
    Program("something missing", "int elsewhere(void);\nint main(void) { return elsewhere(); }"),
    Program("no main", "int other(void) { return 1; }"),
    Program("two mains", {"a.c": "int main(void) { return 0; }", "b.c": "int main(void) { return 1; }"}),
    Program(
        "a variable and a function of one name",
        {"a.c": "int thing = 1;\nint main(void) { return thing; }", "b.c": "void thing(void) {}"},
    ),
    Program("a dangerous function", "#include <stdio.h>\nint main(void) { return tmpnam(0) == 0; }"),
    Program(
        "a nested function, which needs a stack that can be executed",
        "#include <stdio.h>\nint call(int (*f)(int)) { return f(1); }\nint main(int n, char **v) "
        '{ int add(int x) { return x + n; } printf("%d\\n", call(add)); }',
        {"compile_args": ["-O0"]},
    ),
    Program(
        "constructors and destructors with priorities",
        "#include <stdio.h>\n"
        + "".join(
            f'__attribute__((constructor({number}))) static void begin{number}(void) {{ puts("{number}"); }}\n'
            f'__attribute__((destructor({number}))) static void end{number}(void) {{ puts("-{number}"); }}\n'
            for number in (300, 101, 200)
        )
        + 'int main(void) { puts("main"); }',
    ),
    Program(
        "weak symbols",
        {
            "a.c": "__attribute__((weak)) int given(void) { return 1; }\n__attribute__((weak)) int missing(void);\n"
            "int main(void) { return given() + (missing ? 10 : 20); }",
            "b.c": "int given(void) { return 2; }",
        },
    ),
    Program(
        "variables of threads",
        {
            "a.c": "#include <pthread.h>\nextern _Thread_local int mine;\n"
            "static void *change(void *_) { mine += 5; return _; }\nint main(void) "
            "{ pthread_t t; pthread_create(&t, 0, change, 0); pthread_join(t, 0); mine++; return mine; }",
            "b.c": "_Thread_local int mine = 3;",
        },
        {"compile_args": ["-pthread"]},
    ),
    Program(
        "tentative definitions in two files",
        {"a.c": "int both;\nint main(void) { return both; }", "b.c": "int both;\nvoid set(void) { both = 1; }"},
    ),
    Program(
        "the same, allowed",
        {"a.c": "int both;\nint main(void) { return both; }", "b.c": "int both;\nvoid set(void) { both = 1; }"},
        {"compile_args": ["-fcommon"]},
    ),
    Program(
        "a section that is walked through",
        '#define SAY(x) __attribute__((section("words"), used)) static const char *const word_##x = #x\n'
        "SAY(one); SAY(two); SAY(three);\n#include <stdio.h>\n"
        "extern const char *const __start_words[], *const __stop_words[];\n"
        "int main(void) { for (const char *const *w = __start_words; w < __stop_words; w++) puts(*w); }",
    ),
    Program(
        "a function chosen at its start",
        "#include <stdio.h>\nstatic int quick(void) { return 7; }\nstatic int (*choose(void))(void) { return quick; }\n"
        'int work(void) __attribute__((ifunc("choose")));\nint main(void) { printf("%d\\n", work()); }',
    ),
    Program(
        "looked up by name, exported",
        "#include <dlfcn.h>\n#include <stdio.h>\nint found(void) { return 5; }\n"
        'int main(void) { int (*f)(void) = dlsym(RTLD_DEFAULT, "found"); printf("%d\\n", f ? f() : -1); }',
        {"compile_args": [*GNU_SOURCE, "-rdynamic"]},
    ),
    Program(
        "looked up by name, not exported",
        "#include <dlfcn.h>\n#include <stdio.h>\nint found(void) { return 5; }\n"
        'int main(void) { printf("%d\\n", dlsym(RTLD_DEFAULT, "found") != 0); }',
        {"compile_args": GNU_SOURCE},
    ),
    Program(
        "one function in the place of the library's",
        '#include <stdio.h>\nint rand(void) { return 4; }\nint main(void) { printf("%d\\n", rand()); }',
    ),
    Program(
        "arrays of three gigabytes", "static char a[3u << 30], b[8];\nint main(int n, char **v) { return a[n] + b[n]; }"
    ),
    Program("all static", '#include <stdio.h>\nint main(void) { puts("static"); }', {"compile_args": ["-static"]}),
    Program(
        "not at any address", '#include <stdio.h>\nint main(void) { puts("fixed"); }', {"compile_args": ["-no-pie"]}
    ),
    Program(
        "for the debugger", '#include <stdio.h>\nint main(void) { puts("debug"); }', {"compile_args": ["-g3", "-O0"]}
    ),
    Program("stripped", '#include <stdio.h>\nint main(void) { puts("stripped"); }', {"compile_args": ["-s"]}),
    Program("a library that is not there", "int main(void) { return 0; }", {"compile_args": ["-lnothing"]}),
    Program("a linker's option that is none", "int main(void) { return 0; }", {"compile_args": ["-Wl,--nothing"]}),
    Program(
        "a symbol of the user's",
        'extern char here[];\n#include <stdio.h>\nint main(void) { printf("%p\\n", (void *)here); }',
        {"compile_args": ["-no-pie", "-Wl,--defsym=here=0x1234"]},
    ),
    Program(
        "a wrapped function",
        "#include <stdio.h>\nint __real_puts(const char *);\n"
        'int __wrap_puts(const char *s) { __real_puts("wrapped"); return __real_puts(s); }\n'
        'int main(void) { puts("me"); }',
        {"compile_args": ["-fno-builtin", "-Wl,--wrap=puts"]},
    ),
    Program("a map", "int main(void) { return 0; }", {"compile_args": ["-Wl,-Map=/dev/null,--cref"]}),
    Program(
        "sanitizers, one of which finds something",
        "#include <limits.h>\nint main(int n, char **v) { int most = INT_MAX; return (most + n) == 0; }",
        {"compile_args": ["-fsanitize=address,undefined"], "limits": {"memory_bytes": 1 << 30}},
    ),
    Program(
        "assembly in between",
        '__asm__(".globl answer\\nanswer: mov $42, %eax\\nret\\n.section .note.GNU-stack,\\"\\",@progbits");\n'
        "int answer(void);\nint main(void) { return answer(); }",
    ),
    Program(
        "an address in the program's text",
        '__asm__(".text\\n.globl table\\ntable: .quad main\\n");\nextern void *table[];\n'
        "int main(void) { return table[0] == (void *)main; }",
    ),
]


def seen(result: Submission) -> tuple[Any, ...]:
    """What a user sees of it. Where things are in memory, and names of temporary files, are by chance."""
    assert result.compile is not None
    texts = [
        result.compile.stdout,
        result.compile.stderr,
        *(text for case in result.cases for text in (case.stdout, case.stderr)),
    ]
    plain = [
        re.sub(r"/cc\w{6}|==\d+==|\(BuildId: \w+\)|0x[0-9a-f]{9,}|\.text\+0x\w+", "", text).replace("ld.bfd", "ld")
        for text in texts
    ]
    endings = [(case.verdict, case.exit_code, case.signal, case.message) for case in result.cases]
    return result.verdict, result.message, result.compile.exit_code, endings, plain


async def test_every_program_is_what_gnu_ld_makes_of_it(run: Runs) -> None:
    async def linked(program: Program, *more: str) -> tuple[Any, ...]:
        fields = program.fields | {"compile_args": [*program.fields.get("compile_args", ()), *more]}
        return seen(await run("c", program.files, **fields))

    pairs = await asyncio.gather(
        *(asyncio.gather(linked(program), linked(program, "-fuse-ld=bfd")) for program in PROGRAMS)
    )

    assert [
        (program.about, ours, theirs) for program, (ours, theirs) in zip(PROGRAMS, pairs, strict=True) if ours != theirs
    ] == []


async def linked_by(run: Runs, files: Files = WHO, *arguments: str) -> str:
    result = await run("c", files, compile_args=[*GNU_SOURCE, *arguments])
    assert result.verdict is Verdict.OK, result
    return result.cases[0].stdout.strip()


async def test_an_ordinary_program_is_linked_the_quick_way(run: Runs) -> None:
    ways: list[tuple[str, ...]] = [(), ("-g",), ("-static",), ("-no-pie",), ("-pthread",), ("-lm",)]

    assert {way: await linked_by(run, WHO, *way) for way in ways} == dict.fromkeys(ways, "gold")


async def test_whoever_asks_for_something_gets_gnu_ld(run: Runs) -> None:
    ways: list[tuple[str, ...]] = [("-fuse-ld=bfd",), ("-Wl,-O1",), ("-Wl,--no-undefined",), ("-s",), ("-rdynamic",)]

    assert {way: await linked_by(run, WHO, *way) for way in ways} == dict.fromkeys(ways, "GNU ld")


async def test_what_gold_would_say_is_said_by_gnu_ld(run: Runs) -> None:
    dangerous = WHO.replace(
        "int main(void)\n{", "int main(void)\n{\n    char name_of_file[L_tmpnam];\n    tmpnam(name_of_file);"
    )

    assert await linked_by(run, dangerous) == "GNU ld"
