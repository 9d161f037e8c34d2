"""Runs programs by epicbox: one JSON line in, one JSON line out. Images need an empty entry point: see setup-bench.sh."""

import json
import os
import sys

import epicbox

MEGABYTES = {"python": 256, "c": 256, "java": 512}
# Its defaults are 1 s of processor time and 64 MB: a Java compiler needs more.
epicbox.configure(
    profiles=[epicbox.Profile(name, f"ccx-bench-{name}", user="root", read_only=False) for name in MEGABYTES],
    docker_url=os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock"),
)
for line in sys.stdin:
    asked = json.loads(line)
    try:
        files = [{"name": asked["file"], "content": asked["source"].encode()}]
        limits = {"cputime": 20, "realtime": 60, "memory": MEGABYTES[asked["language"]], "processes": 257}
        result = epicbox.run(asked["language"], asked["shell"], files=files, limits=limits)
        answer = {"stdout": result["stdout"].decode()}
    except Exception as error:  # noqa: BLE001  (whatever it is, the bench says it)
        answer = {"error": f"{type(error).__name__}: {error}"[:300]}
    print(json.dumps(answer), flush=True)
