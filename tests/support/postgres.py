"""A PostgreSQL server for tests: a container of an image that is built here, from Debian's package."""

from __future__ import annotations

import asyncio
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit
from uuid import uuid4

os.environ["TESTCONTAINERS_RYUK_DISABLED"] = "true"  # its image cannot be had everywhere; we clear away ourselves

import asyncpg  # type: ignore[import-untyped]
import docker
from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import LogMessageWaitStrategy

from ccx_orchestrator.docker_host.janitor import is_alive, this_process

IMAGE = "ccx-test-postgres"
LABEL = "ccx.test"
START_SECONDS = 60
PORT = 5432
PLAIN = "?sslmode=disable"  # what only asks for a database does not wait for TLS
DOCKERFILE = b"""
FROM debian:trixie-slim
RUN apt-get update \\
 && apt-get install --yes --no-install-recommends postgresql \\
 && rm -rf /var/lib/apt/lists/*
USER postgres
ENV PATH=/usr/lib/postgresql/17/bin:/usr/local/bin:/usr/bin:/bin PGDATA=/var/lib/postgresql/data
RUN initdb --auth=trust --encoding=UTF8 --locale=C.UTF-8 \\
 && echo "host all all all trust" >>"$PGDATA/pg_hba.conf"
STOPSIGNAL SIGINT
CMD ["postgres", "-c", "listen_addresses=*", "-c", "max_connections=100", "-c", "ssl=on", \\
     "-c", "ssl_cert_file=/etc/ssl/certs/ssl-cert-snakeoil.pem", \\
     "-c", "ssl_key_file=/etc/ssl/private/ssl-cert-snakeoil.key"]
"""


def prepare() -> None:
    """Build the image, which takes no time where the engine knows every step, and remove what killed tests left."""
    client = docker.from_env()
    try:
        client.images.build(
            fileobj=io.BytesIO(DOCKERFILE), tag=IMAGE, labels={LABEL: "postgres"}, rm=True, forcerm=True
        )
        for left in client.containers.list(all=True, ignore_removed=True, filters={"label": LABEL}):
            if not is_alive(left.labels[LABEL]):
                left.remove(force=True, v=True)
    finally:
        client.close()


@contextmanager
def postgres_server() -> Iterator[str]:
    """The URL of its database `postgres`. The container is gone at the end of the context."""
    prepare()
    ready = LogMessageWaitStrategy("database system is ready to accept connections").with_startup_timeout(START_SECONDS)
    container = (
        DockerContainer(IMAGE)
        .with_name(f"ccx-test-postgres-{uuid4().hex[:8]}")
        .with_kwargs(labels={LABEL: this_process()})
        .waiting_for(ready)
    )
    with container:
        wrapped = container.get_wrapped_container()
        wrapped.reload()
        networks = wrapped.attrs["NetworkSettings"]["Networks"]
        address = next(network["IPAddress"] for network in networks.values())
        yield f"postgresql://postgres@{address}:{PORT}/postgres{PLAIN}"


def certificate_of(server: str) -> str:
    """What a server with TLS shows, in PEM: it has signed it itself."""
    address = urlsplit(server)
    client = docker.from_env()
    try:
        for container in client.containers.list(filters={"label": LABEL, "ancestor": IMAGE}):
            container.reload()
            if address.hostname in {
                network["IPAddress"] for network in container.attrs["NetworkSettings"]["Networks"].values()
            }:
                found = container.exec_run(["cat", "/etc/ssl/certs/ssl-cert-snakeoil.pem"]).output
                return b"".join([found] if isinstance(found, bytes) else found).decode()
    finally:
        client.close()
    raise LookupError(server)


@contextmanager
def fresh_database(server: str) -> Iterator[str]:
    """The URL of a database that is there for the context only."""
    name = f"test_{uuid4().hex[:8]}"
    asyncio.run(_execute(server, f"CREATE DATABASE {name}"))
    try:
        yield server.rsplit("/", 1)[0] + f"/{name}{PLAIN}"
    finally:
        asyncio.run(_execute(server, f"DROP DATABASE {name} WITH (FORCE)"))


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
