"""Languages as this Docker host has them: a folder that describes one, and an image that runs it."""

from __future__ import annotations

import asyncio
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

from pydantic import ValidationError

from ccx.errors import BadInput, ImageMissing, UnknownLanguage
from ccx.wire import FieldError, LanguageInfo
from ccx.wire.complaints import complaint
from ccx_orchestrator.docker_host.engine.client import Engine, Image
from ccx_orchestrator.domain.language import Language, LimitChange

DESCRIPTION = "language.toml"
NO_CHANGES: Mapping[str, LimitChange] = MappingProxyType({})


class BadLanguageFolder(BadInput):
    """A language folder that says nothing usable."""


def load_language(folder: Path) -> Language:
    """The language a folder describes. Raises BadLanguageFolder, naming file and field."""
    file = folder / DESCRIPTION
    try:
        language = Language.model_validate(tomllib.loads(file.read_text()))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise BadLanguageFolder(f"{file}: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "file"
        raise BadLanguageFolder(f"{file}: {where}: {complaint(first)}") from error
    if not (folder / language.reference.file).is_file():
        raise BadLanguageFolder(f"{file}: reference.file: there is no {language.reference.file!r} in this folder")
    return language


def load_languages(images: Path) -> dict[str, Language]:
    """Every language below the images folder, by name. Raises BadLanguageFolder where two claim one name or alias."""
    folders = sorted(file.parent for file in images.glob(f"*/{DESCRIPTION}"))
    languages = {language.name: language for language in map(load_language, folders)}
    owners: dict[str, str] = {}
    for language in languages.values():
        for name in (language.name, *language.aliases):
            if (other := owners.setdefault(name, language.name)) != language.name:
                raise BadLanguageFolder(f"{name!r} is claimed by both {other!r} and {language.name!r}")
    return languages


def with_limits(languages: dict[str, Language], changes: Mapping[str, LimitChange]) -> dict[str, Language]:
    """The languages with an operator's limits. Raises BadInput, naming the setting."""
    changed = dict(languages)
    for name, change in changes.items():
        if name not in languages:
            raise BadInput(
                f"The setting limits.{name} is of no language here; there are: {', '.join(sorted(languages))}."
            )
        try:
            limits = languages[name].limits.changed(change)
        except ValueError as error:
            raise BadInput(f"The setting limits.{name}: {error}.") from error
        changed[name] = languages[name].model_copy(update={"limits": limits})
    return changed


class Languages:
    """The catalogue of a node: what its folder describes, what it was told to serve, what it has images of."""

    def __init__(self, described: dict[str, Language], served: dict[str, Image]) -> None:
        self._described = described
        self._served = served
        self._by_word = {word: one for one in described.values() for word in (one.name, *one.aliases)}
        self._refused: frozenset[str] = frozenset()

    @classmethod
    def without_images(cls, images: Path, limits: Mapping[str, LimitChange] = NO_CHANGES) -> Languages:
        """The languages below a folder, none of them served."""
        languages = cls(with_limits(load_languages(images), limits), {})
        languages._refused = frozenset(languages._described)
        return languages

    @classmethod
    async def find_images(
        cls,
        engine: Engine,
        images: Path,
        wanted: Iterable[str] | None,
        limits: Mapping[str, LimitChange] = NO_CHANGES,
    ) -> Languages:
        """The languages below a folder whose images are on this host. Where `wanted` names some, those and no others.
        `limits` takes the place of what the folder says.

        Raises UnknownLanguage for a wanted one without a folder, ImageMissing for one without an image.
        """
        described = with_limits(await asyncio.to_thread(load_languages, images), limits)
        if wanted is None:
            return cls(described, {name: image for name in described if (image := await engine.image(f"ccx-{name}"))})
        chosen = cls(described, {})
        for word in wanted:
            language = chosen._described_as(word)
            if (image := await engine.image(language.image)) is None:
                raise _missing(language)
            chosen._served[language.name] = image
        chosen._refused = frozenset(described) - frozenset(chosen._served)
        return chosen

    def find(self, name: str) -> Language:
        """See `ports.Catalogue`."""
        language = self._described_as(name)
        if language.name in self._refused:
            raise self._unknown(name)
        if language.name not in self._served:
            raise _missing(language)
        return language

    def names(self) -> tuple[str, ...]:
        """See `ports.Catalogue`."""
        return tuple(sorted(self._served))

    def all_described(self) -> tuple[str, ...]:
        """The names of all whose folder is here, whether they are served or not."""
        return tuple(sorted(self._described))

    def described(self, word: str) -> Language | None:
        """The language of that name or alias whose folder is here, whether it is served or not."""
        return self._by_word.get(word.lower())

    def image(self, name: str) -> Image:
        """The image of a language by its name. Raises ImageMissing."""
        if name not in self._served:
            raise _missing(self._described[name])
        return self._served[name]

    async def refresh(self, engine: Engine, name: str) -> bool:
        """Look again for the image of a language that is served; whether it is another one than before.

        An image that lost its name stays the language's for as long as it is there. Raises EngineUnavailable.
        """
        image = await engine.image(self._described[name].image)
        if image is None or image.id == self._served[name].id:
            return False
        self._served[name] = image
        return True

    def all(self) -> tuple[LanguageInfo, ...]:
        """See `ports.Catalogue`."""
        return tuple(_info(self._described[name], image) for name, image in sorted(self._served.items()))

    def lacking(self) -> tuple[LanguageInfo, ...]:
        """See `ports.Catalogue`."""
        names = sorted(set(self._described) - set(self._served) - self._refused)
        return tuple(_info(self._described[name], None) for name in names)

    def _described_as(self, word: str) -> Language:
        if (language := self._by_word.get(word.lower())) is None:
            raise self._unknown(word)
        return language

    def _unknown(self, word: str) -> UnknownLanguage:
        known = ", ".join(sorted(self._served)) or "none"
        message = f"{word!r} is not one this node serves; it serves: {known}"
        return UnknownLanguage(f"language {message}.", (FieldError(field="language", message=message),))


def _missing(language: Language) -> ImageMissing:
    return ImageMissing(
        f"This host has no image for {language.title}. Build it with `ccx images build {language.name}`, "
        "then restart the node."
    )


def _info(language: Language, image: Image | None) -> LanguageInfo:
    return LanguageInfo(
        name=language.name,
        title=language.title,
        aliases=language.aliases,
        suffixes=language.suffixes,
        version=image.version if image else "",
        image=image.id if image else "",
        by_name_only=language.by_name_only,
        default_limits=language.limits.default,
        highest_limits=language.limits.highest,
    )
