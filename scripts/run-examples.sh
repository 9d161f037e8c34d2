#!/usr/bin/env bash
# Runs the example programs as a user would, through a node that lives as long as the command.
set -euo pipefail
cd "$(dirname "$0")/.."

show() {
    printf '\n$ %s\n' "$1"
    PATH="$PWD/.venv/bin:$PATH" bash -euo pipefail -c "$1"
}

show 'ccx run examples/hello.c'
show 'ccx run examples/Hello.java'
show 'ccx run examples/hello.py'
show 'echo 20 22 | ccx run examples/sum.c'
