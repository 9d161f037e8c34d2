"""Puts the documents of the repository into one folder for the site: `build/docs-source`, with links that lead on."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

ROOT = Path(__file__).parents[1]
TARGET = ROOT / "build/docs-source"
# Documents that lie elsewhere, and their names in the site.
ELSEWHERE = {
    "README.md": "index.md",
    "ARCHITECTURE.md": "architecture.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "promises.md",
    "CHANGELOG.md": "changelog.md",
    "LICENSE": "licence.md",
    "images/README.md": "language-folders.md",
    "images/runner/PROTOCOL.md": "runner-protocol.md",
    "deploy/systemd/ccx.service": "ccx.service",
}
LINK = re.compile(r"(?<=\]\()(?!https?:|mailto:|#)([^)#\s]+)")


def main() -> None:
    """Make the folder anew."""
    shutil.rmtree(TARGET, ignore_errors=True)
    TARGET.mkdir(parents=True)
    shutil.copytree(ROOT / "docs/img", TARGET / "img")
    for source in [*(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")), *ELSEWHERE]:
        text = (ROOT / source).read_text("utf-8")
        (TARGET / _name_of(source)).write_text(_with_links(text, source) if source.endswith(".md") else text, "utf-8")


def _with_links(text: str, source: str) -> str:
    def changed(found: re.Match[str]) -> str:
        path = (ROOT / source).parent / found[1]
        return _name_of(path.resolve().relative_to(ROOT).as_posix())

    return LINK.sub(changed, text)


def _name_of(source: str) -> str:
    return ELSEWHERE.get(source, source.removeprefix("docs/"))


if __name__ == "__main__":
    main()
