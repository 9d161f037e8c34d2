#!/usr/bin/env bash
# What the test suite wants beyond Python and Docker: a C compiler and libFuzzer for the runner, curl for the
# README's commands, network namespaces and disks for hosts of their own, docker-compose, gVisor, a
# rootless engine, a look at the wire, a browser, a screen without a monitor, a desktop's keyring. Tests that miss them fail and say so.
set -euo pipefail
cd "$(dirname "$0")/.."

# The fuzzer's library is a package of its own, named after the compiler's version, from Debian 12 on.
fuzzer() {
    local version
    version=$(apt-cache show clang 2>/dev/null | sed -n 's/^Depends:.*clang-\([0-9]*\).*/libclang-rt-\1-dev/p' | head -n 1)
    if [ -n "$version" ] && apt-cache show "$version" >/dev/null 2>&1; then
        echo "$version"
    fi
}

wanted="curl gcc make clang ip nsenter mkfs.ext4 docker docker-compose faketime crun tshark rootlesskit newuidmap runsc chromium Xvfb xdotool dbus-run-session gnome-keyring-daemon"
packages="xvfb xdotool dbus gnome-keyring curl gcc libc6-dev make clang iproute2 util-linux e2fsprogs docker-compose faketime crun tshark"

missing() {
    local tool
    for tool in $wanted; do
        PATH="$PATH:/usr/sbin:/sbin" command -v "$tool" >/dev/null || echo "$tool"
    done
}

has_fuzzer() {
    echo 'int LLVMFuzzerTestOneInput(const char *d, long n) { return d && n > 1L << 40; }' \
        | clang -x c -fsanitize=fuzzer,address,undefined -o /dev/null - 2>/dev/null
}

if [ -z "$(missing)" ] && has_fuzzer; then
    exit 0
fi
# shellcheck disable=SC2086
scripts/apt-install.sh $packages || true
# shellcheck disable=SC2046
scripts/apt-install.sh $(fuzzer) || true
# Apart: not every version of Debian and Ubuntu has these, or has them apart.
scripts/apt-install.sh runsc || true
scripts/apt-install.sh chromium || scripts/apt-install.sh chromium-browser || true
scripts/apt-install.sh rootlesskit uidmap || true
if ! command -v docker >/dev/null; then
    scripts/apt-install.sh docker-cli || true
fi
if [ -n "$(missing)" ] || ! has_fuzzer; then
    echo "ccx: the tests want these tools, which are missing (or clang's libFuzzer): $(missing | xargs)" >&2
fi
