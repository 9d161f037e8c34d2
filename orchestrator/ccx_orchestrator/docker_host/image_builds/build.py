"""Building the images of languages. An image gets its name only after its reference program has run in it."""

from __future__ import annotations

import io
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from ccx.errors import CcxError, EngineUnavailable, UnknownLanguage
from ccx_orchestrator.docker_host.engine.sdk import APIError, DockerClient, DockerException, ImageNotFound
from ccx_orchestrator.docker_host.image_builds.base_image import DEFAULT_BASE, Progress, ensure_base_image
from ccx_orchestrator.docker_host.image_builds.inputs import Files, build_context, inputs_digest, read_inputs
from ccx_orchestrator.docker_host.languages.catalogue import load_languages
from ccx_orchestrator.domain.language import Language

# Raises a CcxError if the image of that id does not do what the language promises.
Prove = Callable[[Language, str], None]

LANGUAGE_LABEL = "ccx.language"
DIGEST_LABEL = "ccx.digest"
VERSION_LABEL = "ccx.version"

BUILD_SECONDS = 3600  # between two signs of life of a build: a slow mirror, a slow disk
VERSION_SECONDS = 60
BUILD_IMAGES = "ccx-build"
_STAGE_BEGINS = re.compile(r"Step \d+/\d+ : FROM \S+(?: AS (?P<name>\S+))?$", re.IGNORECASE)
_STEP_ENDS = re.compile(r"---> (?P<image>[0-9a-f]{12})$")
SAID_LINES = 30
MEGABYTE = 1_000_000
UNPRIVILEGED = "10001:10001"

# These reach the build and no further: the engine keeps proxies out of an image's history, and all images are
# flattened.
BUILD_ENVIRONMENT = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "APT_MIRROR")


class ImageBuildFailed(CcxError):
    """An image could not be built, or did not do what its language promises."""


@dataclass(frozen=True, slots=True)
class Workshop:
    """What every build needs: the engine, the `images` folder, the host's environment, a proof, somebody to tell.

    Of the environment only BASE_IMAGE, APT_MIRROR and the proxies are looked at.
    """

    client: DockerClient
    images: Path
    environment: Mapping[str, str]
    prove: Prove
    progress: Progress

    @property
    def base_image(self) -> str:
        """The image to install the languages on."""
        return self.environment.get("BASE_IMAGE") or DEFAULT_BASE


def build(names: Iterable[str], workshop: Workshop) -> None:
    """Build the images of these languages; if none is named, of all but those that are built by name only and have no
    image yet. What is up to date stays as it is.

    Raises UnknownLanguage, BadLanguageFolder, BaseImageMissing, ImageBuildFailed or EngineUnavailable.
    """
    languages = load_languages(workshop.images)
    chosen = [_find(languages, name) for name in names]
    try:
        chosen = chosen or [one for one in languages.values() if _is_wanted_unasked(one, workshop.client)]
        for language in chosen:
            build_image(language, workshop)
    except (requests.RequestException, DockerException, OSError) as error:
        raise EngineUnavailable(f"The Docker engine failed: {error}") from error


def _is_wanted_unasked(language: Language, client: DockerClient) -> bool:
    return not language.by_name_only or _inspect(client, language.image) is not None


def _find(languages: Mapping[str, Language], word: str) -> Language:
    for language in languages.values():
        if word.lower() in (language.name, *language.aliases):
            return language
    raise UnknownLanguage(f"There is no language {word!r}; there is {', '.join(sorted(languages))}.")


def build_image(language: Language, workshop: Workshop) -> None:
    """Build one image unless it is there with the same inputs. Raises as `build`, and the SDK's errors."""
    files = read_inputs(workshop.images, language.name)
    digest = inputs_digest(files, workshop.base_image)
    before = _inspect(workshop.client, language.image)
    if before is not None and _labels(before).get(DIGEST_LABEL) == digest:
        workshop.progress(f"{language.name}: up to date, {_describe(before)}")
        return
    for base in dict.fromkeys((DEFAULT_BASE, workshop.base_image)):  # the runner is compiled on the first
        ensure_base_image(workshop.client, base, workshop.environment, workshop.progress)
    stages = Stages()
    built = _labelled(language, digest, _run_build(language, files, workshop, stages), workshop.client)
    _prove(language, built, workshop)
    workshop.client.api.tag(built, language.image, "latest", force=True)
    if before is not None and before["Id"] != built:
        _remove(workshop.client, before["Id"])
    _name_stages(language, stages.images, workshop.client)
    after = workshop.client.images.get(built).attrs
    workshop.progress(f"{language.name}: ready, {_describe(after)}")


def _run_build(language: Language, files: Files, workshop: Workshop, stages: Stages) -> str:
    """The id of the image a Dockerfile makes. Raises ImageBuildFailed with the end of what the build said."""
    arguments = {name: workshop.environment[name] for name in BUILD_ENVIRONMENT if workshop.environment.get(name)}
    lines: Iterator[dict[str, Any]] = workshop.client.api.build(
        fileobj=io.BytesIO(build_context(files)),
        custom_context=True,
        dockerfile=f"{language.name}/Dockerfile",
        buildargs={"BASE_IMAGE": workshop.base_image, **arguments},
        rm=True,
        forcerm=True,
        decode=True,
        timeout=BUILD_SECONDS,
    )
    said: deque[str] = deque(maxlen=SAID_LINES)
    image = ""
    for line in lines:
        image = line.get("aux", {}).get("ID", image)
        text = str(line.get("stream", "")).strip()
        said.append(text)
        stages.hear(text)
        if text.startswith("Step "):
            workshop.progress(f"{language.name}: {text[0].lower()}{text[1:100]}")
        if error := line.get("error"):
            end = "\n".join(filter(None, said))
            raise ImageBuildFailed(f"The image of {language.title} could not be built: {error}\n{end}")
    return image


class Stages:
    """What the engine's builder tells of the named stages of a Dockerfile, each of which leaves an image."""

    def __init__(self) -> None:
        self.images: dict[str, str] = {}
        self._stage = ""

    def hear(self, text: str) -> None:
        """A line of the builder's."""
        if begun := _STAGE_BEGINS.match(text):
            self._stage = begun["name"] or ""
        elif (made := _STEP_ENDS.match(text)) and self._stage:
            self.images[self._stage] = made["image"]


def _name_stages(language: Language, stages: Mapping[str, str], client: DockerClient) -> None:
    """The images of stages make the next build quick. With names nobody takes them for rubbish, and they can be told
    from it.
    """
    for stage, image in stages.items():
        name = f"{BUILD_IMAGES}:{language.name}-{stage}"
        before = _inspect(client, name)
        client.api.tag(image, BUILD_IMAGES, f"{language.name}-{stage}", force=True)
        if before is not None and not before["Id"].removeprefix("sha256:").startswith(image):
            _remove(client, before["Id"])


def _labelled(language: Language, digest: str, image: str, client: DockerClient) -> str:
    """The id of the same image with its labels: the version is known only now that it can be asked."""
    labels = {
        LANGUAGE_LABEL: language.name,
        DIGEST_LABEL: digest,
        VERSION_LABEL: read_version(language, image, client),
    }
    container = client.api.create_container(image)["Id"]
    try:
        changes = [f"LABEL {name}={_quoted(value)}" for name, value in labels.items()]
        return str(client.api.commit(container, changes=changes)["Id"])
    finally:
        client.api.remove_container(container)


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$")
    return f'"{escaped}"'


def read_version(language: Language, image: str, client: DockerClient) -> str:
    """What the language's version command says in that image, formatted. Raises ImageBuildFailed."""
    container = client.containers.create(
        image,
        entrypoint=list(language.version_command),
        environment=dict(language.environment),
        user=UNPRIVILEGED,
        network_mode="none",
        read_only=True,
        cap_drop=["ALL"],
        tmpfs={"/box": "rw"},
    )
    try:
        container.start()
        status = container.wait(timeout=VERSION_SECONDS)["StatusCode"]
        said = container.logs(stdout=True, stderr=False).decode(errors="replace").splitlines()
    finally:
        container.remove(force=True)
    if status or not said:
        command = " ".join(language.version_command)
        raise ImageBuildFailed(f"The image of {language.title} is broken: `{command}` ended with status {status}.")
    return language.version_format.format(said[0].strip())


def _prove(language: Language, image: str, workshop: Workshop) -> None:
    workshop.progress(f"{language.name}: running {language.reference.file}")
    try:
        workshop.prove(language, image)
    except CcxError as error:
        _remove(workshop.client, image, keeps_layers=True)
        raise ImageBuildFailed(f"The image of {language.title} is broken and got no name: {error}") from error


def _inspect(client: DockerClient, name: str) -> dict[str, Any] | None:
    try:
        return client.images.get(name).attrs
    except ImageNotFound:
        return None


def _labels(image: Mapping[str, Any]) -> Mapping[str, str]:
    return image["Config"].get("Labels") or {}


def _describe(image: Mapping[str, Any]) -> str:
    return f"{_labels(image).get(VERSION_LABEL)}, {image['Size'] / MEGABYTE:.0f} MB"


def _remove(client: DockerClient, image: str, *, keeps_layers: bool = False) -> None:
    """Remove an image nobody needs any more, and what it alone was made of, unless that serves the next build. One in
    use stays.
    """
    with suppress(APIError):
        client.api.remove_image(image, noprune=keeps_layers)
