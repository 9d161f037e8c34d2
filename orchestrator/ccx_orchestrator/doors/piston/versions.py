"""Versions as Piston has them: three numbers, chosen by a range as npm writes it. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from nodesemver import satisfies  # type: ignore[import-untyped]

from ccx.wire import LanguageInfo

_NUMBERS = re.compile(r"\d+(\.\d+)*")
_PARTS = 3


def semantic_version(language: LanguageInfo) -> str:
    """`14.2.0` of "gcc 14.2.0", `25.0.5` of "OpenJDK 25.0.5.1"."""
    found = _NUMBERS.search(language.version)
    parts = [str(int(part)) for part in found[0].split(".")] if found else []
    return ".".join((*parts, "0", "0", "0")[:_PARTS])


def runtime_for(name: str, version_range: str, languages: Sequence[LanguageInfo]) -> LanguageInfo | None:
    """The language of that name or alias, where its version is in the range; None where there is none."""
    word = name.lower()
    for language in languages:
        names = {language.name, *language.aliases}
        if word in names and _is_in(semantic_version(language), version_range):
            return language
    return None


def _is_in(version: str, version_range: str) -> bool:
    try:
        return bool(satisfies(version, version_range.strip() or "*", loose=True))
    except (ValueError, TypeError, IndexError):  # what the library raises for a range that is none
        return False
