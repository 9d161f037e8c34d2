#!/usr/bin/env bash
# debian-tree.sh RELEASE FOLDER PACKAGES   The files of a small Debian of that release, with these packages (commas between
# them) and without documents, from where this machine's own packages come from. Installs mmdebstrap where it is missing.
set -euo pipefail
cd "$(dirname "$0")/.."
release=$1 tree=$2 packages=$3

if ! command -v mmdebstrap >/dev/null; then
    scripts/apt-install.sh mmdebstrap
fi
mirror_of_apt() {
    # shellcheck disable=SC2016  # apt's own words
    apt-get indextargets --format '$(REPO_URI)' | sort -u | head -n 1
}
mirror=$(mirror_of_apt)
if [ -z "$mirror" ]; then
    apt-get -qq update
    mirror=$(mirror_of_apt)
fi
# A release that is still in the making has an index that counts as old soon.
mmdebstrap --quiet --variant=minbase --include="$packages" \
    --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Check-Valid-Until "false"' \
    "$release" "$tree" "deb [trusted=yes] $mirror $release main"
for place in var/cache/apt var/lib/apt/lists usr/share/doc usr/share/locale usr/share/man; do
    rm -rf "${tree:?}/$place"
done
