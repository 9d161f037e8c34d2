"""Programs that judge others, in every language, and programs to be judged."""

from __future__ import annotations

from typing import Any

# Right is any two numbers with the sum that was asked for, however they are split.
CHECKERS: dict[str, tuple[str, str]] = {
    "python": (
        "check.py",
        """
import sys
wanted = int(open(sys.argv[1]).read())
try:
    numbers = [int(word) for word in sys.stdin.read().split()]
except ValueError as error:
    numbers = []
with open(sys.argv[3] + "/judgemessage.txt", "w") as message:
    message.write(f"{numbers} for {wanted}, as {open(sys.argv[2]).read().strip()}, {sys.argv[4:]}")
sys.exit(42 if len(numbers) == 2 and sum(numbers) == wanted else 43)
""",
    ),
    "c": (
        "check.c",
        r"""
#include <stdio.h>
int main(int argc, char **argv) {
    char path[1000];
    long wanted, a, b;
    FILE *input = fopen(argv[1], "r");
    fscanf(input, "%ld", &wanted);
    int right = scanf("%ld %ld", &a, &b) == 2 && a + b == wanted;
    snprintf(path, sizeof path, "%s/judgemessage.txt", argv[3]);
    FILE *message = fopen(path, "w");
    fprintf(message, "%ld and %ld for %ld", a, b, wanted);
    fclose(message);
    return right ? 42 : 43;
}
""",
    ),
    "java": (
        "Check.java",
        """
import java.nio.file.*;
import java.util.*;
public class Check {
    public static void main(String[] arguments) throws Exception {
        long wanted = Long.parseLong(Files.readString(Path.of(arguments[0])).strip());
        Scanner in = new Scanner(System.in);
        long a = in.nextLong(), b = in.nextLong();
        Files.writeString(Path.of(arguments[2], "judgemessage.txt"), a + " and " + b + " for " + wanted);
        System.exit(a + b == wanted ? 42 : 43);
    }
}
""",
    ),
}
# The same with testlib's conventions, and what testlib.h prints.
TESTLIB = """
import sys
words = open(sys.argv[2]).read().split()
wanted = int(open(sys.argv[1]).read())
if len(words) != 2:
    print("wrong output format Expected two numbers", file=sys.stderr)
    sys.exit(2)
if sum(map(int, words)) == int(open(sys.argv[3]).read()):
    print(f"ok {wanted}", file=sys.stderr)
    sys.exit(0)
print("wrong answer no such sum", file=sys.stderr)
sys.exit(1)
"""
SPLITS = "n = int(input())\nprint(n // 3, n - n // 3)\n"
# Guesses a number by halves; the interactor knows it.
INTERACTOR = """
import sys
secret = int(open(sys.argv[1]).read())
for turn in range(8):
    line = sys.stdin.readline()
    if not line:
        print("it left", file=open(sys.argv[3] + "/judgemessage.txt", "w"))
        sys.exit(43)
    guess = int(line)
    print("lower" if secret < guess else "higher" if secret > guess else "right", flush=True)
    if guess == secret:
        print(f"{turn + 1} turns", file=open(sys.argv[3] + "/judgemessage.txt", "w"))
        sys.exit(42)
print("too many turns", file=open(sys.argv[3] + "/judgemessage.txt", "w"))
sys.exit(43)
"""
GUESSERS = {
    "python": (
        "guess.py",
        """
low, high = 0, 99
while True:
    middle = (low + high) // 2
    print(middle, flush=True)
    answer = input()
    if answer == "right":
        break
    low, high = (low, middle - 1) if answer == "lower" else (middle + 1, high)
""",
    ),
    "c": (
        "guess.c",
        r"""
#include <stdio.h>
#include <string.h>
int main(void) {
    int low = 0, high = 99;
    for (char answer[100] = ""; strcmp(answer, "right");) {
        int middle = (low + high) / 2;
        printf("%d\n", middle);
        fflush(stdout);
        if (scanf("%99s", answer) != 1)
            return 1;
        if (!strcmp(answer, "lower"))
            high = middle - 1;
        else
            low = middle + 1;
    }
}
""",
    ),
    "java": (
        "Guess.java",
        """
import java.util.*;
public class Guess {
    public static void main(String[] arguments) {
        Scanner in = new Scanner(System.in);
        int low = 0, high = 99;
        for (String answer = ""; !answer.equals("right");) {
            int middle = (low + high) / 2;
            System.out.println(middle);
            answer = in.next();
            if (answer.equals("lower")) high = middle - 1; else low = middle + 1;
        }
    }
}
""",
    ),
}
UPPER_IN_C = """
#include <ctype.h>
#include <stdio.h>
int main(void) {
    FILE *in = fopen("input.txt", "r"), *out = fopen("output.txt", "w");
    for (int c; (c = fgetc(in)) != EOF;) fputc(toupper(c), out);
}
"""
UPPER_IN_JAVA = """
import java.nio.file.*;
public class Main {
    public static void main(String[] arguments) throws Exception {
        Files.writeString(Path.of("output.txt"), Files.readString(Path.of("input.txt")).toUpperCase());
    }
}
"""
UPPER = {
    "python": ("main.py", "open('output.txt', 'w').write(open('input.txt').read().upper()); print('noise')"),
    "c": ("main.c", UPPER_IN_C),
    "java": ("Main.java", UPPER_IN_JAVA),
}


def judge(source: str, language: str = "python", name: str | None = None, **fields: Any) -> dict[str, Any]:
    """A checker or interactor as JSON has it."""
    return {"language": language, "files": [{"name": name, "content": source}]} | fields


def checker_in(language: str, **fields: Any) -> dict[str, Any]:
    name, source = CHECKERS[language]
    return judge(source, language, name, **fields)
