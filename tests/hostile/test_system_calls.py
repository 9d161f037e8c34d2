"""The profile of system calls: what it says, and that the kernel does as it says."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from ccx.wire import Verdict
from ccx_orchestrator.docker_host.sandboxes.kernel_surface import PROFILE_FILE, seccomp_profile
from tests.support.node import NodeProcess, Runs, SandboxWatch, engine_client, submission

PROFILE: dict[str, Any] = json.loads(PROFILE_FILE.read_text())
ALLOWED = {name for group in PROFILE["syscalls"] if group["action"] == "SCMP_ACT_ALLOW" for name in group["names"]}
CONDITIONAL = {name for group in PROFILE["syscalls"] if "args" in group for name in group["names"]}

# Where a kernel has had the most holes, or what reaches beyond the sandbox. No group may ever let one of these through.
NEVER = """
acct add_key bpf chroot clock_settime clone3 create_module delete_module fanotify_init finit_module fsconfig
fsmount fsopen fspick init_module io_uring_enter io_uring_register io_uring_setup ioperm iopl kcmp
kexec_file_load kexec_load keyctl lookup_dcookie mbind modify_ldt mount mount_setattr move_mount move_pages
name_to_handle_at nfsservctl open_by_handle_at open_tree perf_event_open pidfd_getfd pivot_root process_vm_readv
process_vm_writev quotactl quotactl_fd reboot request_key setdomainname sethostname setns settimeofday stime
swapoff swapon sysfs syslog umount umount2 unshare uselib userfaultfd ustat vm86 vm86old vmsplice
"""

# Asks the sandbox's own compiler for every call there is, and makes each that is not in its input, with arguments that
# the kernel itself would mostly complain of in another way.
TRY_ALL = r"""
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/wait.h>

static char allowed[1000][64];

static int is_allowed(const char *name) {
    for (int i = 0; allowed[i][0]; i++) if (strcmp(name, allowed[i]) == 0) return 1;
    return 0;
}

int main(void) {
    char name[64];
    int number;
    for (int i = 0; scanf("%63s", allowed[i]) == 1; i++);
    FILE *list = popen("echo '#include <sys/syscall.h>' | gcc -E -dM - |"
                       "sed -n 's/^#define __NR_\\([a-z0-9_]*\\) \\([0-9]*\\)$/\\1 \\2/p'", "r");
    while (fscanf(list, "%63s %d", name, &number) == 2) {
        if (is_allowed(name)) continue;
        fflush(stdout);
        if (fork() == 0) {
            long result = syscall(number, -1, -1, -1, -1, -1, -1);
            printf("%s %ld %d\n", name, result, errno);
            fflush(stdout);
            _exit(0);
        }
        wait(NULL);
    }
}
"""

ON_CONDITION = r"""
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define TRY(call) printf("%s: %s\n", #call, (call) < 0 ? "refused" : "done")
int main(void) {
    pid_t child = fork();
    if (child == 0) { pause(); _exit(0); }
    TRY(socket(AF_UNIX, SOCK_SEQPACKET, 0));
    TRY(socket(AF_INET, SOCK_STREAM, 0));
    TRY(socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 17));
    TRY(socket(AF_INET, SOCK_STREAM, 132));
    TRY(socket(AF_INET, SOCK_DGRAM, 1));
    TRY(socket(AF_INET, SOCK_RAW, 1));
    TRY(socket(AF_NETLINK, SOCK_RAW, 0));
    TRY(socketpair(AF_UNIX, SOCK_STREAM, 0, (int[2]){0}));
    TRY(socketpair(AF_TIPC, SOCK_STREAM, 0, (int[2]){0}));
    TRY(mkfifo("pipe", 0600));
    TRY(mknod("file", S_IFREG | 0600, 0));
    TRY(mknod("device", S_IFCHR | 0600, 0x103));
    TRY(personality(0xffffffff));
    TRY(personality(PER_LINUX));
    TRY(personality(ADDR_NO_RANDOMIZE));
    TRY(personality(PER_LINUX32));
    TRY(ptrace(PTRACE_ATTACH, child, 0, 0));
    waitpid(child, NULL, __WALL);
    TRY(ptrace(PTRACE_POKEDATA, child, &child, 0));
    TRY(ptrace(PTRACE_SETOPTIONS, child, 0, 0));
    TRY(ptrace(PTRACE_SYSCALL, child, 0, 0));
    TRY(ptrace(PTRACE_DETACH, child, 0, 0));
    TRY(ptrace(PTRACE_SEIZE, child, 0, 0));
    kill(child, SIGKILL);
}
"""
REFUSED_ON_CONDITION = [
    "socket(AF_INET, SOCK_STREAM, 132)",
    "socket(AF_INET, SOCK_DGRAM, 1)",
    "socket(AF_INET, SOCK_RAW, 1)",
    "socket(AF_NETLINK, SOCK_RAW, 0)",
    "socketpair(AF_TIPC, SOCK_STREAM, 0, (int[2]){0})",
    'mknod("file", S_IFREG | 0600, 0)',
    'mknod("device", S_IFCHR | 0600, 0x103)',
    "personality(ADDR_NO_RANDOMIZE)",
    "personality(PER_LINUX32)",
    "ptrace(PTRACE_POKEDATA, child, &child, 0)",
    "ptrace(PTRACE_SETOPTIONS, child, 0, 0)",
    "ptrace(PTRACE_SYSCALL, child, 0, 0)",
    "ptrace(PTRACE_SEIZE, child, 0, 0)",
]


def test_every_group_says_why() -> None:
    assert all(len(group["comment"]) > 20 for group in PROFILE["syscalls"])
    assert isinstance(PROFILE["version"], int)


def test_what_is_not_listed_is_refused() -> None:
    assert PROFILE["defaultAction"] == "SCMP_ACT_ERRNO"
    assert {group["action"] for group in PROFILE["syscalls"]} == {"SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO"}
    assert all(architecture["subArchitectures"] == [] for architecture in PROFILE["archMap"])


@pytest.mark.parametrize("name", NEVER.split())
def test_no_group_allows_what_must_never_be(name: str) -> None:
    assert name not in ALLOWED


def test_no_call_is_listed_twice_but_for_its_conditions() -> None:
    unconditional = [name for group in PROFILE["syscalls"] if "args" not in group for name in group["names"]]
    assert len(unconditional) == len(set(unconditional))
    assert not set(unconditional) & CONDITIONAL


def test_the_engine_is_sent_the_profile_without_what_only_people_read() -> None:
    sent = json.loads(seccomp_profile())
    assert {group["action"] for group in sent["syscalls"]} == {"SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO"}
    assert not re.search("comment|about|version", seccomp_profile())


@pytest.mark.docker
async def test_every_call_that_is_not_allowed_is_refused_by_the_kernel(run: Runs) -> None:
    result = await run("c", TRY_ALL, stdin="\n".join(ALLOWED))

    assert result.verdict is Verdict.OK, result
    tried = {tuple(line.split()) for line in result.cases[0].stdout.splitlines()}
    assert len(tried) > 80
    assert {outcome for outcome in tried if outcome[1:] not in {("-1", "1"), ("-1", "38")}} == set()
    assert {"io_uring_setup", "bpf", "keyctl", "unshare", "mount", "userfaultfd"} <= {outcome[0] for outcome in tried}


@pytest.mark.docker
async def test_what_is_allowed_on_conditions_is_refused_on_others(run: Runs) -> None:
    result = await run("c", ON_CONDITION)

    assert result.verdict is Verdict.OK
    refused = [
        line.removesuffix(": refused") for line in result.cases[0].stdout.splitlines() if line.endswith(": refused")
    ]
    assert refused == REFUSED_ON_CONDITION


@pytest.mark.docker
@pytest.mark.parametrize("sanitizer", ["address", "undefined", "thread"])
async def test_sanitizers_work_and_so_does_the_check_for_leaks(sanitizer: str, run: Runs) -> None:
    program = """
    #include <stdio.h>
    #include <stdlib.h>
    int main(void) { volatile char *lost = malloc(12345); lost[0] = 1; lost = NULL; puts("ran"); fflush(stdout); }
    """
    result = await run("c", program, compile_args=["-fsanitize=" + sanitizer, "-O0"])

    assert result.cases[0].stdout == "ran\n"
    if sanitizer == "address":
        assert "12345 byte(s) leaked" in result.cases[0].stderr
    else:
        assert result.verdict is Verdict.OK


@pytest.mark.docker
async def test_the_engine_has_the_profile_and_the_masks(node: NodeProcess) -> None:
    request = submission("python", "import time\ntime.sleep(60)\n", limits={"wall_seconds": 100})
    async with node.client() as client:
        with SandboxWatch(node.name) as watch, engine_client() as engine:
            accepted = await client.submit(request, wait=False)
            started = await watch.wait_for("start")
            host = engine.api.inspect_container(started.container)["HostConfig"]
            await client.cancel(accepted.id)
    assert f"seccomp={seccomp_profile()}" in host["SecurityOpt"]
    assert {"/proc/kcore", "/proc/keys", "/sys/firmware", "/sys/devices"} <= set(host["MaskedPaths"])
    assert {"/proc/sys", "/proc/sysrq-trigger"} <= set(host["ReadonlyPaths"])
