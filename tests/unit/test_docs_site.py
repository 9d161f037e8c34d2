"""The documents as a site: links lead somewhere, every page is in the navigation, and nothing comes from elsewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOADED = re.compile(r'<(?:script|link|img|iframe)\b[^>]*?(?:src|href)="(https?://[^"]+)"')


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built as `make docs` does, but for where it goes: by `--strict` broken links and lost pages are errors."""
    target = tmp_path_factory.mktemp("site")
    commands = (
        [sys.executable, "scripts/docs_source.py"],
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(target)],
    )
    for command in commands:
        environment = os.environ | {"NO_MKDOCS_2_WARNING": "true"}
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stderr
    return target


def test_it_has_a_page_for_each_document_and_a_search(site: Path) -> None:
    pages = {path.stem for path in site.glob("*.html")}
    assert {path.stem for path in (ROOT / "docs").glob("*.md")} <= pages
    assert {"index", "architecture", "promises", "language-folders"} <= pages
    assert (site / "search/search_index.json").exists()


def test_it_opens_without_the_internet(site: Path) -> None:
    loaded = {(path.name, url) for path in site.glob("*.html") for url in LOADED.findall(path.read_text("utf-8"))}
    assert loaded == set()


def test_every_table_is_shown_as_one(site: Path) -> None:
    """One without an empty line before it would be a paragraph of vertical bars."""
    bare = [path.name for path in site.glob("*.html") if re.search(r"\|\s*:?-{2,}", path.read_text("utf-8"))]
    assert bare == []
