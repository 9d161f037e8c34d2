#!/usr/bin/env bash
# Pins what pyproject.toml asks for, hashes included, for every Python from 3.11 on. `scripts/lock.sh --upgrade` takes the newest.
set -euo pipefail
cd "$(dirname "$0")/.."

command -v uv >/dev/null || { echo "ccx: uv is missing: pip install uv" >&2; exit 1; }
export UV_CUSTOM_COMPILE_COMMAND="scripts/lock.sh"
compile() {
    uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
        --no-emit-find-links --quiet "$@"
}

compile pyproject.toml --extra grade --extra keyring --extra mcp --extra orchestrator --extra otel --group dev --output-file requirements/dev.txt "$@"
compile --group build --constraint requirements/dev.txt --output-file requirements/build.txt
# What the image of a node is made of: no tool of ours in it.
compile pyproject.toml --extra orchestrator --constraint requirements/dev.txt --output-file requirements/node.txt
# The window, which is large: only what shows it needs it.
compile pyproject.toml --extra gui --group gui-tests --constraint requirements/dev.txt --output-file requirements/gui.txt
