"""Which of the engine's runtimes starts the sandboxes: runc, crun, or any other it knows, once it has proven itself."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Mapping
from pathlib import Path

import structlog

from ccx.errors import CcxError
from ccx_orchestrator.docker_sandbox.engine import Engine
from ccx_orchestrator.docker_sandbox.language_folder import Languages
from ccx_orchestrator.docker_sandbox.proof import NotProven, prove

log = structlog.get_logger(__name__)

FASTER = "crun"
HYBRID = Path("/sys/fs/cgroup/unified")


class BadRuntime(CcxError):
    """A runtime that the engine does not know, or that cannot run a sandbox."""


async def choose_runtimes(
    engine: Engine, languages: Languages, general: str | None, special: Mapping[str, str], images: Path
) -> dict[str, str]:
    """The runtime of each language that has one by the settings; each has run that language's reference program.

    Raises UnknownLanguage, ImageMissing, BadRuntime or EngineUnavailable.
    """
    chosen = dict.fromkeys((language.name for language in languages.all()), general) if general else {}
    chosen |= {languages.find(name).name: runtime for name, runtime in special.items()}
    default, known = await engine.runtimes()
    if unknown := sorted({runtime for runtime in chosen.values() if runtime} - known):
        raise BadRuntime(_unknown(unknown[0], known))
    runtimes = {name: runtime for name, runtime in chosen.items() if runtime and runtime != default}
    for name, runtime in runtimes.items():
        await _prove(languages, name, runtime, images)
    in_use = {default, *runtimes.values()}
    if advice := hint(in_use, known, is_installed=await asyncio.to_thread(shutil.which, FASTER) is not None):
        log.info(advice)
    return runtimes


def hint(in_use: set[str], known: frozenset[str], *, is_installed: bool) -> str | None:
    """What would make sandboxes start faster, where it is at hand and not used."""
    if FASTER in in_use:
        return None
    if FASTER in known:
        return f'the engine has {FASTER}, which starts a sandbox faster than runc: set runtime = "{FASTER}" to use it'
    if is_installed:
        return (
            f"{FASTER} is installed, which starts a sandbox faster than runc: make it known to the engine (dockerd "
            f'--add-runtime {FASTER}="$(command -v {FASTER})") and set runtime = "{FASTER}" to use it'
        )
    return None


def _unknown(runtime: str, known: frozenset[str]) -> str:
    return (
        f"The Docker engine has no runtime {runtime!r}; it has: {', '.join(sorted(known))}. Register it (dockerd "
        f"--add-runtime {runtime}=/path/to/{runtime}), or change the setting `runtime`."
    )


async def _prove(languages: Languages, name: str, runtime: str, images: Path) -> None:
    try:
        await prove(languages.find(name), languages.image(name).id, images, runtime)
    except (CcxError, NotProven) as error:
        is_hybrid = runtime == FASTER and await asyncio.to_thread(HYBRID.is_dir)
        remedy = (
            f" {FASTER} refuses a host with both versions of cgroups: unmount {HYBRID}, or boot with one version."
            if is_hybrid
            else ""
        )
        raise BadRuntime(
            f"The runtime {runtime!r} could not run the reference program of {languages.find(name).title}: "
            f"{error}{remedy} Change the setting `runtime`."
        ) from error
