"""Jobe's names of languages, and what a run in each has where it says nothing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ccx.wire import LanguageInfo

# Moodle's questions expect numpy and matplotlib of python3, where they are.
_OURS = {"python3": ("python-science", "python")}
_HIDDEN = frozenset({"python-science", "python"})
# `-BE` of theirs keeps byte code and the environment out: a sandbox has neither.
DEFAULTS: dict[str, dict[str, Any]] = {
    "c": {"compileargs": ["-Wall", "-Werror", "-std=c99"], "name": "prog.c", "address_space": 400},
    "cpp": {"compileargs": ["-Wall", "-Werror"], "name": "prog.cpp", "address_space": 400},
    "python3": {"name": "prog.py"},
}


def language_of(language_id: str, languages: Iterable[LanguageInfo]) -> LanguageInfo | None:
    """Ours for theirs, if it is served."""
    by_name = {language.name: language for language in languages}
    names = _OURS.get(language_id, (language_id,))
    return next((by_name[name] for name in names if name in by_name), None)


def listed(languages: Iterable[LanguageInfo]) -> list[list[str]]:
    """Their list: names and versions."""
    served = tuple(languages)
    theirs = {language.name: language for language in served if language.name not in _HIDDEN}
    theirs |= {name: language for name in _OURS if (language := language_of(name, served))}
    return [[name, _version(theirs[name])] for name in sorted(theirs)]


def _version(language: LanguageInfo) -> str:
    """The number in it."""
    words = language.version.replace(",", " ").split()
    return next((word for word in words if word[:1].isdigit()), language.version)
