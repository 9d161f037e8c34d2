#!/usr/bin/env bash
# Docker engines of other releases, each from Debian's packages in a folder of its own below the user's cache: 26.1 of Debian
# 13 (trixie), and the engine of the release after it (forky). Nothing is installed on the machine but mmdebstrap. What is
# there already is left as it is; remove the folder to have it made anew.
set -euo pipefail
cd "$(dirname "$0")/.."

home=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/ccx/engines
packages=docker.io,docker-cli,iptables,ca-certificates,crun,procps

if ! command -v mmdebstrap >/dev/null; then
    scripts/apt-install.sh mmdebstrap
fi
# Where this machine's own packages come from.
mirror_of_apt() {
    # shellcheck disable=SC2016  # apt's own words
    apt-get indextargets --format '$(REPO_URI)' | sort -u | head -n 1
}
mirror=$(mirror_of_apt)
if [ -z "$mirror" ]; then
    apt-get -qq update
    mirror=$(mirror_of_apt)
fi
for release in trixie forky; do
    tree=$home/$release
    if [ -x "$tree/usr/sbin/dockerd" ]; then
        continue
    fi
    echo "ccx: making the engine of Debian $release in $tree"
    mkdir -p "$home"
    rm -rf "$tree.new"
    # A release that is still in the making has an index that counts as old soon.
    mmdebstrap --quiet --variant=minbase --include="$packages" \
        --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Check-Valid-Until "false"' \
        "$release" "$tree.new" "deb [trusted=yes] $mirror $release main"
    rm -rf "$tree.new/var/cache/apt" "$tree.new/var/lib/apt/lists" "$tree.new/usr/share/doc" "$tree.new/usr/share/locale"
    mv "$tree.new" "$tree"
done
