"""The words that people read in the page and in the window, in the languages that they speak."""

from __future__ import annotations

import json
import locale
import re
from functools import cache
from importlib.resources import files

TONGUES = ("en", "fr")


@cache
def words_of(tongue: str) -> dict[str, str]:
    """All of one language, by key."""
    words: dict[str, str] = json.loads(files(__name__).joinpath(f"{tongue}.json").read_text("utf-8"))
    return words


def system_tongue() -> str:
    """The language of this user's system, where there are words in it; otherwise English."""
    found = (locale.getlocale()[0] or "")[:2]
    return found if found in TONGUES else "en"


def _name_in(key: str) -> str:
    """What a later release names a verdict. Raises KeyError for all else that has no words."""
    kind, _, name = key.partition(".")
    if kind not in {"verdict", "word"}:
        raise KeyError(key)
    return name.replace("_", " ")


class Words:
    """Says things in one language."""

    def __init__(self, tongue: str | None = None) -> None:
        self.tongue = tongue if tongue in TONGUES else system_tongue()

    def __call__(self, key: str, **gaps: object) -> str:
        """The text for a key, with its gaps filled."""
        text = words_of(self.tongue).get(key) or _name_in(key)
        return re.sub(r"\{(\w+)\}", lambda gap: str(gaps.get(gap[1], "")), text)
