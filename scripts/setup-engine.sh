#!/usr/bin/env bash
# Has a Docker engine answer: the one that DOCKER_HOST or a Docker context names, or that listens where engines do; else, as root on Debian or Ubuntu, the
# distribution's, started here. Also what a base image is made with, should no registry answer. Needs .venv.
set -euo pipefail
cd "$(dirname "$0")/.."

start_seconds=60
log=/var/log/ccx-dockerd.log
socket=${DOCKER_HOST:-unix:///var/run/docker.sock}

fail() {
    echo "ccx: $*" >&2
    exit 1
}

answers() {
    .venv/bin/python -W ignore -c 'from ccx_orchestrator.docker_host.engine.client import connect; connect()' >/dev/null 2>&1
}

# answers_within SECONDS [PID]   … and no longer than that process lives.
answers_within() {
    local until=$((SECONDS + $1))
    while [ "$SECONDS" -lt "$until" ]; do
        if answers; then
            return 0
        fi
        [ -z "${2:-}" ] || kill -0 "$2" 2>/dev/null || return 1
        sleep 0.3
    done
    return 1
}

is_debian_root() {
    [ "$(id -u)" -eq 0 ] && [ -e /etc/debian_version ]
}

# is_alive PID_FILE NAME   Whether the process of that file runs, and is what it should be: neither a zombie nor a later process
# that got the number of one that was killed.
is_alive() {
    local pid state name
    [ -r "$1" ] || return 1
    pid=$(tr -dc 0-9 <"$1")
    [ -n "$pid" ] && [ -r "/proc/$pid/status" ] || return 1
    name=$(sed -n 's/^Name:[[:space:]]*//p' "/proc/$pid/status")
    state=$(sed -n 's/^State:[[:space:]]*\(.\).*/\1/p' "/proc/$pid/status")
    [ "$name" = "$2" ] && [ "$state" != Z ] && [ "$state" != X ]
}

# A daemon that was killed leaves these behind, and the next one refuses to start because of them.
forget_the_dead() {
    local run=$1
    is_alive "$run/docker.pid" dockerd || rm -f "$run/docker.pid"
    for file in "$run/docker/containerd/containerd.pid" "$run/docker/containerd/docker-containerd.pid"; do
        is_alive "$file" containerd || rm -f "$file"
    done
}

start_detached() {
    forget_the_dead /var/run
    if is_alive /var/run/docker.pid dockerd; then
        answers_within "$start_seconds" || fail "dockerd runs (pid $(cat /var/run/docker.pid)) but does not answer at $socket: see its log, or stop it and try again."
        return
    fi
    echo "ccx: starting dockerd; its log is $log"
    setsid dockerd >>"$log" 2>&1 </dev/null 3>&- 4>&- 5>&- &
    # Where two of us start one at the same time, the other's may be the one that lives.
    answers_within "$start_seconds" $! || { is_alive /var/run/docker.pid dockerd && answers_within "$start_seconds"; } \
        || fail "dockerd did not come up; the end of $log says why: $(tail -n 3 "$log" | tr '\n' ' ')"
}

start_engine() {
    # Installing may have started it; so may somebody else, just now.
    if answers_within 2; then
        return
    fi
    if [ -d /run/systemd/system ]; then
        echo "ccx: starting Docker through systemd"
        forget_the_dead /var/run
        systemctl start docker || fail "systemd could not start Docker: see journalctl -u docker."
        answers_within "$start_seconds" || fail "Docker does not answer at $socket: see journalctl -u docker."
    else
        start_detached
    fi
}

provide_engine() {
    if [ -n "${DOCKER_HOST:-}" ]; then
        fail "no Docker engine answers at $DOCKER_HOST, which DOCKER_HOST names: start it, or unset DOCKER_HOST."
    fi
    if [ -S /var/run/docker.sock ] && ! [ -w /var/run/docker.sock ]; then
        fail "there is a Docker engine, but this user may not use it: add the user to the group docker (sudo usermod -aG docker $(id -un)) and log in again."
    fi
    is_debian_root || fail "a Docker engine is missing: install and start one (https://docs.docker.com/engine/install/), name one with DOCKER_HOST, or run this as root on Debian or Ubuntu."
    if ! command -v dockerd >/dev/null; then
        scripts/apt-install.sh docker.io
    fi
    start_engine
}

# What makes a base image where no registry answers; of no use where there is one already.
provide_bootstrap() {
    if ! is_debian_root || command -v mmdebstrap >/dev/null; then
        return
    fi
    if .venv/bin/python -W ignore -c 'from ccx_orchestrator.docker_host.engine.client import connect; connect().images.get("debian:trixie-slim")' 2>/dev/null; then
        return
    fi
    scripts/apt-install.sh mmdebstrap debian-archive-keyring
}

answers || provide_engine
provide_bootstrap
