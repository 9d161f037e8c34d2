"""The languages of a node and of those it knows."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ccx.errors import ImageMissing, UnknownLanguage
from ccx.wire import LanguageInfo, NodeReport
from ccx_orchestrator.domain.language import Language
from ccx_orchestrator.ports.languages import Catalogue


class ClusterCatalogue:
    """See `ports.Catalogue`. What other nodes serve is served; so is what they may come to serve, where they are
    expected: then a submission waits for such a node. `described` are all languages whose folder is here.
    """

    def __init__(
        self,
        here: Catalogue,
        described: Callable[[str], Language | None],
        reports: Callable[[], Iterable[NodeReport]],
        is_cluster: Callable[[], bool],
        names: Callable[[], Iterable[str]],
    ) -> None:
        self._here = here
        self._described = described
        self._reports = reports
        self._is_cluster = is_cluster
        self._names = names

    def find(self, name: str) -> Language:
        """See `ports.Catalogue`."""
        try:
            return self._here.find(name)
        except (UnknownLanguage, ImageMissing):
            language = self._described(name)
            if language is None or not self._is_cluster():
                raise
            return language

    def lacking(self) -> tuple[LanguageInfo, ...]:
        """See `ports.Catalogue`. What another node serves is not lacking."""
        served = {language.name for language in self.all()}
        return tuple(language for language in self._here.lacking() if language.name not in served)

    def names(self) -> tuple[str, ...]:
        """See `ports.Catalogue`."""
        served = {language.name for language in self.all()}
        return tuple(sorted(served | set(self._names() if self._is_cluster() else ())))

    def all(self) -> tuple[LanguageInfo, ...]:
        """See `ports.Catalogue`. Where nodes differ, this node's own word counts, then the first to have told. The
        limits are always those by which this node takes submissions in.
        """
        languages = {language.name: language for language in self._here.all()}
        for report in self._reports():
            for language in report.languages:
                if language.name not in languages:
                    languages[language.name] = self._with_own_limits(language)
        return tuple(languages[name] for name in sorted(languages))

    def _with_own_limits(self, language: LanguageInfo) -> LanguageInfo:
        if (described := self._described(language.name)) is None:
            return language
        own = {"default_limits": described.limits.default, "highest_limits": described.limits.highest}
        return language.model_copy(update=own)
