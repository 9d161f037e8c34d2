"""Does what its first argument says. versatile.c and Versatile.java do the same, each in its own way."""

import os
import sys
import time


def spin() -> None:
    while True:
        pass


def hog() -> None:
    kept = []
    while True:
        kept.append(bytearray(os.urandom(1) * (1 << 20)))


def flood(size: int) -> None:
    block = b"x" * 65_536
    while size > 0:
        sys.stdout.buffer.write(block[: min(size, len(block))])
        size -= len(block)


def write_file(size: int) -> None:
    with open("large", "wb") as file:
        while size > 0:
            file.write(b"x" * min(size, 65_536))
            size -= 65_536


def multiply(count: int) -> None:
    """So many processes at once."""
    for _ in range(count):
        if os.fork() == 0:
            time.sleep(30)
            os._exit(0)
    print("all there")


def leave_traces() -> None:
    """Says what it finds, and leaves something behind."""
    print(*(sorted(name for name in os.listdir() if name.endswith(".trace")) or ["nothing"]))
    for place in (".", "/tmp", "/dev/shm"):
        with open(f"{place}/left.trace", "x") as file:
            file.write("trace")


def make_artifacts() -> None:
    with open("plain.bin", "wb") as file:
        file.write(bytes(range(256)))
    os.symlink("/etc/passwd", "link")
    os.mkdir("folder")
    os.makedirs("deep/er")
    with open("deep/er/text.txt", "w") as file:
        file.write("täxt\n")


def add() -> None:
    print(sum(int(number) for number in sys.stdin.read().split()))


def main() -> None:
    action, *more = sys.argv[1:]
    if action in {"spin", "sleep", "hog", "file", "multiply"}:
        print("before", flush=True)
    match action:
        case "nothing":
            pass
        case "echo":
            sys.stdout.buffer.write(sys.stdin.buffer.read())
        case "count":
            print(len(sys.stdin.buffer.read()))
        case "arguments":
            print(*more, sep="\n")
        case "spin":
            spin()
        case "sleep":
            time.sleep(float(more[0]))
        case "hog":
            hog()
        case "flood":
            flood(int(more[0]))
        case "file":
            write_file(int(more[0]))
        case "multiply":
            multiply(int(more[0]))
        case "traces":
            leave_traces()
        case "artifacts":
            make_artifacts()
        case "add":
            add()
        case "exit":
            sys.exit(int(more[0]))
        case _:
            raise ValueError(action)


if __name__ == "__main__":
    main()
