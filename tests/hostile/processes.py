"""Attacks by processes, threads and signals."""

from __future__ import annotations

from ccx.wire import Verdict
from tests.hostile.attack import MIB, WALL, c, java, python

TOO_LONG = (Verdict.WALL_TIME_LIMIT, "wall_seconds")

# The kernel frees what a refused fork took a moment later, and counts it until then: on a busy host tens of MiB.
ROOM_FOR_REFUSED_FORKS = {"memory_bytes": 192 * 2**20}

PROCESSES = [
    c(
        "fork bomb",
        "int main(void) { begin(); for (;;) fork(); }",
        Verdict.PROCESS_LIMIT,
        "processes",
        limits=ROOM_FOR_REFUSED_FORKS,
    ),
    python(
        "fork bomb in Python",
        """
        import os
        print("begun", flush=True)
        while True:
            try:
                os.fork()
            except OSError:
                pass
        """,
        Verdict.PROCESS_LIMIT,
        "processes",
        limits=ROOM_FOR_REFUSED_FORKS,
    ),
    java(
        "fork bomb through a shell",
        """
        System.out.println("begun");
        new ProcessBuilder("sh", "-c", "f() { f | f & }; f; sleep 100").inheritIO().start().waitFor();
        System.exit(1);
        """,
        Verdict.PROCESS_LIMIT,
        "processes",
        limits={"wall_seconds": 3.0},
    ),
    c(
        "thread bomb",
        """
        static void *sleeper(void *nothing) { pause(); return nothing; }
        int main(void) { begin(); for (pthread_t thread;;) pthread_create(&thread, NULL, sleeper, NULL); }
        """,
        Verdict.PROCESS_LIMIT,
        "processes",
    ),
    java(
        "thread bomb in Java",
        """
        System.out.println("begun");
        while (true) new Thread(() -> { try { Thread.sleep(100_000); } catch (InterruptedException e) { } }).start();
        """,
        Verdict.PROCESS_LIMIT,
        "processes",
        limits={"wall_seconds": 3.0},
    ),
    c(
        "zombie bomb",
        "int main(void) { begin(); for (;;) if (fork() == 0) _exit(0); }",
        Verdict.PROCESS_LIMIT,
        "processes",
        limits={"memory_bytes": 128 * MIB},  # the stacks of the dead are given back a little later
    ),
    c(
        "daemon that outlives its case",
        """
        int main(void) {
            begin();
            if (fork() == 0 && setsid() && fork() == 0) { sleep(1); attempt("daemon", 0); pause(); }
        }
        """,
    ),
    c(
        "process that leaves its session and is deaf to signals",
        """
        int main(void) {
            begin();
            if (fork() == 0) {
                setsid();
                for (int i = 1; i < 65; i++) signal(i, SIG_IGN);
                for (;;) burn(1000000);
            }
        }
        """,
    ),
    c(
        "process that is always another by the time it is killed",
        "int main(void) { begin(); if (fork() == 0) for (;;) if (fork() > 0) _exit(0); }",
    ),
    c(
        "kill everybody",
        'int main(void) { begin(); attempt("kill", kill(-1, SIGKILL)); }',
        stdout="begun\nkill: refused\n",
    ),
    c(
        "stop the runner",
        'int main(void) { begin(); attempt("stop", kill(1, SIGSTOP)); attempt("parent", kill(getppid(), SIGSTOP)); }',
        stdout="begun\nstop: refused\nparent: refused\n",
    ),
    c(
        "kill the runner",
        'int main(void) { begin(); attempt("kill", kill(1, SIGKILL)); attempt("term", kill(1, SIGTERM)); }',
        stdout="begun\nkill: refused\nterm: refused\n",
    ),
    c(
        "queue signals at the runner",
        """
        int main(void) {
            begin();
            attempt("child", sigqueue(1, SIGCHLD, (union sigval){0}));
            attempt("pipe", sigqueue(1, SIGPIPE, (union sigval){0}));
        }
        """,
        stdout="begun\nchild: refused\npipe: refused\n",
    ),
    c(
        "trace the runner",
        'int main(void) { begin(); attempt("trace", ptrace(PTRACE_ATTACH, 1, 0, 0)); }',
        stdout="begun\ntrace: refused\n",
    ),
    c(
        "change the priority of the runner",
        'int main(void) { begin(); attempt("nice", setpriority(PRIO_PROCESS, 1, 19)); }',
        stdout="begun\nnice: refused\n",
    ),
    c(
        "go before everybody else",
        """
        int main(void) {
            begin();
            attempt("nice", setpriority(PRIO_PROCESS, 0, -20));
            attempt("real time", sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){1}));
        }
        """,
        stdout="begun\nnice: refused\nreal time: refused\n",
    ),
    c(
        "limits of the runner",
        """
        int main(void) {
            begin();
            attempt("files", prlimit(1, RLIMIT_NOFILE, &(struct rlimit){0, 0}, NULL));
            attempt("raise", setrlimit(RLIMIT_FSIZE, &(struct rlimit){RLIM_INFINITY, RLIM_INFINITY}));
        }
        """,
        stdout="begun\nfiles: refused\nraise: refused\n",
    ),
    c(
        "CPU time in many short children",
        """
        int main(void) {
            begin();
            for (;;) {
                if (fork() == 0) { burn(20); _exit(0); }
                wait(NULL);
            }
        }
        """,
        Verdict.CPU_TIME_LIMIT,
        "cpu_seconds",
    ),
    c(
        "CPU time in threads",
        """
        static void *burner(void *nothing) { burn(1000000); return nothing; }
        int main(void) {
            pthread_t thread;
            begin();
            for (int i = 0; i < 8; i++) pthread_create(&thread, NULL, burner, NULL);
            pause();
        }
        """,
        Verdict.CPU_TIME_LIMIT,
        "cpu_seconds",
    ),
    c("busy for ever", "int main(void) { begin(); for (;;); }", Verdict.CPU_TIME_LIMIT, "cpu_seconds"),
    c(
        "starting itself again and again",
        'int main(int n, char **a) { if (n == 1) begin(); execl(a[0], a[0], "again", NULL); }',
        Verdict.CPU_TIME_LIMIT,
        "cpu_seconds",
    ),
    c("sleep for ever", "int main(void) { begin(); for (;;) pause(); }", *TOO_LONG, limits=WALL),
    c("stop itself", "int main(void) { begin(); kill(getpid(), SIGSTOP); }", *TOO_LONG, limits=WALL),
    c(
        "deaf to every signal",
        "int main(void) { begin(); for (int i = 1; i < 65; i++) signal(i, SIG_IGN); for (;;) sleep(1000); }",
        *TOO_LONG,
        limits=WALL,
    ),
    c(
        "busy in a signal handler",
        """
        static void for_ever(int number) { (void)number; for (;;); }
        int main(void) { begin(); signal(SIGALRM, for_ever); raise(SIGALRM); }
        """,
        Verdict.CPU_TIME_LIMIT,
        "cpu_seconds",
    ),
    c("exits as if killed", "int main(void) { begin(); exit(137); }", Verdict.RUNTIME_ERROR),
    c("kills itself", "int main(void) { begin(); raise(SIGKILL); }", Verdict.RUNTIME_ERROR, signal="SIGKILL"),
    c(
        "pretends to be out of CPU time",
        "int main(void) { begin(); raise(SIGXCPU); }",
        Verdict.RUNTIME_ERROR,
        signal="SIGXCPU",
    ),
]
