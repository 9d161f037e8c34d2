"""What of the kernel a sandbox gets to see: which system calls, which parts of /proc and /sys. Data, for `hardening`.

The system calls are in `seccomp.json`: an allow list with a reason for each group, the same for every language.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

PROFILE_FILE = Path(__file__).with_name("seccomp.json")
# Ours, and of no use to the engine, which gets the profile with every container.
_FOR_READERS = ("version", "about", "comment")

# Covered with nothing: what tells of the host and its other guests, or has had holes. The engine's own list is replaced
# by this one, and so begins it.
MASKED_PATHS = [
    *(
        f"/proc/{name}"
        for name in (
            *("acpi", "asound", "kcore", "keys", "latency_stats", "sched_debug", "scsi", "timer_list", "timer_stats"),
            # How the host was booted and what it is made of.
            *("cmdline", "config.gz", "consoles", "crypto", "devices", "dma", "driver", "execdomains", "fb", "iomem"),
            *(
                "ioports",
                "kallsyms",
                "key-users",
                "kmsg",
                "misc",
                "modules",
                "mtrr",
                "sys/kernel/random/boot_id",
                "tty",
            ),
            # What its other processes do at this moment.
            *("buddyinfo", "diskstats", "interrupts", "kpagecgroup", "kpagecount", "kpageflags", "locks"),
            *("pagetypeinfo", "partitions", "pressure", "schedstat", "slabinfo", "softirqs", "swaps", "vmallocinfo"),
            "zoneinfo",
        )
    ),
    # Of /sys a program needs its own cgroup and nothing else.
    *(
        f"/sys/{name}"
        for name in ("block", "bus", "class", "dev", "devices", "firmware", "hypervisor", "kernel", "module", "power")
    ),
]
READONLY_PATHS = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]


@cache
def seccomp_profile() -> str:
    """The profile as the engine takes it: JSON, without what only people read."""
    return json.dumps(json.loads(PROFILE_FILE.read_text(), object_hook=_without_comments), separators=(",", ":"))


def _without_comments(value: dict[str, object]) -> dict[str, object]:
    return {name: part for name, part in value.items() if name not in _FOR_READERS}
