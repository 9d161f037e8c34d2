"""Attacks by what a language's own runtime can do."""

from __future__ import annotations

from ccx.wire import Verdict
from tests.hostile.attack import java, python

TOO_LONG = (Verdict.WALL_TIME_LIMIT, "wall_seconds")

ERROR = Verdict.RUNTIME_ERROR

JAVA = [
    java("halt", 'System.out.println("begun"); Runtime.getRuntime().halt(0);'),
    java("halt with a status", 'System.out.println("begun"); Runtime.getRuntime().halt(3);', ERROR),
    java(
        "shutdown hook that never ends",
        """
        System.out.println("begun");
        Runtime.getRuntime().addShutdownHook(new Thread(() -> { while (true) try { Thread.sleep(1000); } catch (Exception e) { } }));
        """,
        *TOO_LONG,
        limits={"wall_seconds": 2.0},
    ),
    java(
        "memory that is not the heap's",
        """
        System.out.println("begun");
        var field = sun.misc.Unsafe.class.getDeclaredField("theUnsafe");
        field.setAccessible(true);
        var unsafe = (sun.misc.Unsafe) field.get(null);
        while (true) unsafe.setMemory(unsafe.allocateMemory(1 << 20), 1 << 20, (byte) 1);
        """,
        Verdict.MEMORY_LIMIT,
        "memory_bytes",
    ),
    java(
        "memory that is nobody's",
        """
        System.out.println("begun");
        var field = sun.misc.Unsafe.class.getDeclaredField("theUnsafe");
        field.setAccessible(true);
        ((sun.misc.Unsafe) field.get(null)).putAddress(0, 0);
        """,
        ERROR,
        signal="SIGABRT",
    ),
    java(
        "system calls without Java",
        """
        var linker = java.lang.foreign.Linker.nativeLinker();
        var type = java.lang.foreign.FunctionDescriptor.of(java.lang.foreign.ValueLayout.JAVA_INT,
            java.lang.foreign.ValueLayout.JAVA_INT, java.lang.foreign.ValueLayout.JAVA_INT);
        var kill = linker.downcallHandle(linker.defaultLookup().find("kill").get(), type);
        System.out.println("begun");
        System.out.println((int) kill.invokeExact(1, 9));
        """,
        stdout="begun\n-1\n",
    ),
    java(
        "library of its own",
        'System.out.println("begun"); System.load("/box/work/Main.java");',
        ERROR,
        stderr="UnsatisfiedLinkError",
    ),
    java(
        "attach to the runner",
        """
        System.out.println("begun");
        com.sun.tools.attach.VirtualMachine.attach("1");
        """,
        Verdict.COMPILE_ERROR,
        stdout="",
        stderr="package com.sun.tools.attach does not exist",
    ),
    java(
        "programs",
        'System.out.println("begun"); new ProcessBuilder("sh", "-c", "kill -9 -1").start().waitFor();',
        ERROR,
        signal="SIGKILL",
    ),
    java(
        "no end",
        'System.out.println("begun"); while (true);',
        Verdict.CPU_TIME_LIMIT,
        "cpu_seconds",
        limits={"cpu_seconds": 1},
    ),
    java(
        "thread that is no daemon",
        'new Thread(() -> { while (true) try { Thread.sleep(1000); } catch (Exception e) { } }).start(); System.out.println("begun");',
        *TOO_LONG,
        limits={"wall_seconds": 2.0},
    ),
    java(
        "classes without end",
        """
        System.out.println("begun");
        var kept = new java.util.ArrayList<Object>();
        while (true) kept.add(java.lang.reflect.Proxy.newProxyInstance(new ClassLoader() { },
            new Class<?>[] {Runnable.class}, (proxy, method, values) -> null));
        """,
        Verdict.MEMORY_LIMIT,
        "memory_bytes",
        limits={"cpu_seconds": 30, "wall_seconds": 60, "memory_bytes": 100_663_296},
        seconds=60,
    ),
]

PYTHON = [
    python("exit without a goodbye", "import os\nprint('begun', flush=True)\nos._exit(0)\n"),
    python("exit without a goodbye and with a status", "import os\nprint('begun', flush=True)\nos._exit(9)\n", ERROR),
    python(
        "faulthandler",
        """
        import faulthandler, time
        print("begun", flush=True)
        faulthandler.dump_traceback_later(0.05, repeat=True)
        time.sleep(1)
        """,
        stderr="Timeout (0:00:00.050000)!",
    ),
    python(
        "fault of its own making",
        "import ctypes\nprint('begun', flush=True)\nctypes.string_at(0)\n",
        ERROR,
        signal="SIGSEGV",
    ),
    python(
        "tracing itself",
        """
        import sys
        print("begun", flush=True)
        sys.settrace(lambda *rest: sys.gettrace())
        def loop():
            while True:
                pass
        loop()
        """,
        Verdict.CPU_TIME_LIMIT,
        "cpu_seconds",
    ),
    python(
        "modules that stand in front of the library's",
        "import random\nprint('begun', flush=True)\n",
        files={
            "random.py": "",
            "os.py": "raise SystemExit(5)",
            "sitecustomize.py": "print('mine')",
            "encodings.py": "",
        },
    ),
    python(
        "no end at exit",
        """
        import atexit
        def again():
            while True:
                pass
        atexit.register(again)
        print("begun", flush=True)
        """,
        Verdict.CPU_TIME_LIMIT,
        "cpu_seconds",
    ),
    python(
        "one long calculation", "print('begun', flush=True)\nx = 7 ** 10**8\n", Verdict.CPU_TIME_LIMIT, "cpu_seconds"
    ),
    python(
        "one long expression",
        "import re\nprint('begun', flush=True)\nre.match('(a+)+$', 'a' * 60 + 'b')\n",
        Verdict.CPU_TIME_LIMIT,
        "cpu_seconds",
    ),
    python(
        "a laugh a billion times",
        "print('begun', flush=True)\nx = 'ha'\nwhile True:\n    x += x\n",
        Verdict.MEMORY_LIMIT,
        "memory_bytes",
    ),
    python(
        "source too deep to parse", "print('begun', flush=True)\neval('(' * 10**4)\n", ERROR, stderr="too many nested"
    ),
    python(
        "interrupt that is swallowed",
        "print('begun', flush=True)\nwhile True:\n    try:\n        raise KeyboardInterrupt\n    except BaseException:\n        pass\n",
        Verdict.CPU_TIME_LIMIT,
        "cpu_seconds",
    ),
    python("its own source removed", "import os\nos.remove(__file__)\nprint('begun', flush=True)\n"),
]
