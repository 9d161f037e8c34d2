"""A Swarm of two Docker hosts, and what is deployed on it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.cluster.hosts import SEEN_AT, Host, linked
from tests.support.node import ccx_environment

ROOT = Path(__file__).parents[2]
COMMAND_SECONDS = 120
STACK = "ccx"
SECRET = "ccx_join_token"
OF_MASTER = ("run", "--rm", "--env", "CCX_NAME=swarm-master", "--volume", f"{STACK}_state:/var/lib/ccx", "ccx-node")


def docker(host: Host, *arguments: str, stdin: str = "", **environment: str) -> str:
    """What a command of the Docker client prints, there."""
    done = subprocess.run(
        ["docker", *arguments],
        cwd=ROOT,
        env=ccx_environment(DOCKER_HOST=host.engine, **environment),
        check=False,
        capture_output=True,
        text=True,
        input=stdin,
        timeout=COMMAND_SECONDS,
    )
    assert done.returncode == 0, f"docker {' '.join(arguments)}: {done.stderr}"
    return done.stdout.strip()


def errors_of_master(host: Host) -> str:
    """What the master's container has written to standard error, by the command in swarm.yaml."""
    master = docker(host, "ps", "--quiet", "--filter", f"name={STACK}_master")
    environment = ccx_environment(DOCKER_HOST=host.engine)
    return subprocess.run(
        ["docker", "logs", master], env=environment, check=True, capture_output=True, text=True, timeout=COMMAND_SECONDS
    ).stderr


@contextmanager
def swarm_of(manager: Host, worker: Host) -> Iterator[None]:
    """Both are one Swarm for as long as the context lasts."""
    with linked(manager, worker) as (here, there):
        docker(manager, "swarm", "init", "--advertise-addr", here, "--listen-addr", here)
        try:
            token = docker(manager, "swarm", "join-token", "--quiet", "worker")
            docker(worker, "swarm", "join", "--token", token, "--advertise-addr", there, "--listen-addr", there, here)
            yield
        finally:
            for host in (worker, manager):
                subprocess.run(
                    ["docker", "--host", host.engine, "swarm", "leave", "--force"], check=False, capture_output=True
                )


def label(manager: Host, host: Host, name: str) -> None:
    """Label a machine of the Swarm, as its manager does."""
    docker(manager, "node", "update", "--label-add", f"{name}=true", host.name)


def take_label(manager: Host, host: Host, name: str) -> None:
    """The other way round."""
    docker(manager, "node", "update", "--label-rm", name, host.name)


@contextmanager
def deployed(manager: Host) -> Iterator[str]:
    """`swarm.yaml`, deployed on that Swarm by the commands in it; gone at the end. The join token."""
    docker(manager, *OF_MASTER, "cluster", "init")
    words = ("cluster", "join-command", "--reusable", "--expires", "3650d", "--token-only")
    token = docker(manager, *OF_MASTER, *words)
    docker(manager, "secret", "create", SECRET, "-", stdin=token)
    group = Path(manager.engine.removeprefix("unix://")).stat().st_gid
    settings = {"CCX_DOCKER_GROUP": str(group), "CCX_DOCKER_SOCKET": f"{SEEN_AT}/docker.sock"}
    settings["CCX_HOSTS"] = manager.address
    arguments = ["--compose-file", "swarm.yaml", "--resolve-image", "never", STACK]
    try:
        docker(manager, "stack", "deploy", *arguments, **settings)
        yield token
    except BaseException:
        for service in docker(manager, "service", "ls", "--quiet").split():
            sys.stderr.write(docker(manager, "service", "ps", "--no-trunc", service) + "\n")
            sys.stderr.write(docker(manager, "service", "logs", "--tail", "50", service) + "\n")
        raise
    finally:
        docker(manager, "stack", "rm", STACK)
        docker(manager, "secret", "rm", SECRET)
