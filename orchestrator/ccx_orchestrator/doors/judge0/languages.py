"""Judge0's numbers of languages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ccx.wire import LanguageInfo

# Theirs that are the same language, the one that is listed first.
MULTI_FILE = 89
_NUMBERS = {"c": (50, 48, 49), "cpp": (54, 52, 53), "java": (62,), "python": (71,), "python-science": (10,)}


def language_of(number: object, languages: Iterable[LanguageInfo]) -> LanguageInfo | None:
    """Ours for theirs, if it is served."""
    return next((language for language in languages if number in _NUMBERS.get(language.name, ())), None)


def number_of(name: str) -> int | None:
    """Theirs for ours, None where they have none like it."""
    return next(iter(_NUMBERS.get(name, ())), None)


def listed(languages: Iterable[LanguageInfo]) -> list[dict[str, Any]]:
    """Their list, by number."""
    numbered = {number: language for language in languages if (number := number_of(language.name)) is not None}
    found = [{"id": number, "name": f"{each.title} ({each.version})"} for number, each in sorted(numbered.items())]
    return [*found, multi_file()] if found else []


def multi_file() -> dict[str, Any]:
    """Programs that bring scripts of their own."""
    return {"id": MULTI_FILE, "name": "Multi-file program"}
