#!/usr/bin/env bash
# What the window and its tests want beyond the rest: Qt, what draws curves and pytest-qt, into .venv, and the libraries of the system that Qt loads.
# The second time it only compares a stamp.
set -euo pipefail
cd "$(dirname "$0")/.."

stamp="$(sha256sum requirements/gui.txt | cut -d ' ' -f 1) $PWD"
if [ "$(cat .venv/.ccx-gui 2>/dev/null)" = "$stamp" ]; then
    exit 0
fi
echo "ccx: installing Qt for the window"
scripts/pip-install.sh --require-hashes --only-binary :all: --requirement requirements/gui.txt
scripts/apt-install.sh libegl1 libgl1 libxkbcommon-x11-0 libxcb-cursor0 libxcb-icccm4 libxcb-image0 libxcb-keysyms1 \
    libxcb-render-util0 libxcb-shape0 libxcb-xkb1 libdbus-1-3 libfontconfig1 fonts-dejavu-core ||
    echo "ccx: Qt may miss libraries of the system: libegl1, libxkbcommon-x11-0, libxcb-cursor0 and others" >&2
echo "$stamp" >.venv/.ccx-gui
