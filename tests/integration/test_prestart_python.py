"""Python, prestarted: nobody can tell it from an interpreter that was started for the program."""

# ruff: noqa: E501  programs are read best in one line

from __future__ import annotations

import asyncio
import io
import zipfile
from collections.abc import AsyncIterator

import pytest

from tests.support.cold_and_warm import BothWays, Program, both_ways, reports

pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("images")]


@pytest.fixture
async def python() -> AsyncIterator[BothWays]:
    async with both_ways("python") as python:
        yield python


def archive(**members: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as zipped:
        for name, text in members.items():
            zipped.writestr(name.replace("_dot_", "."), text)
    return packed.getvalue()


SHORT = {"limits": {"cpu_seconds": 0.3, "wall_seconds": 5}}
FACTS = """\
import sys, os, signal, resource, threading, gc
print(sys.argv, sys.orig_argv, __file__, __name__, __spec__, __package__, type(__loader__).__name__, __builtins__.__name__)
print(sys.flags, sys.path, sys.executable, sys.prefix, sys._base_executable, sys.warnoptions, sys._xoptions, sys.dont_write_bytecode)
print(sorted(sys.modules), sorted(sys.path_importer_cache), sys.meta_path, sys.path_hooks)
print(sys.stdin, sys.stdout, sys.stderr, sys.stdout.line_buffering, sys.stdout.write_through, sys.getfilesystemencoding())
print(sorted(os.environ.items()), os.getcwd(), os.getuid() == os.geteuid(), os.getpgrp() == os.getpid() == os.getsid(0))
print(sorted(os.listdir('/proc/self/fd')), open('/proc/self/cmdline').read(), open('/proc/self/environ').read(), open('/proc/self/comm').read())
print([resource.getrlimit(number) for number in range(16)], os.umask(0))
print([str(signal.getsignal(number)) for number in range(1, 65)], signal.pthread_sigmask(0, []))
print(threading.enumerate()[0].name, threading.active_count(), sorted(globals()), gc.isenabled(), gc.get_threshold(), sys.getrecursionlimit())
print([line for line in open('/proc/self/status') if line.startswith(('Sig', 'Cap', 'NoNew', 'Threads', 'Seccomp', 'Name'))])
frame = sys._getframe()
while frame: print(frame.f_code.co_filename, frame.f_code.co_name); frame = frame.f_back
"""
PROGRAMS = [
    Program("hello", "print('hello')"),
    Program("nothing", ""),
    Program("all that can be known of itself", {"facts.py": FACTS}, {"args": ["a", "", "b c", "ä", "-x"]}),
    Program("the same in a folder", {"deep/er/facts.py": FACTS}),
    Program("a name with blanks", {"my program.py": FACTS}),
    Program("a name that looks like an option", {"-c.py": FACTS}),
    Program("a name without a suffix", {"program": FACTS}),
    Program("a name in another script", {"früh.py": FACTS}),
    Program(
        "an entry point that is not the first file",
        {"a.py": "X = 1", "b.py": "import a; print(a.X, a.__file__)"},
        {"entrypoint": "b.py"},
    ),
    Program(
        "an archive",
        {"app.py": archive(__main___dot_py="import sys; print(sys.argv, sys.path[0], __file__, __spec__)")},
    ),
    Program("an uncaught exception", "def f(n):\n    return 1 / n\n\nf(0)\n"),
    Program(
        "an exception from an exception",
        "try:\n    {}['x']\nexcept KeyError as error:\n    raise ValueError('worse') from error\n",
    ),
    Program("an exception group", "raise ExceptionGroup('both', [ValueError(1), TypeError(2)])"),
    Program("a syntax error", "print('never')\nif True print(1)\n"),
    Program("an indentation error", "if True:\nprint(1)\n"),
    Program("NUL in the source", b"print(1)\n\0"),
    Program("a cookie that names an encoding", "# -*- coding: latin-1 -*-\nprint('\xe4')".encode("latin-1")),
    Program("a cookie that names no encoding", b"# coding: klingon\nprint(1)\n"),
    Program("bytes that are not UTF-8", b"print('\xff')\n"),
    Program("a byte order mark", b"\xef\xbb\xbfprint('bom')\n"),
    Program("line ends of other systems", b"print(1)\r\nprint(2)\rprint(3)\r\n"),
    Program("no line end at the end", b"if 1:\n  print(1)"),
    Program("a long source", "x = 0\n" + "x += 1\n" * 30_000 + "print(x)\n"),
    Program("exit by status", "raise SystemExit(42)"),
    Program("exit by text", "import sys; sys.exit('so long')"),
    Program("exit by None", "print('x', end=''); exit()"),
    Program("exit at once", "import os; print('lost?'); os._exit(3)"),
    Program(
        "exit functions, threads and finalizers",
        "import atexit, threading, time\natexit.register(print, 'atexit')\nclass C:\n def __del__(self): print('del')\nc = C()\nthreading.Thread(target=lambda: (time.sleep(0.1), print('thread'))).start()\nprint('main')\n",
    ),
    Program(
        "a daemon thread left running",
        "import threading, time\nthreading.Thread(target=time.sleep, args=(100,), daemon=True).start()\nprint('main')\n",
    ),
    Program(
        "death by a signal", "import os, signal; print('before', flush=True); os.kill(os.getpid(), signal.SIGSEGV)"
    ),
    Program("death by its own interrupt", "import signal; signal.raise_signal(signal.SIGINT)"),
    Program("a broken pipe", "import os\nr, w = os.pipe(); os.close(r)\nos.write(w, b'x')"),
    Program("too deep a recursion", "def f(): f()\nf()"),
    Program("input", "print(sum(map(int, input().split())), repr(input()))", {"stdin": "1 2 3\nnext\n"}),
    Program("no input", "input()"),
    Program(
        "input to the last byte",
        "import sys; data = sys.stdin.buffer.read(); print(len(data), hash(data) == hash(data), data[-3:])",
        {"stdin": "xyz" * 100_000},
    ),
    Program(
        "bytes that are no text",
        "import sys; sys.stdout.buffer.write(sys.stdin.buffer.read())",
        {"stdin": "AP8NCgo=", "stdin_encoding": "base64"},
    ),
    Program("text that cannot be encoded", "print('\\ud800')"),
    Program("both outputs", "import sys\nfor n in range(1000): print(n); print(-n, file=sys.stderr)"),
    Program("no stdout", "import sys; sys.stdout.close(); sys.exit(2)"),
    Program("more output than allowed", "while True: print('x' * 1000)"),
    Program("more CPU time than allowed", "print('begin')\nwhile True: pass", SHORT),
    Program(
        "more time than allowed", "import time\nprint('begin')\ntime.sleep(100)", {"limits": {"wall_seconds": 0.5}}
    ),
    Program("more memory than allowed", "x = [0]\nwhile True: x += x", {"limits": {"memory_bytes": 64 << 20}}),
    Program(
        "a larger file than allowed", "open('x', 'wb').write(bytes(2_000_000))", {"limits": {"file_bytes": 1_000_000}}
    ),
    Program(
        "a file larger than by default",
        "print(open('x', 'wb').write(bytes(90_000_000)))",
        {"limits": {"file_bytes": 100_000_000, "memory_bytes": 512 << 20}},
    ),
    Program(
        "more processes than allowed",
        "import os, time\nfor _ in range(99):\n  if not os.fork(): time.sleep(99)",
        {"limits": {"processes": 8}},
    ),
    Program(
        "children",
        "import subprocess, sys\nprint(subprocess.run([sys.executable, '-c', 'import sys; print(sys.argv, sys.orig_argv); sys.exit(3)', 'x'], capture_output=True))",
    ),
    Program(
        "a process pool",
        "from multiprocessing import Pool\nif __name__ == '__main__':\n    with Pool(2) as pool: print(pool.map(abs, [-1, -2]))\n",
    ),
    Program(
        "itself, started again",
        "import os, sys\nprint(len(sys.argv), flush=True)\nif len(sys.argv) < 3: os.execv(sys.executable, [*sys.orig_argv, 'more'])",
    ),
    Program(
        "a module of its own",
        {
            "main.py": "import part, sys; print(part.__file__, part.__spec__.origin, 'part' in sys.modules)",
            "part.py": "import __main__; print(__main__.__file__)",
        },
    ),
    Program(
        "a module that hides one of the library",
        {"main.py": "import random, string; print(random.X); print(string.digits)", "random.py": "X = 'mine'"},
    ),
    Program(
        "a file that hides what an interpreter starts with",
        {
            "main.py": "import os, site, sitecustomize; print(os.__file__, site.__file__)",
            "os.py": "1/0",
            "site.py": "1/0",
            "sitecustomize.py": "1/0",
            "usercustomize.py": "print('never')",
        },
    ),
    Program(
        "packages in its home",
        {
            "main.py": "import mine, sys; print(mine.X, sys.path)",
            ".local/lib/python3.13/site-packages/mine.py": "X = 1",
            ".local/lib/python3.13/site-packages/usercustomize.py": "print('custom')",
        },
    ),
    Program(
        "a data file", {"main.py": "print(open('data/in.txt').read(), open(__file__).read())", "data/in.txt": "data"}
    ),
    Program(
        "asynchronous",
        "import asyncio\nasync def main():\n    await asyncio.sleep(0.01)\n    print('done')\nasyncio.run(main())",
    ),
    Program(
        "inspecting its source",
        "import inspect\ndef f():\n    return 1  # one\nprint(inspect.getsource(f), inspect.stack()[0])",
    ),
    Program("warnings", "import warnings; warnings.warn('beware'); warnings.warn('old', DeprecationWarning)"),
    Program("faulthandler", "import faulthandler, ctypes; faulthandler.enable(); ctypes.string_at(0)"),
    Program("artifacts", "open('out.txt', 'w').write('made')", {"artifacts": ["out.txt", "missing.txt"]}),
    Program(
        "cases",
        "import sys; print(len(sys.argv), input()); open('kept', 'x')",
        {"cases": [{"stdin": "1", "expected_stdout": "1 1"}, {"stdin": "2", "args": ["a"], "expected_stdout": "1 2"}]},
    ),
    Program(
        "the script removed and changed while it runs",
        "import os, sys\nos.remove(__file__)\nopen(__file__, 'w').write('changed')\n1/0",
    ),
]


@pytest.mark.slow
async def test_programs_behave_the_same_both_ways(python: BothWays) -> None:
    assert len(PROGRAMS) >= 50
    assert await python.differences(PROGRAMS) == []


async def test_an_interpreters_start_is_not_charged_to_the_program(python: BothWays) -> None:
    hello = Program("hello", "print('hello')")
    ahead, plain = await asyncio.gather(
        *[asyncio.gather(*[cpu_seconds(python, hello, prestarted=one) for _ in range(3)]) for one in (True, False)]
    )
    assert min(ahead) < 0.6 * min(plain)


async def cpu_seconds(python: BothWays, program: Program, *, prestarted: bool) -> float:
    (report,) = reports(await python.events(program, prestarted=prestarted))
    return report.cpu_seconds


async def test_its_memory_counts_as_if_it_had_been_started_for_the_program(python: BothWays) -> None:
    large = Program("large", "x = bytes(40_000_000)")
    (ahead,) = reports(await python.events(large, prestarted=True))
    (plain,) = reports(await python.events(large, prestarted=False))
    assert ahead.memory_bytes == pytest.approx(plain.memory_bytes, rel=0.15)
