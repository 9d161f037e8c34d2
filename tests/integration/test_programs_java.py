"""Java programs, as people write them."""

from __future__ import annotations

import asyncio

import pytest

from ccx.wire import Verdict
from tests.support.node import Runs

pytestmark = pytest.mark.docker


def hello(name: str, word: str = "hello") -> str:
    return f'public class {name} {{ public static void main(String[] a) {{ System.out.println("{word}"); }} }}\n'


async def test_a_public_class_may_have_any_name_whatever_its_file_is_called(run: Runs) -> None:
    files = ["Hello.java", "main.java", "Something_Else.java", "hello world.java", "über.java"]

    results = await asyncio.gather(*(run("java", {file: hello("Hello")}) for file in files))

    assert [(result.verdict, result.cases[0].stdout) for result in results] == [(Verdict.OK, "hello\n")] * 5


async def test_a_class_may_have_a_name_of_any_letters(run: Runs) -> None:
    result = await run("java", {"Größe.java": hello("Größe", "世界")})

    assert (result.verdict, result.cases[0].stdout) == (Verdict.OK, "世界\n")


async def test_classes_may_be_in_packages(run: Runs) -> None:
    result = await run(
        "java",
        {
            "org/example/app/App.java": "package org.example.app;\nimport org.example.shapes.Square;\n"
            "public class App { public static void main(String[] a) { System.out.println(new Square(6).area()); } }\n",
            "org/example/shapes/Square.java": "package org.example.shapes;\n"
            "public record Square(int side) { public int area() { return side * side; } }\n",
        },
    )

    assert (result.verdict, result.cases[0].stdout) == (Verdict.OK, "36\n"), result


async def test_a_class_in_a_package_may_come_as_a_lone_file(run: Runs) -> None:
    result = await run("java", {"Main.java": "package org.example;\n" + hello("Main")})

    assert (result.verdict, result.cases[0].stdout) == (Verdict.OK, "hello\n")


async def test_several_files_without_packages_belong_together(run: Runs) -> None:
    result = await run(
        "java",
        {
            "Main.java": "void main() { System.out.println(Other.WORD); }",
            "Other.java": 'class Other { static final String WORD = "other"; }\n',
        },
    )

    assert (result.verdict, result.cases[0].stdout) == (Verdict.OK, "other\n")


async def test_of_several_classes_in_a_file_the_one_with_a_main_is_run(run: Runs) -> None:
    result = await run(
        "java",
        "class First { static int number() { return 42; } }\n"
        "interface Second { default int more() { return 1; } }\n"
        "class Third implements Second { public static void main(String[] a) {"
        " System.out.println(First.number() + new Third().more()); } }\n",
    )

    assert (result.verdict, result.cases[0].stdout) == (Verdict.OK, "43\n")


async def test_of_several_files_with_a_main_the_entrypoints_is_run(run: Runs) -> None:
    files: dict[str, str | bytes] = {"One.java": hello("One", "one"), "Two.java": hello("Two", "two")}

    first = await run("java", files)
    second = await run("java", files, entrypoint="Two.java")

    assert (first.cases[0].stdout, second.cases[0].stdout) == ("one\n", "two\n")


async def test_a_main_need_be_neither_static_nor_public_nor_take_arguments(run: Runs) -> None:
    result = await run("java", 'class Hello { void main() { System.out.println("instance"); } }\n')

    assert (result.verdict, result.cases[0].stdout) == (Verdict.OK, "instance\n")


async def test_a_compact_source_file_needs_no_class(run: Runs) -> None:
    result = await run("java", {"compact.java": 'void main() { IO.println("compact " + List.of(1, 2)); }\n'})

    assert (result.verdict, result.cases[0].stdout) == (Verdict.OK, "compact [1, 2]\n"), result


async def test_a_compact_source_file_is_named_like_a_class_or_the_compiler_says_so(run: Runs) -> None:
    result = await run("java", {"my program.java": 'void main() { IO.println("compact"); }\n'})

    assert result.verdict is Verdict.COMPILE_ERROR
    assert result.compile is not None
    assert "error: bad file name: my program" in result.compile.stderr


async def test_records_sealed_types_and_switch_patterns_work(run: Runs) -> None:
    result = await run(
        "java",
        """
        sealed interface Shape permits Circle, Square {}
        record Circle(double radius) implements Shape {}
        record Square(double side) implements Shape {}
        public class Main {
            static String name(Shape shape) {
                return switch (shape) { case Circle(double r) -> "circle " + r; case Square s -> s.toString(); };
            }
            public static void main(String[] arguments) {
                System.out.println(name(new Circle(1)) + ", " + name(new Square(2)));
            }
        }
        """,
    )

    assert (result.verdict, result.cases[0].stdout) == (Verdict.OK, "circle 1.0, Square[side=2.0]\n"), result


async def test_a_scanner_reads_the_input_to_its_end(run: Runs) -> None:
    result = await run(
        "java",
        """
        import java.util.Scanner;
        public class Sum {
            public static void main(String[] arguments) {
                Scanner input = new Scanner(System.in);
                long sum = 0;
                while (input.hasNextInt()) sum += input.nextInt();
                System.out.println(sum + " " + input.hasNext());
            }
        }
        """,
        stdin="1 2\n3\n\n4",
    )

    assert (result.verdict, result.cases[0].stdout) == (Verdict.OK, "10 false\n")


async def test_an_uncaught_exception_shows_its_usual_stack_trace_and_nothing_of_ours(run: Runs) -> None:
    result = await run(
        "java",
        {
            "Main.java": "public class Main {\n"
            "    static void fail(int depth) {\n"
            '        if (depth == 0) throw new IllegalStateException("no more");\n'
            "        fail(depth - 1);\n"
            "    }\n"
            "    public static void main(String[] arguments) {\n"
            "        fail(1);\n"
            "    }\n"
            "}\n"
        },
    )

    (case,) = result.cases
    assert (case.verdict, case.exit_code, case.stdout) == (Verdict.RUNTIME_ERROR, 1, "")
    assert case.stderr == (
        'Exception in thread "main" java.lang.IllegalStateException: no more\n'
        "\tat Main.fail(Main.java:3)\n"
        "\tat Main.fail(Main.java:4)\n"
        "\tat Main.main(Main.java:7)\n"
    )


async def test_system_exit_gives_the_exit_code(run: Runs) -> None:
    program = 'void main(String[] codes) { System.out.print("x"); System.exit(Integer.parseInt(codes[0])); }\n'

    result = await run("java", program, cases=[{"args": [code]} for code in ("0", "3", "255")])

    assert [(case.exit_code, case.stdout) for case in result.cases] == [(0, "x"), (3, "x"), (255, "x")]


async def test_running_out_of_heap_is_a_memory_limit(run: Runs) -> None:
    program = """
        import java.util.ArrayList;
        public class Main {
            public static void main(String[] arguments) {
                var kept = new ArrayList<long[]>();
                while (true) kept.add(new long[100_000]);
            }
        }
    """
    result = await run("java", program)

    (case,) = result.cases
    assert (case.verdict, case.limit) == (Verdict.MEMORY_LIMIT, "memory_bytes"), case
    assert "java.lang.OutOfMemoryError: Java heap space" in case.stderr


async def test_running_out_of_heap_and_living_on_is_ok(run: Runs) -> None:
    program = """
        public class Main {
            public static void main(String[] arguments) {
                try { System.out.println(new long[Integer.MAX_VALUE - 8].length); }
                catch (OutOfMemoryError error) { System.out.println("too much"); }
            }
        }
    """
    result = await run("java", program)

    assert (result.verdict, result.cases[0].stdout) == (Verdict.OK, "too much\n"), result


async def test_recursion_that_is_too_deep_is_a_runtime_error(run: Runs) -> None:
    result = await run(
        "java",
        "public class Main { static int down(int n) { return down(n + 1) + 1; } "
        "public static void main(String[] a) { down(0); } }\n",
    )

    (case,) = result.cases
    assert (case.verdict, case.exit_code, case.limit) == (Verdict.RUNTIME_ERROR, 1, None)
    assert case.stderr.startswith('Exception in thread "main" java.lang.StackOverflowError\n')


async def test_what_does_not_compile_is_a_compile_error_in_the_users_own_words(run: Runs) -> None:
    result = await run("java", {"Main.java": 'public class Main {\n    int number = "text";\n}\n'})

    assert (result.verdict, result.message, result.cases) == (Verdict.COMPILE_ERROR, "It does not compile.", ())
    assert result.compile is not None
    assert result.compile.exit_code == 1
    assert result.compile.stderr.startswith(
        "Main.java:2: error: incompatible types: String cannot be converted to int\n"
    )


async def test_a_program_without_a_main_says_so(run: Runs) -> None:
    result = await run("java", "public class Main { }\n")

    assert result.verdict in {Verdict.COMPILE_ERROR, Verdict.RUNTIME_ERROR}
    said = "".join(case.stderr for case in result.cases) + (result.compile.stderr if result.compile else "")
    assert "main" in said


async def test_threads_work(run: Runs) -> None:
    result = await run(
        "java",
        """
        import java.util.concurrent.Executors;
        import java.util.stream.IntStream;
        void main() throws Exception {
            try (var pool = Executors.newFixedThreadPool(8); var light = Executors.newVirtualThreadPerTaskExecutor()) {
                System.out.println(pool.submit(() -> 40).get() + light.submit(() -> 2).get());
            }
            System.out.println(IntStream.range(0, 100_000).parallel().sum());
        }
        """,
    )

    assert (result.verdict, result.cases[0].stdout) == (Verdict.OK, "42\n704982704\n"), result


async def test_text_of_all_the_world_goes_in_and_out(run: Runs) -> None:
    text = "Grüße, 世界, здравствуй, 🌍\n"

    result = await run("java", 'void main() { IO.println(IO.readln()); System.err.println("ё"); }\n', stdin=text)

    assert (result.cases[0].stdout, result.cases[0].stderr) == (text, "ё\n"), result


async def test_the_compiler_takes_arguments(run: Runs) -> None:
    raw = "List raw = new ArrayList();\nvoid main() { }\n"

    result = await run("java", raw, compile_args=["-Xlint:rawtypes"])

    assert result.verdict is Verdict.OK
    assert result.compile is not None
    assert "[rawtypes] found raw type: List" in result.compile.stderr
