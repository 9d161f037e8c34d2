#!/usr/bin/env bash
# apt-install.sh PACKAGE…   Installs the Debian packages that are missing; never asks a question.
# Exit status 2, and nothing done, where this machine is not Debian or Ubuntu or we are not root.
set -euo pipefail

missing=()
for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q '^install ok installed$' || missing+=("$package")
done
[ "${#missing[@]}" -gt 0 ] || exit 0
if [ "$(id -u)" -ne 0 ] || ! [ -e /etc/debian_version ] || ! command -v apt-get >/dev/null; then
    exit 2
fi

echo "ccx: installing ${missing[*]} with apt"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
trap 'rm -f "$log"' EXIT

quietly() {
    "$@" >"$log" 2>&1 </dev/null
}

install() {
    quietly apt-get -o DPkg::Lock::Timeout=300 -qq install --yes --no-install-recommends "${missing[@]}"
}

# The package lists are empty on a bare machine and stale on an old one: fetched only when they do not do.
if ! install && ! { quietly apt-get -o DPkg::Lock::Timeout=300 -qq update && install; }; then
    cat "$log" >&2
    echo "ccx: apt could not install ${missing[*]}; what it said stands above." >&2
    exit 1
fi
