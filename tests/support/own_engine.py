"""A Docker engine of a test's own, for what would disturb others: it may be killed, filled up, set up in odd ways."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import IO

import psutil
import pytest

from tests.support.cgroups import containers_in, remove_cgroups
from tests.support.node import DEADLINE_SECONDS, Told, engine_client

START_SECONDS = 60.0
# An engine that remaps users looks up whose they are: it finds ours, and the host's stay as they are.
# A rootless one takes a user namespace, in which it may not touch what the host's own engine has in /run.
# crun refuses a host with both versions of cgroups: a marker has this engine see the first alone.
# An engine of another release has all its files below one folder, which is its root.
PREPARE = """
if [ -e "$0/tree" ]; then
    root=$(cat "$0/tree")
    mount --make-rprivate / && mount --bind "$root" "$root" || exit 1
    for place in dev proc sys; do mount --rbind "/$place" "$root/$place" || exit 1; done
    mount -t tmpfs tmpfs "$root/tmp" && mount -t tmpfs tmpfs "$root/run" || exit 1
    if mountpoint -q "$root/sys/fs/cgroup/unified"; then umount "$root/sys/fs/cgroup/unified" || exit 1; fi
    mkdir -p "$root$0" "$root/tmp/before" && mount --bind "$0" "$root$0" && cd "$root" || exit 1
    pivot_root . tmp/before && umount -l /tmp/before && exec dockerd "$@"
    exit 1
fi
if [ -e "$0/one-cgroup-version" ] && mountpoint -q /sys/fs/cgroup/unified; then
    mount --make-rprivate / && umount /sys/fs/cgroup/unified || exit 1
fi
if [ -e "$0/subids" ]; then
    mount --make-rprivate / && mount --bind "$0/subids" /etc/subuid && mount --bind "$0/subids" /etc/subgid || exit 1
fi
if [ -e "$0/rootless" ]; then
    chown -R daemon:daemon "$0"
    exec setpriv --reuid=daemon --regid=daemon --clear-groups \\
        env -i "PATH=$PATH" "HOME=$0" "XDG_RUNTIME_DIR=$0" \\
        rootlesskit --net=host --copy-up=/etc --copy-up=/run "--state-dir=$0/rootlesskit" \\
        sh -c 'rm -f /run/docker /run/containerd /run/xtables.lock && exec dockerd "$@"' "$0" "$@"
fi
exec dockerd "$@"
"""
ROOTLESS = "--rootless"
CRUN = "--add-runtime=crun=/usr/bin/crun"
REMAPPED = ("--userns-remap=daemon", "daemon:5000000:65536\n")
# The SDK leaves sockets that were cut off to the garbage collector.
SOCKETS_LEFT = (
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
)
# What `make` has made for tests, and keeps.
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ccx"
IS_POSSIBLE = os.geteuid() == 0 and None not in (shutil.which("dockerd"), shutil.which("unshare"))


class OwnEngine:
    """A second Docker engine below one folder, without any network."""

    def __init__(self, folder: Path, *options: str, data: Path | None = None) -> None:
        self.folder = folder
        self.address = f"unix://{folder}/docker.sock"
        self._data = data or folder / "data"
        self._options = [*options, f"--data-root={self._data}"]
        self._orphans: set[str] = set()
        self._processes: list[subprocess.Popen[str]] = []
        self._readers: list[Thread] = []

    def start(self) -> None:
        """Start it and wait until it listens."""
        said: Told[str] = Told()
        process = subprocess.Popen(
            [
                # An engine tidies up the network devices of the host it takes to be its own: this one sees none.
                *("unshare", "--net", "--mount", "--propagation=unchanged", "--"),
                *("sh", "-c", PREPARE, self.folder),
                f"--host={self.address}",
                f"--exec-root={self.folder}/exec",
                f"--pidfile={self.folder}/pid",
                "--bridge=none",
                "--iptables=false",
                "--ip6tables=false",
                "--ip-forward=false",
                *self._options,
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stderr is not None
        reader = Thread(target=_tell_lines, args=(process.stderr, said), daemon=True)
        reader.start()
        self._processes.append(process)
        self._readers.append(reader)
        said.wait_until(lambda lines: any("API listen on" in line for line in lines), START_SECONDS)

    def load(self, *images: str) -> None:
        """Have it know these images of the engine that everybody uses."""
        with engine_client() as here, engine_client(self.address) as there:
            for image in images:
                there.images.load(b"".join(here.api.get_image(image)))

    def kill(self) -> None:
        """As a crash: no goodbye to anybody."""
        self._orphans |= containers_in(self._data)
        self._processes[-1].kill()
        self._processes[-1].wait()

    def revive(self) -> None:
        """Start it again if it has died, as a host's service manager would."""
        if self._processes[-1].poll() is not None:
            self._orphans |= containers_in(self._data)
            self.start()

    def end(self) -> None:
        """Stop it and all that it has started, and give everything back."""
        if self._processes and self._processes[-1].poll() is None:
            self._processes[-1].terminate()
            with suppress(subprocess.TimeoutExpired):
                self._processes[-1].wait(START_SECONDS)
        for process in self._processes:
            process.kill()
            process.wait()
        for pid in self.processes():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        remove_cgroups(self._orphans)
        for reader, process in zip(self._readers, self._processes, strict=True):
            reader.join(DEADLINE_SECONDS)
            assert process.stderr is not None
            process.stderr.close()
        for mount in reversed(self._mounts()):
            subprocess.run(["umount", "--lazy", mount], check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def processes(self) -> list[int]:
        """dockerd, containerd and its shims: these outlive a killed engine, and all have its folder in their command
        line.
        """
        return [
            process.pid
            for process in psutil.process_iter(["cmdline"])
            if any(str(self.folder) in word for word in process.info["cmdline"] or [])
        ]

    def _mounts(self) -> list[str]:
        lines = Path("/proc/mounts").read_text().splitlines()
        return [place for line in lines if (place := line.split()[1]).startswith(f"{self.folder}/")]


def _tell_lines(stream: IO[str], told: Told[str]) -> None:
    for line in stream:
        told.tell(line)
    told.end()


@contextmanager
def own_engine(
    *options: str, images: tuple[str, ...] = (), disk_bytes: int = 0, tree: Path | None = None
) -> Iterator[OwnEngine]:
    """An engine that has these images. With `disk_bytes` its data is on a file system of that size; `tree` has all
    files of an engine of another release.
    """
    # Short: the paths of Unix sockets are.
    folder = Path(tempfile.mkdtemp(prefix="ccx-engine-"))
    folder.chmod(0o711)  # a remapped root is not root here
    if REMAPPED[0] in options or ROOTLESS in options:
        folder.joinpath("subids").write_text(REMAPPED[1])
    if ROOTLESS in options:
        folder.joinpath("rootless").touch()
    if tree is not None:
        folder.joinpath("tree").write_text(str(tree))
    elif CRUN in options:
        folder.joinpath("one-cgroup-version").touch()
    engine = OwnEngine(folder, *options, data=_small_disk(folder, disk_bytes) if disk_bytes else None)
    try:
        engine.start()
        engine.load(*images)
        yield engine
    finally:
        engine.end()
        gc.collect()  # now, where the warnings about sockets are expected


def _small_disk(folder: Path, size_bytes: int) -> Path:
    file, disk = folder / "disk.img", folder / "disk"
    with file.open("wb") as image:
        image.truncate(size_bytes)
    disk.mkdir()
    subprocess.run(["mkfs.ext4", "-q", "-m", "0", file], check=True)
    subprocess.run(["mount", "-o", "loop", file, disk], check=True)
    return disk
