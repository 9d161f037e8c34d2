"""What an attack is: a small program that tries one thing, and what has to come of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from textwrap import dedent
from typing import Any

from ccx.wire import CaseResult, StepUsage, Submission, SubmissionRequest, Verdict
from tests.support.node import submission

MIB = 1 << 20
BEGUN = "begun\n"

# Short, so that the suite is: what burns ends soon. What sleeps asks for WALL.
LIMITS = {
    "c": {"cpu_seconds": 0.3, "wall_seconds": 15.0, "memory_bytes": 48 * MIB, "processes": 24, "output_bytes": 100_000},
    "python": {
        "cpu_seconds": 0.5,
        "wall_seconds": 15.0,
        "memory_bytes": 48 * MIB,
        "processes": 24,
        "output_bytes": 100_000,
    },
    # With another memory limit than the usual one the machine that was started ahead is not used, and not attacked.
    "java": {"cpu_seconds": 1.5, "wall_seconds": 30.0, "processes": 64, "output_bytes": 100_000},
}
WALL = {"wall_seconds": 1.0}
MAIN = {"c": "main.c", "python": "main.py", "java": "Main.java"}

# What programs in C begin with. `attempt` tells whether the kernel let it through.
ATTACK_H = """
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static inline void begin(void) { puts("begun"); fflush(stdout); }
static inline void attempt(const char *what, long result) {
    if (result < 0) printf("%s: refused\\n", what);
    else printf("%s: DONE\\n", what);
    fflush(stdout);
}
static inline void burn(int milliseconds) {
    struct timespec now;
    do clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    while (now.tv_sec * 1000 + now.tv_nsec / 1000000 < milliseconds);
}
"""


@dataclass(frozen=True)
class Attack:
    """One program. `stdout` is what its output must begin with; all of it, where the verdict is ok."""

    name: str
    language: str
    program: str
    verdict: Verdict = Verdict.OK
    limit: str | None = None
    stdout: str = BEGUN
    stderr: str = ""
    """A part of its standard error, or of the compiler's."""
    signal: str | None = None
    limits: dict[str, float] = field(default_factory=dict)
    files: dict[str, str | bytes] = field(default_factory=dict)
    fields: dict[str, Any] = field(default_factory=dict)
    seconds: float = 40.0
    """Within this it must be over, on a busy machine."""

    def request(self) -> SubmissionRequest:
        sources: dict[str, str | bytes] = {MAIN[self.language]: self.source, **self.files}
        if self.language == "c":
            sources["attack.h"] = ATTACK_H
        return submission(self.language, sources, **({"limits": LIMITS[self.language] | self.limits} | self.fields))

    def on_a_slow_processor(self, times: float) -> Attack:
        """The same where a processor takes so many times as long. The time on the clock is long enough as it is."""
        seconds = (LIMITS[self.language] | self.limits)["cpu_seconds"]
        return replace(self, limits=self.limits | {"cpu_seconds": seconds * times})

    @property
    def source(self) -> str:
        program = dedent(self.program).strip() + "\n"
        return f'#include "attack.h"\n{program}' if self.language == "c" else program

    def check(self, result: Submission) -> None:
        """The verdict, the limit it names, and what it had written until then, in every case."""
        for step in result.cases or (result.compile,):
            assert step is not None, result.message
            self._check_step(step)
        assert result.verdict is self.verdict
        assert (result.message is None) == (self.verdict is Verdict.OK)

    def _check_step(self, step: StepUsage) -> None:
        verdict = step.verdict if isinstance(step, CaseResult) else Verdict.COMPILE_ERROR
        told = (verdict, step.limit, step.signal if self.signal else None)
        assert told == (self.verdict, self.limit, self.signal), step
        assert step.stdout_data().startswith(self.stdout.encode()), step
        if self.verdict is Verdict.OK:
            assert step.stdout == self.stdout, step
        assert self.stderr in step.stderr, step


def c(name: str, program: str, verdict: Verdict = Verdict.OK, limit: str | None = None, **more: Any) -> Attack:
    return Attack(name, "c", program, verdict, limit, **more)


def python(name: str, program: str, verdict: Verdict = Verdict.OK, limit: str | None = None, **more: Any) -> Attack:
    return Attack(name, "python", program, verdict, limit, **more)


def java(name: str, program: str, verdict: Verdict = Verdict.OK, limit: str | None = None, **more: Any) -> Attack:
    """The body of a main method, unless it is a whole class."""
    if "class Main" not in program:
        body = dedent(program).strip()
        program = f"public class Main {{ public static void main(String[] arguments) throws Throwable {{\n{body}\n}} }}"
    return Attack(name, "java", program, verdict, limit, **more)
