"""A Docker engine for one test alone, which the test may stop, start again and take images from.

It lives in a network namespace of its own: an engine removes the bridges of another that shares its namespace.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import docker

from tests.support.node import engine_client

START_SECONDS = 60.0
PAUSE_SECONDS = 0.1


class OwnEngine:
    """`dockerd` below a folder. Needs root, as the engine does."""

    def __init__(self, name: str, folder: Path) -> None:
        self._namespace = f"ccx-{name}"[:60]
        self._folder = folder
        self._log = folder / "dockerd.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.address = f"unix://{folder}/docker.sock"

    def __enter__(self) -> Self:
        subprocess.run(["ip", "netns", "add", self._namespace], check=True)
        try:
            self.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            with suppress(docker.errors.DockerException), engine_client(self.address) as client:
                for container in client.containers.list(all=True, ignore_removed=True):
                    container.remove(force=True)
            self.stop()
        subprocess.run(["ip", "netns", "delete", self._namespace], check=True)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        root = self._folder
        command = ["dockerd", "--data-root", f"{root}/data", "--exec-root", f"{root}/exec", "--pidfile", f"{root}/pid"]
        network = ["--bridge=none", "--iptables=false", "--ip6tables=false"]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                ["nsenter", f"--net=/run/netns/{self._namespace}", *command, "-H", self.address, *network],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise TimeoutError(f"the engine does not answer:\n{self._log.read_text()[-2000:]}")
            time.sleep(PAUSE_SECONDS)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Stop it; its containers end with it."""
        assert self._process is not None
        os.kill(self._process.pid, number)
        self._process.wait(START_SECONDS)
        self._process = None

    def load(self, image: str) -> None:
        """Give it an image of the engine that tests use."""
        save = subprocess.Popen(["docker", "save", image], stdout=subprocess.PIPE)
        try:
            subprocess.run(["docker", "-H", self.address, "load", "--quiet"], stdin=save.stdout, check=True)
        finally:
            assert save.stdout is not None
            save.stdout.close()
            save.wait()

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe:  # the SDK forgets to close one that cannot connect
            if probe.connect_ex(self.address.removeprefix("unix://")):
                return False
        try:
            with engine_client(self.address) as client:
                return bool(client.ping())
        except docker.errors.DockerException:
            return False
