"""A Debian 13 in an emulated machine, whose Docker engines are reached from here: control groups of version 2 kept by
systemd, and AppArmor, whatever this machine has. `scripts/setup-vm.sh` makes its disk.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.support.node import free_port
from tests.support.own_engine import CACHE

FILES = CACHE / "vm"
# Half a minute where the machine has nothing else to do.
START_SECONDS = 300.0
# Now and then its kernel falls as it starts: one emulated processor may still see the breakpoint by which the kernel
# changed its own code when, to the other, that is over.
STARTS = 3
STOP_SECONDS = 20.0
PAUSE_SECONDS = 1.0
MEMORY_MEBIBYTES = 4096
IMAGES = "/dev/vdb"
ROOTS = "/run/docker.sock"
USERS = "/run/user/1000/docker.sock"


class Ended(Exception):
    """What should have come did not, because a process that it needs has ended."""


@dataclass(frozen=True)
class EmulatedEngine:
    """One of the machine's engines, at an address here."""

    address: str


class EmulatedHost:
    """The machine. What is written to its disk is forgotten when it ends."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self, *images: str) -> None:
        """Start it, with these images of the engine that everybody uses at hand, and wait until it is up."""
        # As a disk: through ssh, which an emulated processor has to encrypt for, they take three times as long.
        tar = self._folder / "images.tar"
        subprocess.run(["docker", "save", "--output", tar, *images], check=True)
        for starts_left in reversed(range(STARTS)):
            self._switch_on(tar)
            try:
                self._wait_for(lambda: self._answers(ROOTS), "an engine in it")
            except Ended:
                if not starts_left:
                    raise
                self._processes.clear()
            else:
                break

    def _switch_on(self, tar: Path) -> None:
        self._run(
            *("qemu-system-x86_64", "-machine", "q35", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2"),
            *("-m", str(MEMORY_MEBIBYTES), "-nographic", "-no-reboot", "-snapshot"),
            *("-kernel", str(FILES / "kernel"), "-initrd", str(FILES / "initrd")),
            # A kernel that has fallen starts anew (panic=-1), which here is an end (-no-reboot).
            *("-append", "root=/dev/vda rw console=ttyS0 quiet mitigations=off panic=-1"),
            *("-drive", f"file={FILES}/disk.img,format=raw,if=virtio,cache=unsafe"),
            *("-drive", f"file={tar},format=raw,if=virtio,readonly=on"),
            # It reaches nothing: only its port for ssh is here.
            *("-netdev", f"user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:{self._port}-:22"),
            *("-device", "virtio-net-pci,netdev=net", "-device", "virtio-rng-pci"),
            log="machine",
        )

    def engine(self, there: str) -> EmulatedEngine:
        """The engine of that socket in the machine, with the images; it answers here."""
        self._wait_for(lambda: self._answers(there), f"an engine at {there}")
        subprocess.run(self._docker(there, "load", "--quiet", "--input", IMAGES), check=True, capture_output=True)
        here = self._folder / there.replace("/", "-")
        self._run(*self._ssh("-N", "-L", f"{here}:{there}"), log=here.name)
        self._wait_for(here.exists, f"the socket of {there} here")
        return EmulatedEngine(f"unix://{here}")

    def end(self) -> None:
        """Switch it off."""
        for process in reversed(self._processes):
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(STOP_SECONDS)
            process.kill()
            process.wait()

    def _run(self, *command: str, log: str) -> None:
        with (self._folder / f"{log}.log").open("wb") as output:
            self._processes.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output))

    def _ssh(self, *more: str) -> tuple[str, ...]:
        options = ("StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "ConnectTimeout=10", "LogLevel=ERROR")
        flags = (word for option in options for word in ("-o", option))
        return ("ssh", *flags, "-i", str(FILES / "key"), "-p", str(self._port), "root@127.0.0.1", *more)

    def _docker(self, socket: str, *words: str) -> tuple[str, ...]:
        return self._ssh("docker", "--host", f"unix://{socket}", *words)

    def _answers(self, socket: str) -> bool:
        command = self._docker(socket, "version")
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode == 0

    def _wait_for(self, is_there: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not is_there():
            ended = [process.args for process in self._processes if process.poll() is not None]
            if ended or time.monotonic() > deadline:
                said = "\n".join(log.read_text(errors="replace")[-2000:] for log in self._folder.glob("*.log"))
                raise (Ended if ended else TimeoutError)(f"there is not {what}; ended: {ended}\n{said}")
            time.sleep(PAUSE_SECONDS)


@contextmanager
def emulated_host(*images: str) -> Iterator[EmulatedHost]:
    """The machine, up, with these images at hand."""
    with tempfile.TemporaryDirectory(prefix="ccx-vm-") as folder:
        host = EmulatedHost(Path(folder))
        try:
            host.start(*images)
            yield host
        finally:
            host.end()
