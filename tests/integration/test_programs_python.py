"""Python programs, as people write them."""

from __future__ import annotations

import pytest

from ccx.errors import InvalidSubmission
from ccx.wire import Verdict
from tests.support.node import Runs

pytestmark = pytest.mark.docker


async def test_modules_beside_the_main_file_can_be_imported(run: Runs) -> None:
    result = await run(
        "python",
        {
            "main.py": "from shapes import area\nfrom tools.text import shout\nimport tools\n"
            "print(shout(f'{area(6, 7)}'), tools.NAME)\n",
            "shapes.py": "def area(width, height): return width * height\n",
            "tools/__init__.py": "NAME = 'tools'\n",
            "tools/text.py": "from . import NAME\ndef shout(text): return text + '!'\n",
        },
    )

    assert (result.verdict, result.cases[0].stdout) == (Verdict.OK, "42! tools\n")


async def test_a_main_file_in_a_folder_sees_the_modules_beside_it(run: Runs) -> None:
    result = await run(
        "python",
        {"app/main.py": "import near, os\nprint(near.WHERE, os.getcwd())\n", "app/near.py": "WHERE = 'here'\n"},
    )

    assert (result.verdict, result.cases[0].stdout) == (Verdict.OK, "here /box/work\n")


async def test_data_files_can_be_read_where_they_lie(run: Runs) -> None:
    result = await run(
        "python",
        {"main.py": "print(sum(open('data/bytes.bin', 'rb').read()))\n", "data/bytes.bin": bytes(range(256))},
    )

    assert result.cases[0].stdout == "32640\n"


async def test_reading_past_the_end_of_input_is_the_programs_own_error(run: Runs) -> None:
    result = await run("python", {"ask.py": "print(input())\nprint(input())\n"}, stdin="only one\n")

    (case,) = result.cases
    assert (case.verdict, case.exit_code, case.stdout) == (Verdict.RUNTIME_ERROR, 1, "only one\n")
    assert case.stderr.endswith("EOFError: EOF when reading a line\n")


async def test_a_traceback_has_the_users_own_file_names_lines_and_source(run: Runs) -> None:
    result = await run(
        "python",
        {
            "homework.py": "import helper\n\nhelper.divide(1, 0)\n",
            "helper.py": "def divide(a, b):\n    return a / b\n",
        },
    )

    assert result.verdict is Verdict.RUNTIME_ERROR
    assert result.cases[0].stderr == (
        "Traceback (most recent call last):\n"
        '  File "/box/work/homework.py", line 3, in <module>\n'
        "    helper.divide(1, 0)\n"
        "    ~~~~~~~~~~~~~^^^^^^\n"
        '  File "/box/work/helper.py", line 2, in divide\n'
        "    return a / b\n"
        "           ~~^~~\n"
        "ZeroDivisionError: division by zero\n"
    )


async def test_a_syntax_error_is_a_runtime_error_that_shows_the_line(run: Runs) -> None:
    result = await run("python", {"homework.py": "print('ok')\nif True print()\n"})

    (case,) = result.cases
    assert (case.verdict, case.exit_code, case.stdout) == (Verdict.RUNTIME_ERROR, 1, "")
    assert '/box/work/homework.py", line 2\n    if True print()\n' in case.stderr
    assert "SyntaxError" in case.stderr


async def test_text_of_all_the_world_goes_in_and_out(run: Runs) -> None:
    text = "Grüße, 世界, здравствуй, 🌍\n"

    result = await run(
        "python", "import sys\nprint(input())\nprint('ё', file=sys.stderr)\nassert len('🌍') == 1\n", stdin=text
    )

    (case,) = result.cases
    assert (case.verdict, case.stdout, case.stdout_encoding, case.stderr) == (Verdict.OK, text, "utf-8", "ё\n")


async def test_output_that_is_no_text_comes_back_as_base64(run: Runs) -> None:
    result = await run("python", "import sys\nsys.stdout.buffer.write(bytes(range(256)))\n")

    (case,) = result.cases
    assert (case.stdout_encoding, case.stdout_data(), case.stdout_bytes) == ("base64", bytes(range(256)), 256)
    assert (case.stderr_encoding, case.stderr) == ("utf-8", "")


async def test_nul_and_carriage_return_pass_unchanged(run: Runs) -> None:
    result = await run("python", "import sys\nsys.stdout.buffer.write(sys.stdin.buffer.read())\n", stdin="a\0b\r\nc\r")

    assert result.cases[0].stdout == "a\0b\r\nc\r"


async def test_a_character_cut_in_two_by_the_output_limit_loses_nothing(run: Runs) -> None:
    result = await run("python", "print('ä' * 10)\n", limits={"output_bytes": 5})

    (case,) = result.cases
    assert case.verdict is Verdict.OUTPUT_LIMIT
    assert case.stdout_data() == b"\xc3\xa4\xc3\xa4\xc3"


@pytest.mark.parametrize(
    ("statement", "code"), [("exit()", 0), ("exit(3)", 3), ("exit('gone')", 1), ("exit(256 + 5)", 5)]
)
async def test_exit_is_what_python_makes_of_it(run: Runs, statement: str, code: int) -> None:
    result = await run("python", statement)

    assert result.cases[0].exit_code == code


async def test_what_was_printed_before_the_end_was_printed(run: Runs) -> None:
    result = await run("python", "print('so far', end='')\nwhile True: pass\n", limits={"cpu_seconds": 0.3})

    assert (result.verdict, result.cases[0].stdout) == (Verdict.CPU_TIME_LIMIT, "so far")


async def test_deep_recursion_is_a_runtime_error(run: Runs) -> None:
    result = await run("python", "def down(): down()\ndown()\n")

    assert result.verdict is Verdict.RUNTIME_ERROR
    assert "RecursionError: maximum recursion depth exceeded" in result.cases[0].stderr


async def test_threads_and_processes_work(run: Runs) -> None:
    result = await run(
        "python",
        "from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor\n"
        "for kind in (ThreadPoolExecutor, ProcessPoolExecutor):\n"
        "    with kind(3) as pool: print(sum(pool.map(abs, range(-5, 0))))\n",
    )

    assert (result.verdict, result.cases[0].stdout) == (Verdict.OK, "15\n15\n"), result.cases[0].stderr


async def test_the_standard_library_is_there(run: Runs) -> None:
    modules = (
        "sqlite3, ssl, decimal, ctypes, lzma, bz2, zlib, asyncio, unittest, json, curses, readline, uuid, tomllib, venv"
    )

    result = await run("python", f"import {modules}\nprint('all')\n")

    assert (result.verdict, result.cases[0].stdout) == (Verdict.OK, "all\n"), result.cases[0].stderr


async def test_the_sandbox_and_its_loopback_have_names_and_nothing_else_has(run: Runs) -> None:
    program = """
import socket
print(socket.gethostbyname("localhost"), socket.gethostbyname(socket.gethostname()).split(".")[0])
with socket.create_server(("localhost", 0)) as server:
    socket.create_connection(("localhost", server.getsockname()[1])).close()
try:
    socket.gethostbyname("example.org")
except OSError:
    print("unknown")
"""
    result = await run("python", program)

    assert (result.verdict, result.cases[0].stdout) == (Verdict.OK, "127.0.0.1 127\nunknown\n")


async def test_temporary_files_can_be_made(run: Runs) -> None:
    result = await run("python", "import tempfile\nwith tempfile.TemporaryFile() as file: print(file.write(b'abc'))\n")

    assert (result.verdict, result.cases[0].stdout) == (Verdict.OK, "3\n"), result.cases[0].stderr


async def test_compile_arguments_are_refused_for_a_language_without_a_compiler(run: Runs) -> None:
    with pytest.raises(InvalidSubmission, match="compile_args: cannot be used: Python programs are not compiled"):
        await run("python", "", compile_args=["-O"])
