"""C++, which is built where somebody asks for it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from ccx.client import Client
from ccx.wire import Verdict
from tests.support.by_name import node_built_by_name
from tests.support.node import NodeProcess, Runs, runs_on, told

pytestmark = [pytest.mark.docker, pytest.mark.timeout(600)]

HELLO = "#include <bits/stdc++.h>\nusing namespace std;\n"


@pytest.fixture(scope="module")
def node(suite: str, tmp_path_factory: pytest.TempPathFactory, images: None) -> Iterator[NodeProcess]:
    with node_built_by_name("cpp", "g++ 14", suite, tmp_path_factory.mktemp("cpp")) as node:
        yield node


@pytest.fixture
async def run(node: NodeProcess) -> AsyncIterator[Runs]:
    async with Client(node.url) as client:
        yield runs_on(client)


@pytest.mark.parametrize(
    ("source", "fields", "expected"),
    [
        (HELLO + 'int main() { string s; while (cin >> s) cout << s << "\\n"; }', {"stdin": "a b\n"}, "a\nb\n"),
        (HELLO + "int main() { vector v{3, 1, 2}; ranges::sort(v); cout << v[0] << endl; }", {}, "1\n"),
        (HELLO + "int main() { cout << __cplusplus; }", {"compile_args": ["-std=c++17"]}, "201703"),
        (
            HELLO + "int main() { try { throw 7; } catch (int e) { cout << e; } }",
            {},
            "7",
        ),
        (HELLO + "int main() { cout << 7; }", {"compile_args": ["-static"]}, "7"),
        (HELLO + "int main() { thread t([] { cout << 1; }); t.join(); }", {}, "1"),
        (HELLO + "int main() { int a[2] = {1, 2}; cout << a[1]; }", {"compile_args": ["-fsanitize=address"]}, "2"),
    ],
)
async def test_programs_as_contests_have_them(run: Runs, source: str, fields: dict[str, Any], expected: str) -> None:
    result = await run("c++", {"main.cpp": source}, **fields)
    assert told(result) == (Verdict.OK, expected), result


async def test_files_belong_together(run: Runs) -> None:
    files: dict[str, str | bytes] = {
        "main.cpp": '#include <iostream>\n#include "shape.hpp"\nint main() { std::cout << Square{6}.area(); }\n',
        "shape.hpp": "struct Square { int side; int area() const; };\n",
        "shape.cc": '#include "shape.hpp"\nint Square::area() const { return side * side; }\n',
    }
    assert told(await run("cpp-of-the-tests", files)) == (Verdict.OK, "36")


@pytest.mark.parametrize("end", ["for (;;) ;", "abort();", "*(volatile int*)0 = 1;"])
async def test_what_was_printed_before_the_end_is_there(run: Runs, end: str) -> None:
    source = f"{HELLO}int main() {{ cout << 1 << '\\n'; {end} }}\n"
    result = await run("c++", {"main.cpp": source}, limits={"cpu_seconds": 0.5, "wall_seconds": 20})
    assert result.cases[0].stdout == "1\n"


async def test_what_does_not_compile_says_where(run: Runs) -> None:
    result = await run("c++", {"main.cpp": "int main() { return nothing; }\n"})
    assert result.verdict is Verdict.COMPILE_ERROR
    assert result.compile is not None
    assert "main.cpp:1:21: error:" in result.compile.stderr
    assert "was not declared in this scope" in result.compile.stderr
