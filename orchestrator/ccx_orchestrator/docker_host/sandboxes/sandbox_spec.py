"""What a submission needs of its sandbox, and what one is made like that waits for a submission not yet known."""

from __future__ import annotations

from dataclasses import replace

from ccx_orchestrator.docker_host.runner.protocol import prestart_frames
from ccx_orchestrator.docker_host.sandboxes.hardening import USUAL, Runtime, SandboxSpec
from ccx_orchestrator.domain.language import Language
from ccx_orchestrator.domain.limits import Limits

# The engine itself starts a sandbox with threads that count as the sandbox's: with fewer it fails now and then.
START_PROCESSES = 32


def spec_for(language: Language, image: str, limits: Limits, runtime: Runtime = USUAL) -> SandboxSpec:
    """The sandbox for a submission in that language with those limits."""
    if runtime.is_fixed:
        return _fixed_spec(language, image, limits, runtime)
    compiling = language.compile.limits if language.compile else limits
    default = language.limits.default
    # The compiler has limits of its own; the run's are set when it has ended.
    memory_bytes = max(compiling.memory_bytes, limits.memory_bytes)
    return SandboxSpec(
        language=language.name,
        image=image,
        memory_bytes=memory_bytes,
        processes=max(compiling.processes, limits.processes, START_PROCESSES),
        # Files have the same room in a sandbox made ahead as in one made for the submission. They count as its memory,
        # whose limit is the submission's own in both.
        files_bytes=max(memory_bytes, default.memory_bytes) // 2,
        opening=_cold_opening(language, runtime),
        runtime=runtime,
    )


def _fixed_spec(language: Language, image: str, limits: Limits, runtime: Runtime) -> SandboxSpec:
    """The sandbox that has the limits of the run from the start to the end: what compiles has to do with them too."""
    return SandboxSpec(
        language=language.name,
        image=image,
        memory_bytes=limits.memory_bytes,
        processes=limits.processes,
        files_bytes=limits.memory_bytes // 2,
        opening=_cold_opening(language, runtime),
        runtime=runtime,
    )


def _cold_opening(language: Language, runtime: Runtime) -> bytes:
    pays = language.prestart is not None and language.prestart.pays_cold
    return prestart_frames(language) if pays and runtime.starts_ahead else b""


def standing_spec(language: Language, image: str, runtime: Runtime = USUAL) -> SandboxSpec:
    """The sandbox that is started before its submission comes."""
    spec = spec_for(language, image, language.limits.default, runtime)
    return replace(spec, opening=prestart_frames(language) if runtime.starts_ahead else b"")


def can_serve(standing: SandboxSpec, needed: SandboxSpec) -> bool:
    """Whether a sandbox made like `standing` gives a submission exactly what one made for it would.

    Memory and processes can be changed while it runs, unless its runtime cannot; the room for files cannot.
    """
    if standing.runtime.is_fixed and (standing.memory_bytes, standing.processes) != (
        needed.memory_bytes,
        needed.processes,
    ):
        return False
    return (standing.image, standing.files_bytes) == (needed.image, needed.files_bytes)
