#!/usr/bin/env bash
# Removes what `make` made: containers and images of ccx, the virtual environment, what was built, all caches. What it
# installed for others as well (a Docker engine, packages of the system) stays, and is named.
set -euo pipefail
cd "$(dirname "$0")/.."

if command -v docker >/dev/null && docker version >/dev/null 2>&1; then
    containers=$(docker ps --all --quiet --filter label=ccx)
    if [ -n "$containers" ]; then
        echo "ccx: removing containers"
        # shellcheck disable=SC2086 # one word each
        docker rm --force --volumes $containers >/dev/null
    fi
    images=$(docker image ls --all --quiet --filter label=ccx.language; docker image ls --quiet 'ccx-*')
    if [ -n "$images" ]; then
        echo "ccx: removing images"
        # shellcheck disable=SC2086
        docker image rm --force $images >/dev/null 2>&1 || true
    fi
fi
echo "ccx: removing the virtual environment, builds and caches"
rm -rf client/web/node_modules client/web/src/wire.d.ts orchestrator/ccx_orchestrator/dashboard/static
rm -rf .venv dist build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
rm -rf "${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/ccx" # engines, an emulated machine, what is known of runtimes
find . -name __pycache__ -type d -prune -exec rm -rf {} +
if [ -e /var/log/ccx-dockerd.log ]; then
    echo "ccx: left: the Docker engine, and packages that were installed for it (apt remove docker.io)"
fi
