"""Which of the engine's runtimes starts the sandboxes: runc, crun, or any other it knows, once it has proven itself."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import structlog

from ccx.errors import CcxError
from ccx_orchestrator.docker_host.checks.image_check import prove
from ccx_orchestrator.docker_host.checks.proven_runtimes import ProvenRuntimes
from ccx_orchestrator.docker_host.checks.runtime_probe import RuntimeProbe
from ccx_orchestrator.docker_host.engine.capabilities import is_on_this_host
from ccx_orchestrator.docker_host.engine.client import Engine
from ccx_orchestrator.docker_host.languages.catalogue import Languages
from ccx_orchestrator.docker_host.sandboxes.hardening import Runtime
from ccx_orchestrator.domain.language import Language
from ccx_orchestrator.ports.execution import SandboxLost

log = structlog.get_logger(__name__)

USUAL_NAME = "runc"  # what every engine comes with and all here is made for: not tried anew at every start
FASTER = "crun"
AUTO = "auto"
HYBRID = Path("/sys/fs/cgroup/unified")
# It says Y where AppArmor is on. A sandbox of crun with no-new-privileges is then under two profiles, the engine's and
# the one that Debian 13 has for crun; together they forbid the runner to end a program.
APPARMOR = Path("/sys/module/apparmor/parameters/enabled")


class BadRuntime(CcxError):
    """A runtime that the engine does not know, or that cannot run a sandbox."""


async def choose_runtimes(
    examination: Examination,
    about: Mapping[str, Any],
    languages: Languages,
    general: str,
    special: Mapping[str, str],
    *,
    may_take_long: bool,
) -> dict[str, Runtime]:
    """The runtime of each language that has one by the settings, or whose engine has another default than runc; each
    has passed the `examination`. `about` is what the engine says of itself. `general` is for all but the `special`
    ones; AUTO takes the faster one where the engine has it and it works. Where finding that out may not take long, it
    takes it only if it is known to work.

    Raises UnknownLanguage, ImageMissing, BadRuntime or EngineUnavailable.
    """
    chosen = {} if general == AUTO else dict.fromkeys((language.name for language in languages.all()), general)
    chosen |= {languages.find(name).name: runtime for name, runtime in special.items()}
    default, known = about["DefaultRuntime"], frozenset(about["Runtimes"])
    if unknown := sorted({runtime for runtime in chosen.values() if runtime} - known):
        raise BadRuntime(_unknown(unknown[0], known))
    named = {name: runtime for name, runtime in chosen.items() if runtime and runtime != default}
    unasked = [language.name for language in languages.all() if language.name not in named]
    if unasked and default != USUAL_NAME and (may_take_long or await examination.is_fixed(unasked[0], default)):
        named |= dict.fromkeys(unasked, default)
    runtimes = {name: await examination.examine(name, runtime) for name, runtime in named.items()}
    if general == AUTO and default == USUAL_NAME and FASTER in known:
        candidates = [name for name in unasked if name not in special]
        if may_take_long or all(examination.is_known(name, FASTER) for name in candidates):
            runtimes |= await _faster(examination, candidates)
    if advice := hint(known, is_installed=await asyncio.to_thread(could_be_used, about)):
        log.info(advice)
    return runtimes


async def _faster(examination: Examination, names: Iterable[str]) -> dict[str, Runtime]:
    """The faster runtime for as many of these languages as it works for. The first failure is enough: it is much the
    same for all.
    """
    found: dict[str, Runtime] = {}
    try:
        for name in names:
            found[name] = await examination.examine(name, FASTER)
    except BadRuntime as error:
        log.info("the engine has a faster runtime, which does not work here", runtime=FASTER, reason=str(error))
    if found:
        log.info("a faster runtime starts the sandboxes", runtime=FASTER, languages=sorted(found))
    return found


def could_be_used(about: Mapping[str, Any]) -> bool:
    """Whether the faster one is installed on the engine's host, which is this one, and works there."""
    if not is_on_this_host(about) or shutil.which(FASTER) is None or HYBRID.exists():
        return False
    return not (APPARMOR.exists() and APPARMOR.read_text().startswith("Y"))


def hint(known: frozenset[str], *, is_installed: bool) -> str | None:
    """What would make sandboxes start faster, where it is at hand and not used."""
    if FASTER in known:
        return None  # it is used, it was tried, or the settings say something else
    if is_installed:
        return (
            f"{FASTER} is installed, which starts a sandbox faster than runc: make it known to the engine (dockerd "
            f'--add-runtime {FASTER}="$(command -v {FASTER})"), and it is used'
        )
    return None


def _unknown(runtime: str, known: frozenset[str]) -> str:
    return (
        f"The Docker engine has no runtime {runtime!r}; it has: {', '.join(sorted(known))}. Register it (dockerd "
        f"--add-runtime {runtime}=/path/to/{runtime}), or change the setting `runtime`."
    )


class Examination:
    """What the runtimes can do, each found out once, by reference programs in sandboxes of that node. Methods raise
    BadRuntime.
    """

    def __init__(self, engine: Engine, languages: Languages, images: Path, node: str, proven: ProvenRuntimes) -> None:
        self._trial = RuntimeProbe(engine, node)
        self._node = node
        self._languages = languages
        self._images = images
        self._proven = proven
        self._fixed: dict[str, bool] = {}

    def is_known(self, name: str, runtime: str) -> bool:
        """Whether it has passed before."""
        return self._proven.find(runtime, self._image(name)[1]) is not None

    async def is_fixed(self, language: str, runtime: str) -> bool:
        """Whether the runtime cannot change the limits of what runs."""
        if runtime not in self._fixed:
            async with self._explained(language, runtime):
                self._fixed[runtime] = await self._trial.is_fixed(*self._image(language), runtime)
        return self._fixed[runtime]

    async def examine(self, name: str, runtime_name: str) -> Runtime:
        """Have the runtime run the reference program of that language, unless it has done so before."""
        language, image = self._image(name)
        if known := self._proven.find(runtime_name, image):
            return known
        runtime = Runtime(runtime_name, is_fixed=await self.is_fixed(name, runtime_name))
        async with self._explained(name, runtime_name):
            if language.prestart and not await self._trial.starts_ahead(language, image, runtime):
                log.warning("nothing is started ahead: it does not come up", language=name, runtime=runtime_name)
                runtime = replace(runtime, starts_ahead=False)
            await prove(language, image, self._images, runtime, self._node)
        self._proven.keep(runtime, image)
        return runtime

    def _image(self, name: str) -> tuple[Language, str]:
        return self._languages.find(name), self._languages.image(name).id

    @asynccontextmanager
    async def _explained(self, language: str, runtime: str) -> AsyncIterator[None]:
        try:
            yield
        except (CcxError, SandboxLost) as error:
            raise BadRuntime(incapable(runtime, self._languages.find(language).title, str(error))) from error


def incapable(runtime: str, title: str, reason: str) -> str:
    """What to tell of a runtime that failed for that reason with the reference program of the language."""
    remedy = (
        f"It refuses a host with both versions of cgroups: unmount {HYBRID} there, or boot with one version. "
        if "hybrid mode" in reason  # crun's words
        else ""
    )
    return (
        f"The runtime {runtime!r} could not run the reference program of {title}: {reason} "
        f"{remedy}Change the setting `runtime`."
    )
