"""The engine's HTTP API on the SDK's own connections, below the SDK's calls.

The SDK knows how to reach an engine (socket, TCP, TLS, ssh). Its calls cost 1.5 to 2 ms of processor time each, most
of it in `requests`; what is done for every sandbox goes through here for a fraction of that.
"""

from __future__ import annotations

import json
import socket
from typing import Any, cast
from urllib.parse import quote, urlencode

import docker
import requests
import urllib3
from docker.errors import APIError, DockerException, NotFound

HEADERS = {"Host": "docker", "Content-Type": "application/json"}
MAX_HEAD_BYTES = 65_536


class Transport:
    """Blocking calls to one engine; may be used by many threads. Raises the SDK's errors, urllib3's or OSError."""

    def __init__(self, client: docker.APIClient, seconds: float) -> None:
        adapter = cast(requests.adapters.HTTPAdapter, client.get_adapter(client.base_url))
        probe = requests.Request("GET", f"{client.base_url}/_ping").prepare()
        pool = adapter.get_connection_with_tls_context(probe, client.verify, cert=client.cert)
        self._connections = cast(urllib3.HTTPConnectionPool, pool)
        self._prefix = f"/v{client.api_version}"
        self._seconds = seconds

    def call(self, method: str, path: str, body: object = None, **query: object) -> Any:
        """One call; the document of the answer, None where there is none."""
        answer = self._connections.urlopen(
            method,
            self._url(path, query),
            body=None if body is None else json.dumps(body).encode(),
            headers=HEADERS,
            retries=False,
            timeout=urllib3.Timeout(self._seconds),
        )
        if answer.status >= requests.codes.bad_request:
            raise _error(answer.status, answer.data)
        return json.loads(answer.data) if answer.data else None

    def upgrade(self, path: str, **query: object) -> socket.socket:
        """The socket that a POST there becomes, on a connection of its own."""
        connection: Any = self._connections._new_conn()  # noqa: SLF001  (no other way to one that stays ours)
        connection.connect()
        raw: socket.socket = connection.sock
        try:
            raw.settimeout(self._seconds)
            head = "".join(f"{name}: {value}\r\n" for name, value in HEADERS.items())
            upgrade = "Connection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n"
            raw.sendall(f"POST {self._url(path, query)} HTTP/1.1\r\n{head}{upgrade}\r\n".encode())
            _read_upgrade(raw)
        except BaseException:
            raw.close()
            raise
        return raw

    def _url(self, path: str, query: dict[str, object]) -> str:
        return f"{self._prefix}{quote(path)}" + (f"?{urlencode(query)}" if query else "")


def _read_upgrade(raw: socket.socket) -> None:
    """Read the head of the answer and not a byte more: what follows belongs to the stream."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        seen = raw.recv(4096, socket.MSG_PEEK)
        if not seen or len(head) > MAX_HEAD_BYTES:
            raise DockerException("the engine closed the connection instead of attaching it")
        end = (head + seen).find(b"\r\n\r\n")
        head += raw.recv(len(seen) if end < 0 else end + 4 - len(head))
    status = int(head.split(None, 2)[1])
    if status not in {requests.codes.switching_protocols, requests.codes.ok}:
        raise _error(status, b"")


def _error(status: int, body: bytes) -> APIError:
    try:
        message = str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        message = body.decode(errors="replace") or f"the engine answered with status {status}"
    answer = requests.Response()
    answer.status_code = status
    kind = NotFound if status == requests.codes.not_found else APIError
    return kind(message, answer, message)
