"""Python with the libraries that people teach and plot with."""

from __future__ import annotations

import io
import struct
from collections.abc import AsyncIterator, Iterator

import pytest

from ccx.client import Client
from ccx.wire import Verdict
from tests.support.by_name import node_built_by_name
from tests.support.node import NodeProcess, Runs, runs_on, told

pytestmark = [pytest.mark.docker, pytest.mark.timeout(600)]

LANGUAGE = "python-science-of-the-tests"
PLOT = "import matplotlib.pyplot as plt\nplt.plot([1, 3, 2])\n"


@pytest.fixture(scope="module")
def node(suite: str, tmp_path_factory: pytest.TempPathFactory, images: None) -> Iterator[NodeProcess]:
    with node_built_by_name("python-science", "Python 3.13", suite, tmp_path_factory.mktemp("science")) as node:
        yield node


@pytest.fixture
async def run(node: NodeProcess) -> AsyncIterator[Runs]:
    async with Client(node.url) as client:
        yield runs_on(client)


def picture_size(data: bytes) -> tuple[int, int]:
    """Width and height of a PNG."""
    assert data.startswith(b"\x89PNG")
    width, height = struct.unpack_from(">II", io.BytesIO(data).getbuffer(), 16)
    return width, height


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        ("import numpy as np\nprint(np.linalg.solve([[2, 0], [0, 4]], [2, 8]))", "[1. 2.]\n"),
        ("import pandas as pd\nprint(pd.DataFrame({'x': [3, 1, 2]}).sort_values('x').x.tolist())", "[1, 2, 3]\n"),
        ("from scipy import optimize\nprint(round(optimize.brentq(lambda x: x * x - 2, 0, 2), 6))", "1.414214\n"),
        ("import sympy\nx = sympy.Symbol('x')\nprint(sympy.diff(sympy.sin(x) * x, x))", "x*cos(x) + sin(x)\n"),
        ("from PIL import Image\nprint(Image.new('RGB', (2, 3)).size)", "(2, 3)\n"),
        (
            "import numpy, threading\nnumpy.ones((900, 900)) @ numpy.ones((900, 900))\nprint(threading.active_count())",
            "1\n",
        ),
    ],
)
async def test_libraries_work_and_say_nothing_of_their_own(run: Runs, program: str, expected: str) -> None:
    result = await run(LANGUAGE, program)
    assert told(result) == (Verdict.OK, expected), result
    assert result.cases[0].stderr == ""


async def test_a_plot_that_is_shown_or_saved_comes_back_by_a_pattern(run: Runs) -> None:
    program = f"{PLOT}plt.show()\nplt.figure(figsize=(2, 1))\nplt.plot([1])\nplt.show()\nplt.show()\n"
    program += "fig, ax = plt.subplots()\nfig.savefig('own.png')\n"
    result = await run(LANGUAGE, program, artifacts=["*.png"])
    assert (result.verdict, result.cases[0].stderr) == (Verdict.OK, ""), result
    assert [artifact.name for artifact in result.artifacts] == ["figure-1.png", "figure-2.png", "own.png"]
    assert [picture_size(artifact.data()) for artifact in result.artifacts] == [(640, 480), (200, 100), (640, 480)]


async def test_a_program_that_chooses_its_backend_or_its_settings_has_them(run: Runs) -> None:
    program = (
        f"import matplotlib\nmatplotlib.use('Agg')\n{PLOT}print(plt.rcParams['figure.dpi'])\nplt.savefig('p.svg')\n"
    )
    files: dict[str, str | bytes] = {"main.py": program, "matplotlibrc": "figure.dpi: 50\n"}
    result = await run(LANGUAGE, files, artifacts=["*"])
    assert told(result) == (Verdict.OK, "50.0\n"), result
    assert sorted(artifact.name for artifact in result.artifacts) == ["main.py", "matplotlibrc", "p.svg"]


async def test_a_picture_of_the_program_is_not_overwritten(run: Runs) -> None:
    program = f"open('figure-1.png', 'w').write('mine')\n{PLOT}plt.show()\nprint(open('figure-1.png').read())\n"
    result = await run(LANGUAGE, program, artifacts=["figure-2.png"])
    assert told(result) == (Verdict.OK, "mine\n")
    assert result.artifacts[0].error is None


async def test_the_library_needs_its_name_and_python_keeps_its_suffix(node: NodeProcess) -> None:
    async with Client(node.url) as client:
        (language,) = await client.languages()
    assert (language.by_name_only, language.suffixes) == (True, (".py",))
