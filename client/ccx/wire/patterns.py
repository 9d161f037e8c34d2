"""Names of artifacts that stand for several files: `*.png`, `plots/figure-?.svg`."""

from __future__ import annotations

from fnmatch import fnmatchcase


def is_pattern(name: str) -> bool:
    """Whether it may stand for other names than itself."""
    return any(sign in name for sign in "*?[")


def matches(name: str, pattern: str) -> bool:
    """As in a shell: `*`, `?` and `[…]` within one part of a path, and no leading dot but for one that is written.

    A name always matches itself, so a file that is called `*` can be asked for.
    """
    parts, patterns = name.split("/"), pattern.split("/")
    return name == pattern or (len(parts) == len(patterns) and all(map(_part_matches, parts, patterns)))


def _part_matches(part: str, pattern: str) -> bool:
    return fnmatchcase(part, pattern) and (not part.startswith(".") or pattern.startswith("."))
