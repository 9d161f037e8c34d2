"""Attacks by what is written and by what is not read."""

from __future__ import annotations

from ccx.wire import Verdict
from tests.hostile.attack import MIB, WALL, c, python

TOO_LONG = (Verdict.WALL_TIME_LIMIT, "wall_seconds")

OUTPUTS = [
    c(
        "flood of text",
        'int main(void) { begin(); for (;;) puts("All work and no play makes Jack a dull boy."); }',
        Verdict.OUTPUT_LIMIT,
        "output_bytes",
        stdout="begun\n" + "All work and no play makes Jack a dull boy.\n" * 2_000,
    ),
    python(
        "flood of bytes that are not text",
        """
        import os
        print("begun", flush=True)
        while True:
            os.write(1, b"\\xff\\x00\\r\\xfe" * 4096)
        """,
        Verdict.OUTPUT_LIMIT,
        "output_bytes",
    ),
    c(
        "flood of standard error",
        'int main(void) { begin(); for (;;) fputs("error\\n", stderr); }',
        Verdict.OUTPUT_LIMIT,
        "output_bytes",
        stderr="error\n" * 10_000,
    ),
    c(
        "flood of both",
        'int main(void) { begin(); if (fork()) for (;;) fputs("error\\n", stderr); else for (;;) puts("text"); }',
        Verdict.OUTPUT_LIMIT,
        "output_bytes",
    ),
    c(
        "flood from many processes",
        'int main(void) { begin(); for (int i = 0; i < 4; i++) fork(); for (;;) puts("text"); }',
        Verdict.OUTPUT_LIMIT,
        "output_bytes",
    ),
    c(
        "flood that never passes through the program",
        """
        int main(void) {
            begin();
            for (int zero = open("/dev/zero", O_RDONLY);;) splice(zero, NULL, 1, NULL, 1 << 20, 0);
        }
        """,
        Verdict.OUTPUT_LIMIT,
        "output_bytes",
    ),
    c(
        "one byte at a time for ever",
        'int main(void) { begin(); for (;;) { write(1, ".", 1); usleep(200000); } }',
        *TOO_LONG,
        limits=WALL,
        stdout="begun\n...",
    ),
    c(
        "output without a newline",
        'int main(void) { begin(); printf("Name: "); fflush(stdout); pause(); }',
        *TOO_LONG,
        limits=WALL,
        stdout="begun\nName: ",
    ),
    c(
        "output after the end of input",
        'int main(void) { begin(); while (getchar() != EOF); puts("end"); }',
        stdout="begun\nend\n",
        fields={"stdin": "x" * 200_000},
    ),
    c(
        "100 MB of input that are never read",
        "int main(void) { begin(); pause(); }",
        *TOO_LONG,
        limits=WALL,
        fields={"stdin": "x" * 100_000_000},
    ),
    c(
        "input that is closed at once",
        "int main(void) { close(0); begin(); }",
        fields={"stdin": "x" * MIB},
    ),
    c(
        "every descriptor closed",
        "int main(void) { begin(); close_range(0, ~0u, 0); pause(); }",
        *TOO_LONG,
        limits=WALL,
    ),
    c(
        "every descriptor duplicated as often as it goes",
        """
        int main(void) {
            begin();
            for (int i = 0; i < 100000; i++) dup(i % 3);
            if (fork() == 0) pause();
        }
        """,
    ),
    c(
        "pipes made larger and made non-blocking",
        """
        int main(void) {
            begin();
            fcntl(1, F_SETPIPE_SZ, 1 << 20);
            for (int i = 0; i < 3; i++) fcntl(i, F_SETFL, O_NONBLOCK);
            static char text[1 << 20];
            for (;;) write(1, text, sizeof text);
        }
        """,
        Verdict.OUTPUT_LIMIT,
        "output_bytes",
    ),
    c(
        "results forged on every descriptor",
        """
        int main(void) {
            static const unsigned char ended_well[] = {0, 0, 0, 67, 'z', 0, 0, 0, 2, 0};
            begin();
            for (int i = 0; i < 1024; i++) {
                char path[64];
                write(i, ended_well, sizeof ended_well);
                snprintf(path, sizeof path, "/proc/1/fd/%d", i);
                write(open(path, O_WRONLY), ended_well, sizeof ended_well);
            }
            return 3;
        }
        """,
        Verdict.RUNTIME_ERROR,
    ),
    python(
        "stand-ins for standard output",
        """
        import os, pty, sys
        print("begun", flush=True)
        for path in ("/dev/stdout", "/proc/self/fd/1", "/dev/fd/1"):
            os.write(os.open(path, os.O_WRONLY), b"x")
        try:
            os.openpty()
        except OSError:
            pass
        """,
        stdout="begun\nxxx",
    ),
]
