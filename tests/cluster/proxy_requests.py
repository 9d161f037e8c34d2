"""What a node that fell into wrong hands would ask the proxy before the Docker socket for."""

from __future__ import annotations

import json
from typing import Any

from ccx_orchestrator.docker_host.sandboxes.hardening import Identity, Owner, SandboxSpec, container_config

NAME = "ccx-proxy-test"
CREATE = f"/v1.41/containers/create?name={NAME}"
SPEC = SandboxSpec("c", "ccx-c", memory_bytes=2**26, processes=8, files_bytes=2**20)

# Runs in a slave's own container: reads the requests, prints the status of each answer.
ASKING = """
import http.client, json, sys
statuses = {}
for what, (method, path, body, headers) in json.load(sys.stdin).items():
    connection = http.client.HTTPConnection("socket", 2375, timeout=30)
    connection.request(method, path, body and body.encode(), headers, encode_chunked="Transfer-Encoding" in headers)
    statuses[what] = connection.getresponse().status
    connection.close()
print(json.dumps(statuses))
"""

Request = tuple[str, str, str, dict[str, str]]


def requests(other: str) -> dict[str, Request]:
    """By what they are after; `other` is a container that is not the node's. The last three are fair."""
    return {
        **{what: (method, path.format(other=other), "", {}) for what, (method, path) in PATHS.items()},
        **{what: created(json.dumps(sandbox(**changes))) for what, changes in DESCRIPTIONS.items()},
        **{what: created(text) for what, text in TEXTS.items()},
        "a privileged container, in chunks": created(json.dumps(PRIVILEGED), **{"Transfer-Encoding": "chunked"}),
        "a description that is too long to look through": created(json.dumps(PRIVILEGED) + " " * 70_000),
        "a container of another name": ("POST", CREATE.replace("ccx-", "x-"), json.dumps(sandbox()), JSON),
        "a container of two names": ("POST", f"{CREATE}&name=x", json.dumps(sandbox()), JSON),
        "more of the machine, later": ("POST", f"/v1.41/containers/{NAME}/update", '{"Devices": []}', JSON),
        "an image": ("GET", "/v1.41/images/ccx-c/json", "", {}),
        "a sandbox": created(json.dumps(sandbox())),
        "its end": ("DELETE", f"/v1.41/containers/{NAME}?force=1&v=1", "", {}),
    }


def sandbox(**changes: Any) -> dict[str, Any]:
    """What a node asks for, with changes to its `HostConfig`."""
    config = container_config(SPEC, Identity(1000, "test"), Owner("test", "test:1:1"))
    config["HostConfig"] |= changes
    return config


def created(body: str, **headers: str) -> Request:
    return ("POST", CREATE, body, JSON | headers)


JSON = {"Content-Type": "application/json"}
PATHS = {
    "a command in a container of others": ("POST", "/v1.41/containers/{other}/exec"),
    "a command in a container of its own": ("POST", f"/v1.41/containers/{NAME}/exec"),
    "the files of a container": ("GET", f"/v1.41/containers/{NAME}/archive?path=/"),
    "the output of a container of others": ("POST", "/v1.41/containers/{other}/attach?logs=1"),
    "the end of a container of others": ("DELETE", "/v1.41/containers/{other}?force=1"),
    "the same, by a detour": ("DELETE", "/v1.41/containers/ccx-x/../{other}?force=1"),
    "the same, by a hidden detour": ("DELETE", "/v1.41/containers/ccx-x%2f..%2f{other}?force=1"),
    "a build": ("POST", "/v1.41/build"),
    "an image of anybody's": ("POST", "/v1.41/images/create?fromImage=evil"),
    "a volume": ("POST", "/v1.41/volumes/create"),
    "a network": ("POST", "/v1.41/networks/create"),
    "a swarm": ("POST", "/v1.41/swarm/init"),
    "secrets": ("GET", "/v1.41/secrets"),
    "plugins": ("POST", "/v1.41/plugins/pull?remote=evil"),
    "the events of the engine": ("GET", "/v1.41/events"),
}
PRIVILEGED = sandbox(Privileged=True)
DESCRIPTIONS: dict[str, dict[str, Any]] = {
    "a privileged container": {"Privileged": True},
    "a privileged container, in lower case": {"privileged": True},
    "a part of the machine": {"Binds": ["/:/host"]},
    "a part of the machine, in lower case": {"binds": ["/:/host"]},
    "a part of the machine, as a mount": {"Mounts": [{"Type": "bind", "Source": "/", "Target": "/host"}]},
    "a device": {"Devices": [{"PathOnHost": "/dev/sda"}]},
    "the machine's network": {"NetworkMode": "host"},
    "the machine's processes": {"PidMode": "host"},
    "a capability": {"CapAdd": ["SYS_ADMIN"]},
    "all capabilities of a container": {"CapDrop": []},
    "all system calls": {"SecurityOpt": ["no-new-privileges", "seccomp=unconfined"]},
    "another cgroup": {"CgroupParent": "/"},
}
TEXTS = {
    # The engine takes each of these for the key that it means.
    "a privileged container, written with escapes": json.dumps(PRIVILEGED).replace('"Priv', '"\\u0050riv'),
    "a part of the machine, with a letter like another": json.dumps(sandbox(BindX=["/:/host"])).replace(
        "BindX", "Bind\u017f"
    ),
    "a key that is there twice": json.dumps(sandbox()).replace('"CapDrop"', '"CapDrop": ["ALL"], "capDROP": [], "X"'),
}
