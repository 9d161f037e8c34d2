"""The report of `ccx grade` in a real browser, from a file, without a node or a network."""

from __future__ import annotations

import asyncio
import json
import subprocess
from pathlib import Path

import pytest
from axe_playwright_python.async_playwright import Axe

from tests.support.node import NodeProcess, ccx_command, ccx_environment
from tests.web.conftest import chromium

pytestmark = [pytest.mark.docker, pytest.mark.timeout(150)]

EVIL = "<img src=x onerror=document.title='hacked'><script>document.title='hacked'</script>"
CLASS = {
    "ada": "print(sum(map(int, input().split())))\n",
    "bob": "a, b = map(int, input().split())\nprint(a + b if a < 5 else a)\n",
    "eve": f'import sys\nprint("{EVIL}")\nprint("{EVIL}", file=sys.stderr)\nsys.exit(1)\n',
    "joe": "def (\n",
}


@pytest.fixture
def report(session_node: NodeProcess, tmp_path: Path) -> Path:
    """A folder with the report as a page and as JSON."""
    for person, program in CLASS.items():
        path = tmp_path / "class" / person / "main.py"
        path.parent.mkdir(parents=True)
        path.write_text(program)
    (tmp_path / "tests").mkdir()
    for number, (a, b) in enumerate([(1, 2), (2, 3), (7, 5)], 1):
        (tmp_path / f"tests/{number}.in").write_text(f"{a} {b}\n")
        (tmp_path / f"tests/{number}.ans").write_text(f"{a + b}\n")
    command = ccx_command(
        *("grade", "class", "--tests", "tests", "--report", "out.html", "--json", "out.json"),
        *("--server", session_node.url),
    )
    subprocess.run(command, cwd=tmp_path, env=ccx_environment(), check=False, capture_output=True, timeout=90)
    return tmp_path


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_the_page_has_the_numbers_of_the_json_and_runs_nothing(report: Path, theme: str) -> None:
    whole = json.loads(await asyncio.to_thread((report / "out.json").read_text))
    asked: list[str] = []
    async with chromium() as browser:
        profile = await browser.new_context(color_scheme="dark" if theme == "dark" else "light", offline=True)
        page = await profile.new_page()
        page.on("request", lambda request: asked.append(request.url))
        await page.goto((report / "out.html").as_uri())
        rows = await page.locator("table").first.locator("tbody tr").all()
        cells = [[await cell.inner_text() for cell in await row.locator("td").all()] for row in rows]
        title, evil = await page.title(), await page.locator("pre", has_text="onerror").count()
        found = await Axe().run(page)
    assert [(row[0], row[2], row[3], row[4], "".join(row[5:])) for row in cells] == [
        (
            grade["person"],
            f"{grade['points']:g}",
            f"{grade['passed']}/3",
            grade["verdict"].replace("_", " "),
            "".join("✓" if test["verdict"] == "ok" else "✗" for test in grade["tests"]),
        )
        for grade in whole["grades"]
    ]
    assert [row[3] for row in cells] == ["3/3", "2/3", "0/3", "0/3"]
    assert (title, evil > 0) == ("class", True)
    assert [url for url in asked if not url.startswith("file:")] == []
    assert found.violations_count == 0, found.generate_report()
