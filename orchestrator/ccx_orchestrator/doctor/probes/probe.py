"""What `ccx doctor` runs in a sandbox: tries to pass one limit, or tells what it finds."""

import os
import signal
import socket
import sys
import time


def allocate():
    kept = []
    for _ in range(256):  # four times the limit, so that this ends where there is none
        kept.append(bytearray(b"x") * (1 << 20))


def fork():
    for _ in range(64):
        try:
            child = os.fork()
        except OSError as error:
            sys.exit(f"refused: {error}")
        if child == 0:
            time.sleep(3)
            os._exit(0)


def write():
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)  # Python ignores it
    with open("file", "wb") as file:
        for _ in range(64):
            file.write(bytes(1 << 20))


def flood():
    for _ in range(64):
        os.write(1, bytes(1 << 16))


def burn():
    until = time.process_time() + 2
    while time.process_time() < until:
        pass


def sleep():
    time.sleep(3)


def work():
    sum(range(1_000_000))


def network():
    print("interfaces:", *interfaces())
    for address in ("192.0.2.1", "8.8.8.8", "169.254.169.254"):
        try:
            socket.create_connection((address, 53), timeout=1)
            print("reached:", address)
        except TimeoutError:
            print("route:", address)
        except OSError:
            pass


def interfaces():
    with open("/proc/net/dev") as file:
        return [line.split(":")[0].strip() for line in file.readlines()[2:]]


def confinement():
    with open("/proc/self/status") as file:
        status = dict(line.rstrip("\n").split(":\t", 1) for line in file)
    print("uid:", os.getuid())
    for name in ("CapEff", "CapBnd", "NoNewPrivs", "Seccomp"):
        print(name + ":", status.get(name, "?"))


globals()[sys.argv[1]]()
