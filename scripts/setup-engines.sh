#!/usr/bin/env bash
# Docker engines of other releases, each from Debian's packages in a folder of its own below the user's cache: 26.1 of Debian
# 13 (trixie), and the engine of the release after it (forky). Nothing is installed on the machine but mmdebstrap. What is
# there already is left as it is; remove the folder to have it made anew.
set -euo pipefail
cd "$(dirname "$0")/.."

home=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/ccx/engines
for release in trixie forky; do
    tree=$home/$release
    if [ -x "$tree/usr/sbin/dockerd" ]; then
        continue
    fi
    echo "ccx: making the engine of Debian $release in $tree"
    mkdir -p "$home"
    rm -rf "$tree.new"
    scripts/debian-tree.sh "$release" "$tree.new" docker.io,docker-cli,iptables,ca-certificates,crun,procps
    mv "$tree.new" "$tree"
done
