"""Which language a program is in and which file is its main one, as far as names tell. Pure.

Suffixes and names come from the node; none is written here.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from ccx.cli.options.sources import listing
from ccx.errors import BadInput
from ccx.wire.complaints import meant

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ccx.wire import LanguageInfo

_MAIN_STEM = "main"


class LanguageUnserved(BadInput):
    """The node serves no language of that name, or none with that suffix."""


def named_language(name: str, languages: Sequence[LanguageInfo]) -> LanguageInfo:
    """The language of that name or alias. Raises BadInput."""
    for language in languages:
        if name == language.name or name in language.aliases:
            return language
    names = [language.name for language in languages]
    known = [*names, *(alias for language in languages for alias in language.aliases)]
    alike = meant(name, known)
    suggestion = f" Did you mean {alike!r}?" if alike else ""
    raise LanguageUnserved(f"The node has no language {name!r}; it has {listing(names)}.{suggestion}")


def language_of(entrypoint: str, languages: Sequence[LanguageInfo]) -> LanguageInfo:
    """The language its suffix says. Raises BadInput where it says none, or several."""
    suffix = PurePosixPath(entrypoint).suffix
    found = [language for language in languages if suffix in language.suffixes]
    if len(found) > 1:
        found = [language for language in found if not language.by_name_only] or found
    if len(found) == 1:
        return found[0]
    if found:
        names = listing([language.name for language in found])
        raise BadInput(f"{suffix!r} is a suffix of {names}; say which one with --language.")
    known = listing([suffix for language in languages for suffix in language.suffixes]) or "none"
    what = f"has the unknown suffix {suffix!r}" if suffix else "has no suffix"
    raise LanguageUnserved(f"{entrypoint!r} {what}; known are {known}, or name the language with --language.")


def main_file(names: Iterable[str], languages: Sequence[LanguageInfo]) -> str:
    """The main file among those of a directory: the one called main, else the only one in a language. Raises BadInput.

    Of several called main, one that lies higher than all others is it.
    """
    suffixes = {suffix for language in languages for suffix in language.suffixes}
    sources = [path for path in map(PurePosixPath, names) if path.suffix in suffixes]
    mains = [path for path in sources if path.stem.lower() == _MAIN_STEM]
    highest = min((len(path.parts) for path in mains), default=0)
    candidates = [path for path in mains if len(path.parts) == highest] or sources
    if len(candidates) == 1:
        return str(candidates[0])
    if not candidates:
        raise BadInput(
            f"No file here has a known suffix ({listing(list(suffixes)) or 'none'}); name one with --entrypoint."
        )
    raise BadInput(
        f"Which file is the main one? Name it with --entrypoint: {listing([str(path) for path in candidates])}."
    )
