"""Sources that are alike, by winnowing fingerprints of their words (Schleimer, Wilkerson, Aiken: Winnowing: local
algorithms for document fingerprinting, 2003; as MOSS does).

Names, numbers and texts count as equal, so that renaming does not hide a copy. It tells where to look; it proves
nothing: short and usual programs are alike by themselves.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations

from ccx.cli.grading.people import Person
from ccx.errors import BadInput

GRAM = 12  # words: what is alike for less says nothing
WINDOW = 6  # of fingerprints, of which the least is kept
LEAST_ALIKE = 0.7
LEAST_PRINTS = 8  # of a program that is long enough to be compared

_COMMENT = re.compile(r"#(?!include|define)[^\n]*|//[^\n]*|/\*.*?\*/", re.DOTALL)
_WORD = re.compile(r"\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'|[A-Za-z_]\w*|\d[\w.]*|\S")
_KEYWORDS = frozenset(
    """if else elif for while do return break continue switch case default def class lambda import from in not and or
    try except finally catch throw raise with as yield new public private static void int long double float char
    struct boolean String print printf scanf input range""".split()  # noqa: SIM905  (a list of words is read as words)
)


@dataclass(frozen=True, slots=True)
class Alike:
    """Two people, and which share of the shorter program is in the other."""

    one: str
    other: str
    share: float


def find_alike(people: Iterable[Person]) -> list[Alike]:
    """Pairs, the most alike first."""
    prints = {person.name: _fingerprints(person) for person in people}
    long_enough = [(name, mine) for name, mine in prints.items() if len(mine) >= LEAST_PRINTS]
    found = []
    for (one, mine), (other, theirs) in combinations(long_enough, 2):
        share = len(mine & theirs) / min(len(mine), len(theirs))
        if share >= LEAST_ALIKE:
            found.append(Alike(one, other, share))
    return sorted(found, key=lambda pair: (-pair.share, pair.one, pair.other))


def _fingerprints(person: Person) -> frozenset[int]:
    try:
        files = person.read()
    except BadInput:
        return frozenset()
    text = "\n".join(data.decode("utf-8", "replace") for _, data in sorted(files.items()))
    words = [_normal(word) for word in _WORD.findall(_COMMENT.sub(" ", text))]
    hashes = [zlib.crc32(" ".join(words[at : at + GRAM]).encode()) for at in range(len(words) - GRAM + 1)]
    return frozenset(min(hashes[at : at + WINDOW]) for at in range(max(0, len(hashes) - WINDOW + 1)))


def _normal(word: str) -> str:
    if word[0] in "\"'":
        return "S"
    if word[0].isdigit():
        return "N"
    if word[0].isalpha() or word[0] == "_":
        return word if word in _KEYWORDS else "V"
    return word
