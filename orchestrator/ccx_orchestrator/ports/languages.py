"""The languages that a node serves."""

from __future__ import annotations

from typing import Protocol

from ccx.wire import LanguageInfo
from ccx_orchestrator.domain.language import Language


class Catalogue(Protocol):
    """The languages of a node. Reads only what it keeps in memory: never slow."""

    def find(self, name: str) -> Language:
        """The language of that name or alias. Raises UnknownLanguage, or ImageMissing where only its image lacks."""

    def all(self) -> tuple[LanguageInfo, ...]:
        """The languages served, by name."""

    def lacking(self) -> tuple[LanguageInfo, ...]:
        """The languages that would be served, had they an image here: nothing but an image is missing."""

    def names(self) -> tuple[str, ...]:
        """The languages whose submissions this node may be given: those served, and those that may come to be."""
