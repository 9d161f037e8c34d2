"""Attacks through the network, of which there is none but a loopback of one's own."""

from __future__ import annotations

from tests.hostile.attack import c, python

# Each of these must fail, and at once: without a route there is nothing to wait for. Every one is a case of its own.
UNREACHABLE = {
    "TCP": 'socket.create_connection(("192.0.2.1", 80), timeout=1)',
    "TCP over IPv6": 'socket.create_connection(("2001:db8::1", 80), timeout=1)',
    "metadata of a cloud": 'socket.create_connection(("169.254.169.254", 80), timeout=1)',
    "the host through its bridge": 'socket.create_connection(("172.17.0.1", 22), timeout=1)',
    "the node's own port": 'socket.create_connection(("127.0.0.1", 8700), timeout=1)',
    "an engine that listens": 'socket.create_connection(("127.0.0.1", 2375), timeout=1)',
    "UDP": 'socket.socket(2, 2).sendto(b"x", ("192.0.2.1", 53))',
    "broadcast": 's = socket.socket(2, 2); s.setsockopt(1, 6, 1); s.sendto(b"x", ("255.255.255.255", 9))',
    "multicast": 'socket.socket(2, 2).sendto(b"x", ("224.0.0.1", 9))',
    "DNS": 'socket.getaddrinfo("example.org", 80)',
    "the engine's socket": 'socket.socket(1).connect("/var/run/docker.sock")',
    "containerd's abstract socket": 'socket.socket(1).connect("\\0/containerd-shim/x.sock")',
    "a port below 1024": 'socket.socket(2, 1).bind(("192.0.2.1", 80))',
    "raw IP": "socket.socket(2, 3, 1)",
    "ping": "socket.socket(2, 2, 1)",
    "packets": "socket.socket(17, 3, 768)",
    "netlink": "socket.socket(16, 3)",
    "virtual machine's host": "socket.socket(40, 1)",
    "the kernel's ciphers": "socket.socket(38, 5)",
    "CAN bus": "socket.socket(29, 3, 1)",
    "Bluetooth": "socket.socket(31, 3)",
    "SCTP": "socket.socket(2, 1, 132)",
    "multipath TCP": "socket.socket(2, 1, 262)",
    "InfiniBand": "socket.socket(21, 5)",
    "express data path": "socket.socket(44, 3)",
}

NETWORK = [
    python(
        "everything there might be to reach",
        """
        import socket, sys
        print("begun", flush=True)
        try:
            exec(sys.argv[1])
            print("DONE")
        except OSError:
            print("refused")
        """,
        stdout="begun\nrefused\n",
        limits={"wall_seconds": 5.0},
        fields={"cases": [{"name": name, "args": [code]} for name, code in UNREACHABLE.items()]},
    ),
    c(
        "any other family",
        """
        int main(void) {
            begin();
            for (int family = 0; family < 64; family++)
                for (int kind = 1; kind < 7; kind++)
                    if (family != AF_UNIX && family != AF_INET && family != AF_INET6 && socket(family, kind, 0) >= 0)
                        printf("family %d\\n", family);
        }
        """,
    ),
    python(
        "interfaces",
        """
        import os
        print("begun", flush=True)
        print(*(line.split(":")[0].strip() for line in open("/proc/net/dev").readlines()[2:]))
        print(len(open("/proc/net/route").readlines()), len(open("/proc/net/arp").readlines()))
        """,
        stdout="begun\nlo\n1 1\n",
    ),
]
