"""Attacks on the disk, and by what is left to be fetched."""

from __future__ import annotations

from ccx.wire import Verdict
from tests.hostile.attack import MIB, c, python

FILES = [
    c(
        "a file larger than allowed",
        """
        int main(void) {
            static char text[1 << 16];
            begin();
            for (int file = open("big", O_CREAT | O_WRONLY, 0600);;) write(file, text, sizeof text);
        }
        """,
        Verdict.OUTPUT_LIMIT,
        "file_bytes",
        limits={"file_bytes": MIB},
        signal="SIGXFSZ",
    ),
    c(
        "a sparse file of a terabyte",
        'int main(void) { begin(); ftruncate(open("big", O_CREAT | O_WRONLY, 0600), 1l << 40); }',
        Verdict.OUTPUT_LIMIT,
        "file_bytes",
        signal="SIGXFSZ",
    ),
    python(
        "the disk",
        """
        print("begun", flush=True)
        for number in range(1_000_000):
            with open(f"file-{number}", "wb") as file:
                file.write(bytes(1_000_000))
        """,
        Verdict.MEMORY_LIMIT,
        "memory_bytes",
    ),
    c(
        "inodes",
        """
        int main(void) {
            char name[32];
            begin();
            for (int i = 0;; i++) {
                snprintf(name, sizeof name, "%d", i);
                if (mkdir(name, 0700)) break;
            }
            puts(errno == ENOSPC ? "full" : "?");
        }
        """,
        stdout="begun\nfull\n",
        limits={"cpu_seconds": 10, "wall_seconds": 20, "memory_bytes": 128 * MIB},
    ),
    c(
        "a tree too deep for any path, left behind for the next case",
        """
        int main(void) {
            begin();
            for (int i = 0; i < 5000; i++) if (mkdir("d", 0700) || chdir("d")) return 1;
        }
        """,
        fields={"cases": [{}, {}]},
        limits={"cpu_seconds": 5, "wall_seconds": 10},
    ),
    c(
        "names no text can hold",
        """
        int main(void) {
            char name[256];
            begin();
            memset(name, '\\n', 255);
            name[255] = 0;
            for (int i = 1; i < 255; i++) { name[0] = i == '/' ? 'x' : i; close(creat(name, 0)); }
        }
        """,
        fields={"artifacts": ["*", "..."]},
    ),
    c(
        "more files than are listed, and a pattern",
        """
        int main(void) {
            char name[256];
            begin();
            for (int i = 0; i < 5000; i++) { snprintf(name, sizeof name, "%0200d.png", i); close(creat(name, 0600)); }
        }
        """,
        fields={"artifacts": ["*.png", "*.gif"]},
    ),
    c(
        "folders deeper than a path may be long, and patterns",
        """
        int main(void) {
            char name[201];
            begin();
            memset(name, 'd', 200);
            name[200] = 0;
            for (int i = 0; i < 100; i++) { if (mkdir(name, 0700) || chdir(name)) break; close(creat("a.png", 0600)); }
        }
        """,
        fields={"artifacts": ["*.png", "*/*.png", "*/" * 300 + "a.png", "*a" * 100 + "b"]},
    ),
    c(
        "a symbolic link as artifact",
        'int main(void) { begin(); symlink("/etc/passwd", "artifact"); symlink("/proc/1/root", "folder"); }',
        fields={"artifacts": ["artifact", "folder/etc/passwd"]},
    ),
    c(
        "a pipe as artifact",
        'int main(void) { begin(); mkfifo("artifact", 0666); }',
        fields={"artifacts": ["artifact"]},
    ),
    c(
        "a socket as artifact",
        """
        int main(void) {
            begin();
            struct sockaddr_un address = {AF_UNIX, "artifact"};
            bind(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&address, sizeof address);
        }
        """,
        fields={"artifacts": ["artifact"]},
    ),
    c(
        "a hard link as artifact",
        'int main(void) { begin(); close(creat("one", 0600)); link("one", "artifact"); link("/etc/passwd", "passwd"); }',
        fields={"artifacts": ["artifact", "passwd"]},
    ),
    c(
        "a device as artifact",
        """
        int main(void) {
            begin();
            attempt("device", mknod("artifact", S_IFCHR | 0666, 0x101));
            attempt("disk", mknod("artifact", S_IFBLK | 0666, 0xfe00));
        }
        """,
        stdout="begun\ndevice: refused\ndisk: refused\n",
        fields={"artifacts": ["artifact"]},
    ),
    c(
        "an artifact larger than what is sent",
        'int main(void) { begin(); ftruncate(open("artifact", O_CREAT | O_WRONLY, 0600), 17 << 20); }',
        fields={"artifacts": ["artifact"]},
    ),
    c(
        "a work directory nobody may enter",
        'int main(void) { begin(); mkdir("x", 0); close(creat("artifact", 0)); chmod(".", 0); }',
        fields={"artifacts": ["x/artifact"], "cases": [{}, {}]},
    ),
    c(
        "work directory taken away",
        """
        int main(void) {
            begin();
            attempt("rename", rename("/box/work", "/box/other"));
            attempt("remove", rmdir("/box/tmp"));
            attempt("beside", mkdir("/box/beside", 0700));
        }
        """,
        stdout="begun\nrename: refused\nremove: refused\nbeside: refused\n",
    ),
    c(
        "descriptors",
        """
        int main(void) {
            begin();
            int count = 0;
            while (open("/dev/null", O_RDONLY) >= 0) count++;
            puts(errno == EMFILE && count < 4096 ? "no more" : "?");
        }
        """,
        stdout="begun\nno more\n",
    ),
    c(
        "the files of the system",
        """
        int main(void) {
            begin();
            attempt("passwd", open("/etc/passwd", O_WRONLY));
            attempt("runner", open("/ccx/runner", O_WRONLY));
            attempt("remove", unlink("/usr/bin/gcc"));
            attempt("root", mkdir("/new", 0700));
            attempt("mode", chmod("/box", 0777));
        }
        """,
        stdout="begun\npasswd: refused\nrunner: refused\nremove: refused\nroot: refused\nmode: refused\n",
    ),
    python(
        "locks and watches on everything",
        """
        import fcntl, os
        print("begun", flush=True)
        held = []
        try:
            while True:
                held.append(open(f"lock-{len(held)}", "w"))
                fcntl.flock(held[-1], fcntl.LOCK_EX)
        except OSError:
            print("no more")
        """,
        stdout="begun\nno more\n",
    ),
]
