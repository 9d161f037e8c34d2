"""What is run, the same on every side: a hello and a heavier program per language, with what they must print."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Program:
    """One program. `shell` compiles and runs it where `file` lies in the current directory."""

    language: str
    name: str
    file: str
    source: str
    stdout: str
    shell: str


PYTHON = "python3 {file}"
C = "gcc -O2 -Wall -o a.out {file} -lm && ./a.out"
JAVA = "javac {file} && java {stem}"

PROGRAMS = (
    Program("python", "hello", "hello.py", 'print("hello")\n', "hello\n", PYTHON.format(file="hello.py")),
    Program(
        "python",
        "heavy",
        "heavy.py",
        "import json\nprimes = [n for n in range(2, 20000) if all(n % d for d in range(2, int(n ** 0.5) + 1))]\n"
        "print(len(json.dumps(primes)), sum(primes))\n",
        "14408 21171191\n",
        PYTHON.format(file="heavy.py"),
    ),
    Program(
        "c",
        "hello",
        "hello.c",
        '#include <stdio.h>\nint main(void) { puts("hello"); }\n',
        "hello\n",
        C.format(file="hello.c"),
    ),
    Program(
        "c",
        "heavy",
        "heavy.c",
        "#include <stdio.h>\n#include <stdlib.h>\n#include <math.h>\nstatic int less(const void *a, const void *b) "
        "{ return (*(int *)a > *(int *)b) - (*(int *)a < *(int *)b); }\nint main(void) { int n = 1000000, *x = malloc(n * "
        "sizeof *x); unsigned s = 1; for (int i = 0; i < n; i++) { s = s * 1103515245u + 12345u; x[i] = s >> 1; } "
        'qsort(x, n, sizeof *x, less); printf("%d %.3f\\n", x[n / 2], sqrt(x[0])); }\n',
        "1072885115 43.943\n",
        C.format(file="heavy.c"),
    ),
    Program(
        "java",
        "hello",
        "Hello.java",
        'class Hello { public static void main(String[] a) { System.out.println("hello"); } }\n',
        "hello\n",
        JAVA.format(file="Hello.java", stem="Hello"),
    ),
    Program(
        "java",
        "heavy",
        "Heavy.java",
        "import java.util.*;\nclass Heavy { public static void main(String[] a) { var m = new HashMap<Integer, List<Integer>>();"
        " for (int i = 0; i < 400000; i++) m.computeIfAbsent(i % 1000, k -> new ArrayList<>()).add(i);"
        " long s = 0; for (var l : m.values()) for (int i : l) s += i; System.out.println(s); } }\n",
        "79999800000\n",
        JAVA.format(file="Heavy.java", stem="Heavy"),
    ),
)


def hello(language: str) -> Program:
    """The hello of a language."""
    return next(program for program in PROGRAMS if program.language == language and program.name == "hello")
