"""Runs programs by llm-sandbox: one JSON line in, one JSON line out. Images need an empty entry point that waits."""

import json
import sys

import docker
from llm_sandbox import SandboxSession

LANGUAGES = {"python": "python", "java": "java"}  # it knows C++, but no C
LIMITS = {"network_mode": "none", "cap_drop": ["ALL"], "security_opt": ["no-new-privileges"], "pids_limit": 257}
client = docker.from_env()
for line in sys.stdin:
    asked = json.loads(line)
    language = asked["language"]
    try:
        if language not in LANGUAGES:
            raise NotImplementedError(f"it runs no {language}")
        memory = "512m" if language == "java" else "256m"
        # keep_template: else it removes the image; skip_environment_setup: else it makes a virtual environment each time.
        with SandboxSession(
            client=client,
            lang=LANGUAGES[language],
            image=f"ccx-bench-{language}",
            keep_template=True,
            skip_environment_setup=True,
            runtime_configs=LIMITS | {"mem_limit": memory},
        ) as session:
            answer = {"stdout": session.run(asked["source"]).stdout}
    except Exception as error:  # noqa: BLE001
        answer = {"error": f"{type(error).__name__}: {error}"[:300]}
    print(json.dumps(answer), flush=True)
