"""Which files to fetch from a work directory, where some were asked for by patterns."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ccx.wire.fields import MAX_ARTIFACTS, MAX_NAME_BYTES
from ccx.wire.patterns import is_pattern, matches


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file to fetch, or what was asked for and the reason why there is nothing to fetch."""

    name: str
    refusal: str | None = None


def highest_count(asked: Sequence[str]) -> int:
    """How many answers there may be: a file each, and for each pattern a sentence besides."""
    return len(asked) + MAX_ARTIFACTS if any(map(is_pattern, asked)) else len(asked)


def wanted_files(asked: Sequence[str], present: Iterable[str], *, are_all: bool) -> Iterator[Wanted]:
    """In the order in which they were asked for, those of a pattern by name, and no file twice.

    At most MAX_ARTIFACTS files: those that were named come before those that only match.
    """
    names = sorted(name for name in present if _can_be_told(name))
    left = MAX_ARTIFACTS - sum(not is_pattern(name) for name in asked)
    taken = {name for name in asked if not is_pattern(name)}
    for name in asked:
        if not is_pattern(name):
            yield Wanted(name)
            continue
        found = [other for other in names if matches(other, name)]
        fresh = [other for other in found if other not in taken]
        yield from map(Wanted, fresh[:left])
        taken.update(fresh[:left])
        if refusal := _refusal(len(found), len(fresh) - left, are_all=are_all):
            yield Wanted(name, refusal)
        left -= min(left, len(fresh))


def _refusal(found: int, too_many: int, *, are_all: bool) -> str | None:
    if too_many > 0:
        return f"{too_many} more match, but at most {MAX_ARTIFACTS} files are sent back: use a narrower pattern"
    if not are_all:
        return "there are so many files that not all were looked at: name the ones to send back"
    return None if found else "no file matches"


def _can_be_told(name: str) -> bool:
    """Whether a request could name it."""
    return len(name.encode()) <= MAX_NAME_BYTES and not any(unicodedata.category(letter) == "Cc" for letter in name)
