"""How soon a sandbox starts with each runtime that a node might use: measured on the very host."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Mapping
from statistics import median
from typing import Any

from ccx.errors import CcxError
from ccx_orchestrator.docker_host.checks.image_check import prove
from ccx_orchestrator.docker_host.checks.runtime_choice import AUTO, FASTER, USUAL_NAME, could_be_used, hint
from ccx_orchestrator.docker_host.checks.runtime_probe import RuntimeProbe
from ccx_orchestrator.docker_host.engine.client import Engine
from ccx_orchestrator.docker_host.sandboxes.hardening import Runtime
from ccx_orchestrator.doctor.finding import Finding, ok, warning
from ccx_orchestrator.domain.language import Language
from ccx_orchestrator.ports.execution import SandboxLost
from ccx_orchestrator.settings import Settings

NAME = "runtime speed"
STARTS = 5  # of each, in turn, for the host is not as quick at all times
# Below this the two are the same: starts differ by so much from one to the next.
NOTABLE = 1.1


async def look(
    engine: Engine, about: Mapping[str, Any], language: Language, image: str, chosen: Runtime, settings: Settings
) -> Finding:
    """Start sandboxes of that language with both. `chosen` is what the node uses, `about` what the engine says."""
    known = frozenset(about.get("Runtimes") or {})
    if not {USUAL_NAME, FASTER} <= known:
        advice = hint(known, is_installed=await asyncio.to_thread(could_be_used, about))
        if advice is None:
            return ok(NAME, "there is no other that is known to be faster")
        return warning(NAME, "sandboxes could start faster", f"{advice}.")
    seconds = defaultdict[str, list[float]](list)
    try:
        if chosen.name != FASTER:
            await prove(language, image, settings.images_dir, Runtime(FASTER, starts_ahead=False), settings.name)
        for name in (USUAL_NAME, FASTER) * STARTS:
            seconds[name].append(await _start(engine, language, image, name, settings.name))
    except (CcxError, SandboxLost) as error:
        return ok(NAME, f"the engine has {FASTER} too, which does not work here: {error}")
    used = chosen.name or str(about.get("DefaultRuntime"))
    was_tried = settings.runtimes.get(language.name, settings.runtime) == AUTO
    return judge({name: median(found) for name, found in seconds.items()}, used, was_tried=was_tried)


async def _start(engine: Engine, language: Language, image: str, runtime: str, node: str) -> float:
    began = time.perf_counter()
    await RuntimeProbe(engine, node).starts(language, image, runtime)
    return time.perf_counter() - began


def judge(seconds: Mapping[str, float], used: str, *, was_tried: bool) -> Finding:
    """What to make of the medians, by the name of the runtime, where the node uses that one. `was_tried`: it would have
    taken the faster one, had that worked when the node started.
    """
    detail = "a sandbox comes and goes in " + ", ".join(
        f"{taken * 1000:.0f} ms with {name}" for name, taken in seconds.items()
    )
    gain = seconds.get(used, 0.0) / seconds[FASTER]
    if gain < NOTABLE:
        return ok(NAME, f"{detail}; the node uses {used}")
    detail = f"{detail}; the node uses {used}, which takes {gain:.1f} times as long"
    if was_tried:
        return warning(NAME, f"{detail}: {FASTER} failed when the node started", "It works now: start the node again.")
    return warning(NAME, detail, f'Set `runtime = "{AUTO}"`: the node then takes {FASTER} wherever it works.')
