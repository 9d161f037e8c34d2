#!/usr/bin/env bash
# What `make bench` wants beyond ccx: a virtual environment with the libraries it is compared with and matplotlib, the host's
# own gcc and javac, and images without our entry point for those libraries. epicbox needs an urllib3 before 2.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! .venv-bench/bin/python -c 'import epicbox, llm_sandbox, matplotlib' 2>/dev/null; then
    rm -rf .venv-bench
    .venv/bin/python -m venv .venv-bench
    .venv-bench/bin/pip install -q --disable-pip-version-check epicbox 'urllib3<2' 'llm-sandbox[docker]' matplotlib \
        || echo "ccx: some of what the bench compares with could not be installed, and will be left out" >&2
fi
if ! command -v gcc >/dev/null || ! command -v javac >/dev/null; then
    scripts/apt-install.sh gcc libc6-dev default-jdk-headless || true
fi
# llm-sandbox calls `python`, and stops a container politely: ten seconds where what runs in it does not listen.
for language in python c java; do
    printf 'FROM ccx-%s\nUSER root\nRUN ln -sf python3 /usr/bin/python\nSTOPSIGNAL SIGKILL\nENTRYPOINT []\nCMD ["sleep", "100000"]\nWORKDIR /sandbox\n' "$language" \
        | DOCKER_BUILDKIT=0 docker build -q -t "ccx-bench-$language" - >/dev/null 2>&1
done
