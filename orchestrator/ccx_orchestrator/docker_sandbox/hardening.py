"""How a sandbox is locked up: the one list of what it may not do. Pure: a spec in, the engine's words out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ccx_orchestrator.docker_sandbox.confinement import MASKED_PATHS, READONLY_PATHS, seccomp_profile

LABEL = "ccx"
OWNER_LABEL = "ccx.owner"
PROCESS_LABEL = "ccx.process"
SUBMISSION_LABEL = "ccx.submission"

# The runner switches to the submission's uid and gid, and kills what is left of it. Nothing else, and the submission
# has none of it.
RUNNER_CAPABILITIES = ["SETUID", "SETGID", "KILL"]
RUNNER_PROCESSES = 1
BOX_INODES = 16_384
SHM_INODES = 1_024


@dataclass(frozen=True, slots=True)
class Owner:
    """The node a sandbox belongs to, and the very process: `host:pid:start time`."""

    node: str
    process: str


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


def container_config(spec: SandboxSpec, identity: Identity, owner: Owner, runtime: str | None = None) -> dict[str, Any]:
    """The body of the engine's "create container" for a sandbox; `runtime` None is the engine's default one."""
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
        **resources(spec.memory_bytes, spec.processes),
    }


def _tmpfs(size: int, inodes: int, execution: str) -> str:
    return f"rw,{execution},nosuid,nodev,mode=1777,size={size},nr_inodes={inodes}"
