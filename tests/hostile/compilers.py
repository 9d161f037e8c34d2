"""Attacks on and through compilers, which are programs in the sandbox like any other."""

from __future__ import annotations

from typing import Any

from ccx.wire import Verdict
from tests.hostile.attack import Attack, c, java

FAILED = Verdict.COMPILE_ERROR
TWICE = "\n".join(f"#define A{n} A{n - 1} A{n - 1}" for n in range(1, 40))


def broken(name: str, program: str, limit: str | None = None, stdout: str = "", **more: Any) -> Attack:
    return c(name, program, FAILED, limit, stdout=stdout, **more)


def wrapped(name: str, script: str, *rest: Any, **more: Any) -> Attack:
    """gcc is told to run a script of the submission's own."""
    program = 'int main(void) { begin(); puts("ran"); }'
    return c(
        name, program, *rest, files={"wrap.sh": script}, fields={"compile_args": ["-wrapper", "sh,./wrap.sh"]}, **more
    )


COMPILERS = [
    broken("a device as header", '#include "/dev/zero"', "memory_bytes"),
    broken("random numbers as header", '#include "/dev/urandom"', "memory_bytes"),
    broken("standard input as header", '#include "/dev/stdin"\nint main(void) { return x; }', stderr="undeclared"),
    broken("passwords as header", '#include "/etc/shadow"', stderr="No such file"),
    broken("memory of the compiler as header", '#include "/proc/self/mem"'),
    broken("itself as header", '#include "main.c"', stderr="nested"),
    broken("macro bomb", f"#define A0 x\n{TWICE}\nA39", "memory_bytes"),
    broken("an array of two gigabytes", "char all[2000000000] = {1};\nint main(void) { return all[1]; }"),
    broken("device in the object", '__asm__(".incbin \\"/dev/zero\\"");\nint main(void) { }'),
    broken("padding without end", '__asm__(".fill 2000000000, 8, 1");\nint main(void) { }'),
    broken(
        "more errors than anybody reads",
        "int main(void) {" + "x" * 3000 + ";\n" * 1 + "".join(f"y{'z' * 900}{n};\n" for n in range(1500)),
        "output_bytes",
    ),
    broken("plugin", "int main(void) { }", fields={"compile_args": ["-fplugin=./main.c"]}, stderr="plugin"),
    broken("arguments from a file", "int main(void) { }", fields={"compile_args": ["@/etc/passwd"]}),
    broken(
        "output elsewhere",
        "int main(void) { }",
        fields={"compile_args": ["-o", "/ccx/runner"]},
        stderr="Read-only file system",
    ),
    c(
        "a file of the image in the program",
        """
        __asm__(".section .rodata\\nbegin_file: .incbin \\"/etc/passwd\\"\\nend_file: .byte 0");
        extern char begin_file[], end_file[];
        int main(void) { begin(); puts(strstr(begin_file, "root:x:0:0") ? "the sandbox's" : "?"); }
        """,
        stdout="begun\nthe sandbox's\n",
    ),
    wrapped("flood while compiling", "yes", FAILED, "output_bytes", stdout=""),
    wrapped("memory while compiling", "echo begun; tail /dev/zero", FAILED, "memory_bytes", stdout=""),
    wrapped(
        "fork bomb while compiling", "echo begun; f() { f | f & }; f; sleep 1; exit 1", FAILED, "processes", stdout=""
    ),
    c(
        "a process left by the compiler",
        'int main(int n, char **a) { if (n == 1) { begin(); sleep(1); execl(a[0], a[0], "again", NULL); } puts("ran"); }',
        stdout="begun\nran\n",
        files={
            "wrap.sh": """(sleep 1; printf '#!/bin/sh\\necho not the program' >a.out) >/dev/null 2>&1 & exec "$@" """
        },
        fields={"compile_args": ["-wrapper", "sh,./wrap.sh"]},
    ),
    wrapped(
        "a program of the compiler's making",
        r"""printf '#!/bin/sh\necho begun\nkill -9 1 2>&-; exit 7\n' >a.out; chmod +x a.out; exit 0""",
        Verdict.RUNTIME_ERROR,
    ),
    java("annotation processor", "", FAILED, stdout="", fields={"compile_args": ["-processor", "Evil"]}),
    java("plugin of the Java compiler", "", FAILED, stdout="", fields={"compile_args": ["-Xplugin:Evil"]}),
    java("Java arguments from a file", "", FAILED, stdout="", fields={"compile_args": ["@/etc/passwd"]}),
    java("Java output elsewhere", "", FAILED, stdout="", fields={"compile_args": ["-d", "/ccx"]}),
    java("expression deep for the Java compiler", f"int x = {'(' * 9000}1{')' * 9000};", stdout=""),
    java(
        "method too large for Java", "int x = 0;" + "x = x * 3 + 100000;" * 20000, FAILED, stdout="", stderr="too large"
    ),
]
