"""Attacks by memory, in every form the kernel gives it out."""

from __future__ import annotations

from ccx.wire import Verdict
from tests.hostile.attack import c, java, python

TOO_MUCH = (Verdict.MEMORY_LIMIT, "memory_bytes")

MEMORY = [
    c("malloc", "int main(void) { begin(); for (;;) memset(malloc(1 << 20), 1, 1 << 20); }", *TOO_MUCH),
    python("a list", "print('begun', flush=True)\nx = []\nwhile True:\n    x.append(bytearray(100_000))\n", *TOO_MUCH),
    java(
        "a list in Java",
        'System.out.println("begun"); var list = new java.util.ArrayList<byte[]>(); while (true) list.add(new byte[100_000]);',
        *TOO_MUCH,
    ),
    c(
        "mmap",
        """
        int main(void) {
            begin();
            for (;;) mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
        }
        """,
        *TOO_MUCH,
    ),
    c(
        "files in the work directory",
        """
        int main(void) {
            static char text[1 << 20];
            char name[32];
            begin();
            for (int i = 0;; i++) {
                snprintf(name, sizeof name, "file-%d", i);
                if (write(open(name, O_CREAT | O_WRONLY, 0600), text, sizeof text) < 0) exit(1);
            }
        }
        """,
        *TOO_MUCH,
    ),
    c(
        "files in shared memory",
        """
        int main(void) {
            static char text[1 << 20];
            char name[32];
            begin();
            for (int i = 0;; i++) {
                snprintf(name, sizeof name, "/dev/shm/file-%d", i);
                if (write(open(name, O_CREAT | O_WRONLY, 0600), text, sizeof text) < 0) exit(1);
            }
        }
        """,
        *TOO_MUCH,
    ),
    c(
        "files without a name",
        """
        int main(void) {
            static char text[1 << 20];
            begin();
            for (int file = syscall(SYS_memfd_create, "x", 0);;) if (write(file, text, sizeof text) < 0) exit(1);
        }
        """,
        *TOO_MUCH,
    ),
    c(
        "System V shared memory",
        """
        int main(void) {
            begin();
            for (;;) {
                int segment = shmget(IPC_PRIVATE, 1 << 20, 0600);
                if (segment < 0) exit(1);
                memset(shmat(segment, NULL, 0), 1, 1 << 20);
            }
        }
        """,
        *TOO_MUCH,
    ),
    c(
        "what lies in sockets",
        """
        int main(void) {
            static char text[1 << 16];
            int ends[2], size = 1 << 30;
            begin();
            for (int i = 0; i < 10000; i++) {
                if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends)) break;
                setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
                while (write(ends[0], text, sizeof text) > 0);
            }
            exit(1);
        }
        """,
        *TOO_MUCH,
    ),
    c(
        "what lies in pipes",
        """
        int main(void) {
            static char text[1 << 20];
            int ends[2];
            begin();
            while (pipe2(ends, O_NONBLOCK) == 0) {
                fcntl(ends[0], F_SETPIPE_SZ, 1 << 20);
                while (write(ends[1], text, sizeof text) > 0);
            }
            exit(1);
        }
        """,
        *TOO_MUCH,
    ),
    c(
        "the page cache, which the kernel takes back",
        """
        int main(void) {
            begin();
            exit(WEXITSTATUS(system("cat /usr/bin/* /usr/lib/*/*.so* /usr/libexec/gcc/*/*/* >/dev/null 2>&1; true")));
        }
        """,
        limits={"cpu_seconds": 10, "wall_seconds": 20},
    ),
    c(
        "so slowly that nobody notices",
        "int main(void) { begin(); for (;;) { memset(malloc(1 << 19), 1, 1 << 19); usleep(5000); } }",
        *TOO_MUCH,
    ),
    c(
        "in children that are replaced when they are killed",
        """
        int main(void) {
            begin();
            for (;;) {
                if (fork() == 0) for (;;) memset(malloc(1 << 20), 1, 1 << 20);
                wait(NULL);
            }
        }
        """,
        *TOO_MUCH,
    ),
    c(
        "in many small children",
        """
        int main(void) {
            begin();
            for (int i = 0; i < 16; i++)
                if (fork() == 0) { memset(malloc(8 << 20), 1, 8 << 20); pause(); }
            for (int status; wait(&status) > 0;) if (WIFSIGNALED(status)) exit(1);
        }
        """,
        *TOO_MUCH,
    ),
    c(
        "a stack of four gigabytes",
        """
        static int deeper(int depth) { volatile char room[1 << 16]; room[0] = depth; return deeper(depth + 1) + room[0]; }
        int main(int n, char **a) {
            if (n == 1) {
                begin();
                setrlimit(RLIMIT_STACK, &(struct rlimit){4ul << 30, RLIM_INFINITY});
                execl(a[0], a[0], "again", NULL);
            }
            return deeper(0);
        }
        """,
        *TOO_MUCH,
    ),
    c(
        "recursion without an end",
        "static int deeper(int n) { volatile int x = n; return deeper(x + 1) + x; }\n"
        "int main(void) { begin(); return deeper(0); }",
        Verdict.RUNTIME_ERROR,
        signal="SIGSEGV",
    ),
    java(
        "recursion in Java",
        """
        public class Main {
            static int deeper(int n) { return deeper(n + 1) + n; }
            public static void main(String[] arguments) { System.out.println("begun"); deeper(0); }
        }
        """,
        Verdict.RUNTIME_ERROR,
        stderr="StackOverflowError",
    ),
    python(
        "recursion in Python, its own limit off",
        """
        import sys
        print("begun", flush=True)
        sys.setrecursionlimit(10**9)
        f = lambda n: f(n + 1) + repr(n)
        f(0)
        """,
        *TOO_MUCH,
    ),
    c(
        "address space that is never touched",
        """
        int main(void) {
            begin();
            mmap(NULL, 1ul << 40, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        }
        """,
    ),
    c(
        "memory that must not be taken back",
        "int main(void) { begin(); for (char *p;;) { p = malloc(1 << 20); mlock(p, 1 << 20); memset(p, 1, 1 << 20); } }",
        *TOO_MUCH,
    ),
    c(
        "out of memory and not the one to be killed",
        """
        int main(void) {
            begin();
            attempt("spare", write(open("/proc/self/oom_score_adj", O_WRONLY), "-1000", 5));
            for (;;) memset(malloc(1 << 20), 1, 1 << 20);
        }
        """,
        *TOO_MUCH,
        stdout="begun\nspare: refused\n",
    ),
    java(
        "an error that is caught and tried again",
        """
        System.out.println("begun");
        while (true) {
            try { var list = new java.util.ArrayList<byte[]>(); while (true) list.add(new byte[1_000_000]); }
            catch (OutOfMemoryError error) { }
        }
        """,
        *TOO_MUCH,
    ),
    python(
        "an error that is caught",
        "print('begun', flush=True)\nx = [0] * 10**12\n",
        Verdict.RUNTIME_ERROR,
        stderr="MemoryError",
    ),
]
