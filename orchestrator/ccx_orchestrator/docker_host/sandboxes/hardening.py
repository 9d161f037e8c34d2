"""How a sandbox is locked up: the one list of what it may not do. Pure: a spec in, the engine's words out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ccx_orchestrator.docker_host.sandboxes.kernel_surface import MASKED_PATHS, READONLY_PATHS, seccomp_profile

LABEL = "ccx"
OWNER_LABEL = "ccx.owner"
PROCESS_LABEL = "ccx.process"
SUBMISSION_LABEL = "ccx.submission"

# The runner switches to the submission's uid and gid, and kills what is left of it. Nothing else, and the submission
# has none of it.
RUNNER_CAPABILITIES = ["SETUID", "SETGID", "KILL"]
RUNNER_PROCESSES = 1
# A runtime that is a kernel of its own has threads and processes on the host, which count as the sandbox's: so many for
# each of the program's, and some to begin with. That kernel holds the program to its limit; the host's fences both in.
KERNEL_PROCESSES = 256
KERNEL_PROCESSES_EACH = 16
LEAST_KERNEL_PROCESSES = 2  # the runner and the program itself
# Less memory than such a kernel was ever seen to hold itself, so that a program never gets more than its limit.
KERNEL_MEMORY_BYTES = 9 << 20
BOX_INODES = 16_384
SHM_INODES = 1_024


@dataclass(frozen=True, slots=True)
class Owner:
    """The node a sandbox belongs to, and the very process: `host:pid:start time`."""

    node: str
    process: str


@dataclass(frozen=True, slots=True)
class Runtime:
    """One of the engine's runtimes for one language, and what it was seen to do. `name` None is the engine's default.

    One that `is_fixed` cannot change the limits of what runs. It is taken to be a kernel of its own, which counts the
    program's processes itself. `starts_ahead`: a program can be started before its submission.
    """

    name: str | None = None
    is_fixed: bool = False
    starts_ahead: bool = True


USUAL = Runtime()


@dataclass(frozen=True, slots=True)
class SandboxSpec:
    """What one sandbox is made from. `files_bytes` is the room for files, part of its memory; `opening` is what its
    runner is sent before there is a submission.
    """

    language: str
    image: str
    memory_bytes: int
    processes: int
    files_bytes: int
    opening: bytes = b""
    runtime: Runtime = USUAL


@dataclass(frozen=True, slots=True)
class Identity:
    """What no two sandboxes share: the uid of what runs in it, and the submission it was made for ("": none yet)."""

    uid: int
    submission: str


def resources(memory_bytes: int, processes: int) -> dict[str, int]:
    """Memory and process limits as the engine takes them. Swap is none: memory and swap together are the memory limit.

    The runner's own few hundred kilobytes count as the submission's, so the limit is never looser than asked.
    """
    return {"Memory": memory_bytes, "MemorySwap": memory_bytes, "PidsLimit": processes + RUNNER_PROCESSES}


def _fixed_resources(memory_bytes: int, processes: int) -> dict[str, Any]:
    """The same for a runtime with a kernel of its own. That counts the runner and the program itself for root, and what
    the program starts, threads too, for the submission's uid: one less than its limit.
    """
    own_most = max(processes - 1, LEAST_KERNEL_PROCESSES)
    fence = KERNEL_PROCESSES + KERNEL_PROCESSES_EACH * processes
    return {
        **resources(memory_bytes + KERNEL_MEMORY_BYTES, fence),
        "Ulimits": [{"Name": "nproc", "Soft": own_most, "Hard": own_most}],
    }


def container_config(spec: SandboxSpec, identity: Identity, owner: Owner) -> dict[str, Any]:
    """The body of the engine's "create container" for a sandbox."""
    runtime = spec.runtime.name
    return {
        "Image": spec.image,
        "Cmd": [str(identity.uid)],
        "User": "0:0",  # without a capability beyond RUNNER_CAPABILITIES; the submission runs as that uid
        "WorkingDir": "/",
        "Hostname": "sandbox",
        "OpenStdin": True,
        "StdinOnce": True,
        "AttachStdin": True,
        "AttachStdout": True,
        "AttachStderr": True,
        # A network namespace of its own, made by the runtime: its own loopback, which is up, and nothing else. Without
        # this, NetworkMode "none" means the same made by the engine, which starts itself once more for it: twice the
        # time.
        "NetworkDisabled": True,
        "Env": [],
        "Labels": {
            LABEL: "sandbox",
            OWNER_LABEL: owner.node,
            PROCESS_LABEL: owner.process,
            **({SUBMISSION_LABEL: identity.submission} if identity.submission else {}),
        },
        "HostConfig": _host_config(spec) | ({"Runtime": runtime} if runtime else {}),
    }


def _host_config(spec: SandboxSpec) -> dict[str, Any]:
    return {
        "NetworkMode": "none",
        "ReadonlyRootfs": True,
        "Tmpfs": {
            "/box": _tmpfs(spec.files_bytes, BOX_INODES, "exec"),
            "/dev/shm": _tmpfs(spec.files_bytes // 2, SHM_INODES, "noexec"),  # noqa: S108  (inside the sandbox)
        },
        "CapDrop": ["ALL"],
        "CapAdd": RUNNER_CAPABILITIES,
        "SecurityOpt": ["no-new-privileges", f"seccomp={seccomp_profile()}"],
        "MaskedPaths": MASKED_PATHS,
        "ReadonlyPaths": READONLY_PATHS,
        "Privileged": False,
        "IpcMode": "none",  # its /dev/shm is the tmpfs above, shared with nobody
        "LogConfig": {"Type": "none"},
        "RestartPolicy": {"Name": "no"},
        "OomScoreAdj": 500,  # where the host itself runs out of memory, sandboxes go first
        **(_fixed_resources if spec.runtime.is_fixed else resources)(spec.memory_bytes, spec.processes),
    }


def _tmpfs(size: int, inodes: int, execution: str) -> str:
    return f"rw,{execution},nosuid,nodev,mode=1777,size={size},nr_inodes={inodes}"
