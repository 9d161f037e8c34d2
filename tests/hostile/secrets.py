"""Attacks on what is none of a program's business: passwords, neighbours, the host's name and make."""

from __future__ import annotations

from tests.hostile.attack import Attack, c, python


def read(what: str, *paths: str) -> Attack:
    """Files that must be missing, closed or empty."""
    program = f"""
print("begun", flush=True)
for path in {paths}:
    try:
        with open(path, "rb") as file:
            print(file.read(100) or "nothing")
    except OSError:
        print("nothing")
"""
    return python(what, program, stdout="begun\n" + "nothing\n" * len(paths))


SECRETS = [
    read("passwords", "/etc/shadow", "/etc/gshadow", "/root/.ssh/id_rsa", "/run/secrets/token"),
    read("environment and memory of the runner", "/proc/1/environ", "/proc/1/maps", "/proc/1/auxv", "/proc/1/stack"),
    read("how the host was booted", "/proc/cmdline", "/proc/config.gz", "/proc/modules", "/proc/kallsyms"),
    read(
        "what the host is made of", "/proc/iomem", "/proc/ioports", "/proc/partitions", "/proc/diskstats", "/proc/kmsg"
    ),
    read("which host it is", "/etc/machine-id", "/proc/sys/kernel/random/boot_id", "/sys/class/dmi/id/product_uuid"),
    read(
        "what the host does",
        "/proc/interrupts",
        "/proc/zoneinfo",
        "/proc/timer_list",
        "/proc/sched_debug",
        "/proc/locks",
    ),
    python(
        "the machine's other processes",
        """
        import os
        print("begun", flush=True)
        print(sorted(int(name) for name in os.listdir("/proc") if name.isdigit())[:1])
        print(sum(name.isdigit() for name in os.listdir("/proc")))
        """,
        stdout="begun\n[1]\n2\n",
    ),
    python(
        "hardware and drivers",
        """
        import os
        print("begun", flush=True)
        for folder in ("class", "block", "bus", "devices", "module", "kernel", "firmware"):
            print(os.listdir("/sys/" + folder))
        """,
        stdout="begun\n" + "[]\n" * 7,
    ),
    python(
        "names",
        """
        import os, socket
        print("begun", flush=True)
        print(socket.gethostname(), open("/etc/hostname").read().strip(), os.uname().nodename)
        print(open("/proc/sys/kernel/domainname").read().strip())
        """,
        stdout="begun\nsandbox sandbox sandbox\n(none)\n",
    ),
    python(
        "environment",
        """
        import os
        print("begun", flush=True)
        print(*sorted(os.environ))
        """,
        stdout="begun\nHOME LANG LOGNAME PATH PYTHONDONTWRITEBYTECODE PYTHONUNBUFFERED USER\n",
    ),
    python(
        "files of other submissions",
        """
        import os
        print("begun", flush=True)
        print(os.listdir("/box"), os.listdir("/box/work"), os.listdir("/tmp"), os.listdir("/dev/shm"), os.listdir("/home"))
        """,
        stdout="begun\n['tmp', 'work'] ['main.py'] [] [] []\n",
    ),
    c(
        "inherited descriptors",
        """
        int main(void) {
            begin();
            for (int i = 3; i < 65536; i++) if (fcntl(i, F_GETFD) >= 0) printf("descriptor %d\\n", i);
        }
        """,
    ),
    c(
        "what others left in the namespace",
        'int main(void) { begin(); attempt("shared memory", shmget(0x1234, 0, 0)); }',
        stdout="begun\nshared memory: refused\n",
    ),
]
