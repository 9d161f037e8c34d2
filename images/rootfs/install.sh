#!/bin/sh
# install.sh PROGRAM PACKAGE…   Installs the Debian packages, unless the base image already has the program.
# APT_MIRROR, if set, is asked instead of the image's sources (and the same with -security appended instead of those of security
# updates); the image keeps its own.
set -eu

program=$1
shift
if command -v "$program" >/dev/null 2>&1; then
    echo "ccx: the base image brings $program"
    exit 0
fi
if ! command -v apt-get >/dev/null 2>&1; then
    echo "ccx: the base image has neither $program nor apt-get to install it" >&2
    exit 1
fi

lists=$(mktemp -d)
trap 'rm -rf "$lists"' EXIT
if [ -n "${APT_MIRROR:-}" ]; then
    # shellcheck source=/dev/null
    suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
    {
        echo "deb ${APT_MIRROR%/} $suite main"
        echo "deb ${APT_MIRROR%/} $suite-updates main"
        echo "deb ${APT_MIRROR%/}-security $suite-security main"
    } >"$lists/mirror.list"
else
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/*; do
        [ -f "$file" ] || continue
        cp "$file" "$lists/"
    done
fi
chmod -R a+rX "$lists" # apt fetches as a user of its own

apt() {
    DEBIAN_FRONTEND=noninteractive apt-get -qq -o Acquire::Retries=3 \
        -o Dir::Etc::SourceList=/dev/null -o "Dir::Etc::SourceParts=$lists" "$@"
}

# Documentation is kept out from the start: to unpack it only to delete it takes time. And to wait for the disk after each file
# takes a fifth of an installation: after a loss of power the build is done again.
{
    printf 'path-exclude=%s\n' '/usr/share/doc/*' '/usr/share/man/*' '/usr/share/info/*' '/usr/share/locale/*'
    echo force-unsafe-io
} >/etc/dpkg/dpkg.cfg.d/ccx
apt update
apt install --yes --no-install-recommends "$@"
