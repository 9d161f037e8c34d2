"""Attacks on the kernel: calls no program in a sandbox has a use for, and privileges it might get back."""

from __future__ import annotations

from ccx.wire import Verdict
from tests.hostile.attack import Attack, c

# Each of these must fail. Every one is a case, and so a process, of its own.
REFUSED = {
    "unshare: user namespace": "unshare(CLONE_NEWUSER)",
    "unshare: mounts": "unshare(CLONE_NEWNS)",
    "unshare: network": "unshare(CLONE_NEWNET)",
    "clone: user namespace": "syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0)",
    "clone3": "syscall(SYS_clone3, (unsigned long[11]){CLONE_NEWUSER}, 88)",
    "setns": 'setns(open("/proc/1/ns/mnt", O_RDONLY), 0)',
    "mount": 'mount("none", "/box/tmp", "tmpfs", 0, "")',
    "mount: once more with other rights": 'mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND, NULL)',
    "umount": 'umount2("/proc", MNT_DETACH)',
    "open_tree": 'syscall(SYS_open_tree, AT_FDCWD, "/", 1)',
    "fsopen": 'syscall(SYS_fsopen, "proc", 0)',
    "pivot_root": 'syscall(SYS_pivot_root, "/box", "/box")',
    "chroot": 'chroot("/box/work")',
    "bpf": "syscall(SYS_bpf, 5, (char[128]){0}, 128)",
    "perf_event_open": "syscall(SYS_perf_event_open, (int[32]){1, 128}, 0, -1, -1, 0)",
    "keyctl": "syscall(SYS_keyctl, 0, -3, 1, 0, 0)",
    "add_key": 'syscall(SYS_add_key, "user", "x", "y", 1, -3)',
    "request_key": 'syscall(SYS_request_key, "user", "x", 0, -3)',
    "io_uring": "syscall(SYS_io_uring_setup, 1, (char[256]){0})",
    "userfaultfd": "syscall(SYS_userfaultfd, 1)",
    "personality": "syscall(SYS_personality, 0x0040000)",
    "ptrace": "ptrace(PTRACE_TRACEME, 0, 0, 0)",
    "process_vm_readv": "syscall(SYS_process_vm_readv, getpid(), 0, 0, 0, 0, 0)",
    "process_vm_writev": "syscall(SYS_process_vm_writev, 1, 0, 0, 0, 0, 0)",
    "pidfd_getfd": "syscall(SYS_pidfd_getfd, syscall(SYS_pidfd_open, getpid(), 0), 1, 0)",
    "kcmp": "syscall(SYS_kcmp, getpid(), getpid(), 0, 1, 1)",
    "kexec_load": "syscall(SYS_kexec_load, 0, 0, 0, 0)",
    "init_module": 'syscall(SYS_init_module, 0, 0, "")',
    "reboot": "syscall(SYS_reboot, 0xfee1dead, 672274793, 0, 0)",
    "clock_settime": "clock_settime(CLOCK_REALTIME, &(struct timespec){0})",
    "adjtimex": "syscall(SYS_adjtimex, (char[256]){0})",
    "sethostname": 'sethostname("x", 1)',
    "swapon": 'syscall(SYS_swapon, "/box/work/main.c", 0)',
    "quotactl": 'syscall(SYS_quotactl, 0, "/dev/vda", 0, 0)',
    "syslog": "syscall(SYS_syslog, 3, (char[4096]){0}, 4096)",
    "name_to_handle_at": 'syscall(SYS_name_to_handle_at, AT_FDCWD, "/", (int[40]){128}, (int[1]){0}, 0)',
    "open_by_handle_at": "syscall(SYS_open_by_handle_at, AT_FDCWD, (int[40]){8, 1}, O_RDONLY)",
    "fanotify": "syscall(SYS_fanotify_init, 0, O_RDONLY)",
    "memory of other NUMA nodes": "syscall(SYS_move_pages, 1, 0, 0, 0, 0, 0)",
    "vmsplice": "syscall(SYS_vmsplice, 1, 0, 0, 0)",
    "setxattr": 'syscall(SYS_setxattr, "main.c", "user.x", "y", 1, 0)',
    "acct": 'syscall(SYS_acct, "/box/work/main.c")',
    "become root": "setuid(0)",
    "become another": "setresuid(20001, 20001, 20001)",
    "groups of root": "syscall(SYS_setgroups, 1, (int[1]){0})",
    "capabilities": "syscall(SYS_capset, (int[2]){0x20080522, 0}, (int[6]){-1, -1, -1, -1, -1, -1})",
    "memory of the runner": 'write(open("/proc/1/mem", O_WRONLY), "1", 1)',
    "descriptors of the runner": 'open("/proc/1/fd/1", O_WRONLY)',
    "root of the runner": 'open("/proc/1/root", O_RDONLY)',
    "core pattern": 'write(open("/proc/sys/kernel/core_pattern", O_WRONLY), "|/box/work/a.out", 16)',
    "overcommit": 'write(open("/proc/sys/vm/overcommit_memory", O_WRONLY), "1", 1)',
    "magic keys": 'write(open("/proc/sysrq-trigger", O_WRONLY), "b", 1)',
    "out of the cgroup": 'write(open("/sys/fs/cgroup/memory/cgroup.procs", O_WRONLY), "0", 1)',
    "out of the cgroup, version 2": 'write(open("/sys/fs/cgroup/cgroup.procs", O_WRONLY), "0", 1)',
    "memory limit": 'write(open("/sys/fs/cgroup/memory/memory.limit_in_bytes", O_WRONLY), "-1", 2)',
    "release agent": 'write(open("/sys/fs/cgroup/memory/release_agent", O_WRONLY), "/box/work/a.out", 15)',
    "physical memory": 'write(open("/dev/mem", O_WRONLY), "1", 1)',
    "kernel log": 'write(open("/dev/kmsg", O_WRONLY), "1", 1)',
    "kernel memory": 'read(open("/proc/kcore", O_RDONLY), (char[16]){0}, 16) > 0 ? 0 : -1',
    "disk of the host": 'open("/dev/vda", O_RDONLY)',
    "FUSE": 'open("/dev/fuse", O_RDWR)',
    "virtual machines": 'open("/dev/kvm", O_RDWR)',
    "a terminal of the host": 'open("/dev/tty", O_RDWR)',
}


def all_refused(name: str, calls: dict[str, str]) -> Attack:
    """One program that makes the call its argument names."""
    switch = "\n".join(f'case {number}: attempt("it", {call}); break;' for number, call in enumerate(calls.values()))
    program = "int main(int n, char **a) {\nbegin();\nswitch (atoi(a[n - 1])) {\n" + switch + "\n}\n}"
    cases = [{"name": what, "args": [str(number)]} for number, what in enumerate(calls)]
    return c(name, program, stdout="begun\nit: refused\n", fields={"cases": cases})


KERNEL = [
    all_refused("calls that must be refused", REFUSED),
    c(
        "setuid program of its own",
        """
        int main(int n, char **a) {
            if (n > 1) { printf("%s\\n", geteuid() == getuid() ? "no more than before" : "DONE"); return 0; }
            begin();
            chmod(a[0], 06755);
            execl(a[0], a[0], "again", NULL);
        }
        """,
        stdout="begun\nno more than before\n",
    ),
    c(
        "setuid programs of the image",
        'int main(void) { begin(); return system("find / -xdev -perm /6000 2>/dev/null | grep . && echo DONE") == 0; }',
    ),
    c(
        "32-bit system calls",
        'int main(void) { begin(); int r; __asm__ volatile("int $0x80" : "=a"(r) : "a"(20)); attempt("getpid", r); }',
        Verdict.RUNTIME_ERROR,
        signal="SIGSYS",
    ),
    c(
        "x32 system calls",
        'int main(void) { begin(); attempt("getpid", syscall(0x40000000 + SYS_getpid)); }',
        Verdict.RUNTIME_ERROR,
        signal="SIGSYS",
    ),
]
