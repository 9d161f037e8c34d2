#!/usr/bin/env bash
# Makes .venv with the pinned dependencies and ccx itself in it. The second time it only compares a stamp.
# PYTHON names the interpreter to use; otherwise the first that is new enough.
set -euo pipefail
cd "$(dirname "$0")/.."

usable() {
    "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() {
    local candidate
    for candidate in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11 /usr/bin/python3}; do
        if usable "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    return 1
}

install() {
    scripts/pip-install.sh --no-build-isolation "$@"
}

# done_with NAME VALUE   Is VALUE what the last successful step of that name wrote down?
done_with() {
    [ "$(cat ".venv/.ccx-$1" 2>/dev/null)" = "$2" ]
}

digest() {
    cat "$@" | sha256sum | cut -d ' ' -f 1
}

# The checkout is part of it: a virtual environment does not survive a move.
dependencies="$(digest requirements/*.txt) $PWD"
project="$(digest pyproject.toml) $PWD"
.venv/bin/python -c '' 2>/dev/null || rm -rf .venv
if done_with dependencies "$dependencies" && done_with project "$project"; then
    exit 0
fi

if ! python=$(find_python); then
    scripts/apt-install.sh python3 python3-venv || true
    if ! python=$(find_python); then
        echo "ccx: Python 3.11 or newer with its venv module is missing: install it (Debian, Ubuntu: apt install python3-venv) or name one with PYTHON=…" >&2
        exit 1
    fi
fi

if ! done_with dependencies "$dependencies"; then
    echo "ccx: making .venv with $("$python" --version) and the pinned dependencies"
    rm -rf .venv
    "$python" -m venv .venv
fi

if ! done_with dependencies "$dependencies"; then
    install --require-hashes --only-binary :all: --requirement requirements/build.txt
    install --require-hashes --requirement requirements/dev.txt
    echo "$dependencies" >.venv/.ccx-dependencies
fi
install --no-deps --editable .
echo "$project" >.venv/.ccx-project
