"""Separate Docker hosts on one machine: each has a network namespace, an engine with a data root of its own, and only
the images it is given.

Needs root. An engine is never started in this process's own network namespace: it would take the bridge of the engine
that is there. Everything a host made is gone at the end of its context, also after a failure.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from uuid import uuid4

import docker
from docker.errors import DockerException

from tests.support.cgroups import containers_in, remove_cgroups
from tests.support.node import NodeProcess

ENGINE_SECONDS = 60.0
STOP_SECONDS = 20.0
PORT = 8700
SEEN_AT = "/mnt"  # every machine has this folder, and nothing of ccx is in it


class Host:
    """A Docker host at `address`, reached over a link that can be cut."""

    def __init__(self, name: str, folder: Path, number: int, *, has_networks: bool = False) -> None:
        self.name = name
        self._has_networks = has_networks
        self.folder = folder
        self.engine = f"unix://{folder}/docker.sock"
        self.address = f"10.213.{number}.2"
        self.gateway = f"10.213.{number}.1"  # this machine, as the host sees it
        self._near = f"ccx{folder.name[-8:]}a"
        self._far = f"ccx{folder.name[-8:]}b"
        self.link_name = f"ccx{folder.name[-8:]}c"
        self._dockerd: subprocess.Popen[bytes] | None = None
        self._orphans: set[str] = set()

    def inside(self, *command: str) -> list[str]:
        """That command in the host's network namespace; the rest of the machine is shared."""
        return ["nsenter", f"--net=/run/netns/{self.name}", *command]

    @contextmanager
    def network(self) -> Iterator[None]:
        """The namespace and the link into it."""
        _run("ip", "netns", "add", self.name)
        try:
            _run("ip", "link", "add", self._near, "type", "veth", "peer", "name", self._far, "netns", self.name)
            _run("ip", "address", "add", f"{self.gateway}/30", "dev", self._near)
            _run("ip", "link", "set", self._near, "up")
            _run(*self.inside("ip", "address", "add", f"{self.address}/30", "dev", self._far))
            _run(*self.inside("ip", "link", "set", self._far, "up"))
            _run(*self.inside("ip", "link", "set", "lo", "up"))
            yield
        finally:
            subprocess.run(["ip", "link", "delete", self._near], check=False, capture_output=True)
            _run("ip", "netns", "delete", self.name)

    def _alone(self) -> list[str]:
        """What begins a command that has a machine's name of its own and finds the host's folder at `SEEN_AT`."""
        begin = f'hostname "$0" && mount --bind "$1" {SEEN_AT} && shift && exec "$@"'
        return ["unshare", "--mount", "--uts", "sh", "-c", begin, self.name, str(self.folder)]

    def cut(self) -> None:
        """Nothing gets through any more, and nobody is told."""
        _run("ip", "link", "set", self._near, "down")

    def mend(self) -> None:
        """The link is there again."""
        _run("ip", "link", "set", self._near, "up")

    def start_engine(self) -> None:
        """Start the engine, for the first time or again."""
        (self.folder / "docker.pid").unlink(missing_ok=True)
        with (self.folder / "log").open("ab") as log:
            self._dockerd = subprocess.Popen(
                self.inside(
                    *(self._alone() if self._has_networks else ()),
                    "dockerd",
                    f"--data-root={self.folder}/data",
                    f"--exec-root={self.folder}/exec",
                    f"--pidfile={self.folder}/docker.pid",
                    f"--host={self.engine}",
                    *(() if self._has_networks else ("--bridge=none", "--iptables=false")),
                ),
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        deadline = time.monotonic() + ENGINE_SECONDS
        while not self.has_engine():
            if self._dockerd.poll() is not None or time.monotonic() > deadline:
                raise TimeoutError(f"no engine: {(self.folder / 'log').read_text()[-2000:]}")
            time.sleep(0.05)

    def has_engine(self) -> bool:
        """Whether the engine answers."""
        with socket.socket(socket.AF_UNIX) as asking:
            asking.settimeout(5)
            try:
                asking.connect(self.engine.removeprefix("unix://"))
                asking.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
                return b"200 OK" in asking.recv(100)
            except OSError:
                return False

    def kill_engine(self) -> None:
        """End the engine and all it looks after at once, as a power cut of the engine would."""
        if self._dockerd is None:
            return
        self._orphans |= containers_in(self.folder / "data")
        for pid in self._engine_processes():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._dockerd.wait(STOP_SECONDS)

    def stop_engine(self) -> None:
        """Remove every container and end the engine in good order."""
        if self._dockerd is None:
            return
        if self.has_engine():
            client = docker.DockerClient(self.engine, timeout=30)
            for container in client.containers.list(all=True, ignore_removed=True):
                with suppress(DockerException):
                    container.remove(force=True)
            client.close()
        self._dockerd.terminate()
        try:
            self._dockerd.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill_engine()
        for pid in self._engine_processes():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        remove_cgroups(self._orphans)

    def _engine_processes(self) -> list[int]:
        """The engine, its containerd and its shims: all have the host's folder in their command line."""
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) == os.getpid():
                continue
            with suppress(OSError):
                words = (entry / "cmdline").read_bytes().split(b"\0")
                program = Path(words[0].decode(errors="replace")).name
                named = str(self.folder).encode()
                if program.startswith(("dockerd", "containerd")) and any(named in word for word in words):
                    found.append(int(entry.name))
        return found

    def load(self, images: Iterable[Path]) -> None:
        """Give it images, as files that `docker save` made."""
        client = docker.DockerClient(self.engine, timeout=300)
        try:
            for image in images:
                with image.open("rb") as file:
                    client.images.load(file)
        finally:
            client.close()

    def images(self) -> set[str]:
        """The names of the images it has."""
        client = docker.DockerClient(self.engine)
        try:
            return {tag for image in client.images.list() for tag in image.tags}
        finally:
            client.close()

    def node(self, name: str, folder: Path, *arguments: str, quiet: str = "", **environment: str) -> NodeProcess:
        """`ccx serve` on this host."""
        return NodeProcess(
            name,
            folder,
            "--host",
            "0.0.0.0",
            "--insecure",  # the link is a network namespace of the test
            *arguments,
            prefix=self.inside(),
            quiet=quiet,
            # Without sandboxes ahead of need, whatever is there belongs to a submission.
            **{"DOCKER_HOST": self.engine, "CCX_PORT": str(PORT), "CCX_POOL": "false"} | environment,
        )

    @property
    def url(self) -> str:
        """Where a node on it is reached from this machine."""
        return f"http://{self.address}:{PORT}"


def _run(*command: str) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise OSError(f"{' '.join(command)}: {done.stderr.strip()}")


def _free_number() -> int:
    taken = subprocess.run(["ip", "-o", "address"], check=True, capture_output=True, text=True).stdout
    free = [number for number in range(1, 255) if f"10.213.{number}." not in taken]
    return random.choice(free)  # somebody else may be choosing at the same time


@contextmanager
def linked(one: Host, other: Host, number: int = 0) -> Iterator[tuple[str, str]]:
    """A direct way between two hosts; the address of each on it. `number`: of this link among those of one host."""
    names = (f"{one.link_name}{number}", f"{other.link_name}{number}")
    addresses = (f"10.214.{number}.1", f"10.214.{number}.2")  # seen by these two alone
    ends = ["name", names[0], "netns", one.name, "type", "veth", "peer", "name", names[1], "netns", other.name]
    _run("ip", "link", "add", *ends)
    try:
        for host, name, address in zip((one, other), names, addresses, strict=True):
            _run(*host.inside("ip", "address", "add", f"{address}/30", "dev", name))
            _run(*host.inside("ip", "link", "set", name, "up"))
        yield addresses
    finally:
        subprocess.run(one.inside("ip", "link", "delete", names[0]), check=False, capture_output=True)


@contextmanager
def saved_images(names: Iterable[str]) -> Iterator[dict[str, Path]]:
    """Images called `ccx-…` as files, from the engine of this machine: of languages, or of a node."""
    client = docker.from_env(timeout=300)
    with tempfile.TemporaryDirectory(prefix="ccx-images-") as folder:
        try:
            files = {}
            for name in names:
                files[name] = Path(folder) / f"{name}.tar"
                with files[name].open("wb") as file:
                    for piece in client.images.get(f"ccx-{name}").save(named=True):
                        file.write(piece)
            yield files
        finally:
            client.close()


@contextmanager
def docker_host(images: Iterable[Path], *, has_networks: bool = False) -> Iterator[Host]:
    """A host with these images and no others. Sandboxes need no networks of the engine; what else runs there may. A
    host with networks has a machine's name as well, its own, and its folder at `SEEN_AT`.
    """
    folder = Path(tempfile.mkdtemp(prefix="ccxh", dir="/tmp"))
    name = f"ccx-{uuid4().hex[:8]}"
    with ExitStack() as undo:
        undo.callback(_remove, folder)
        host = Host(name, folder, _free_number(), has_networks=has_networks)
        undo.enter_context(host.network())
        undo.callback(host.stop_engine)
        host.start_engine()
        host.load(images)
        yield host


def _remove(folder: Path) -> None:
    """Remove an engine's files; what it left mounted below them first."""
    mounts = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    for mount in sorted((mount for mount in mounts if mount.startswith(f"{folder}/")), reverse=True):
        subprocess.run(["umount", "--lazy", mount], check=False, capture_output=True)
    shutil.rmtree(folder, ignore_errors=True)
