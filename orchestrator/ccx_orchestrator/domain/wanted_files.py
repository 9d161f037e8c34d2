"""Which files to fetch from a work directory, where some were asked for by patterns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ccx.wire.fields import MAX_ARTIFACTS, relative_path
from ccx.wire.patterns import is_pattern, matches


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file to fetch, or what was asked for and the reason why there is nothing to fetch."""

    name: str
    refusal: str | None = None


def have_patterns(asked: Sequence[str]) -> bool:
    """Whether it takes a look at the work directory to say which files they are."""
    return any(map(is_pattern, asked))


def highest_count(asked: Sequence[str]) -> int:
    """How many answers there may be: a file each, and for each pattern a sentence besides."""
    return len(asked) + (MAX_ARTIFACTS if have_patterns(asked) else 0)


def wanted_files(asked: Sequence[str], present: Iterable[str], *, are_all: bool) -> Iterator[Wanted]:
    """In the order in which they were asked for, those of a pattern by name, and no file twice.

    At most MAX_ARTIFACTS files: those that were named come before those that only match.
    """
    names = sorted(name for name in present if _can_be_told(name))
    named = [name for name in asked if not is_pattern(name)]
    left = MAX_ARTIFACTS - len(named)
    taken = set(named)
    for name in asked:
        if not is_pattern(name):
            yield Wanted(name)
            continue
        found = [other for other in names if matches(other, name)]
        fresh = [other for other in found if other not in taken]
        chosen = fresh[:left]
        yield from map(Wanted, chosen)
        if refusal := _refusal(len(found), len(fresh) - len(chosen), are_all=are_all):
            yield Wanted(name, refusal)
        taken.update(chosen)
        left -= len(chosen)


def _refusal(found: int, too_many: int, *, are_all: bool) -> str | None:
    if too_many > 0:
        return f"{too_many} more match, but at most {MAX_ARTIFACTS} files are sent back: use a narrower pattern"
    if not are_all:
        return "there are so many files that not all were looked at: name the ones to send back"
    return None if found else "no file matches"


def _can_be_told(name: str) -> bool:
    """Whether a request could name it."""
    try:
        relative_path(name)
    except ValueError:
        return False
    return True
