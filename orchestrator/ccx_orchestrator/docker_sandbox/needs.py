"""What a submission needs of its sandbox, and what one is made like that waits for a submission not yet known."""

from __future__ import annotations

from dataclasses import replace

from ccx_orchestrator.docker_sandbox.frames import prestart_frames
from ccx_orchestrator.docker_sandbox.hardening import SandboxSpec
from ccx_orchestrator.domain.language import Language
from ccx_orchestrator.domain.limits import Limits

# The engine itself starts a sandbox with threads that count as the sandbox's: with fewer it fails now and then.
START_PROCESSES = 32


def spec_for(language: Language, image: str, limits: Limits) -> SandboxSpec:
    """The sandbox for a submission in that language with those limits."""
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
        opening=prestart_frames(language) if language.prestart and language.prestart.pays_cold else b"",
    )


def standing_spec(language: Language, image: str) -> SandboxSpec:
    """The sandbox that is started before its submission comes."""
    return replace(spec_for(language, image, language.limits.default), opening=prestart_frames(language))


def can_serve(standing: SandboxSpec, needed: SandboxSpec) -> bool:
    """Whether a sandbox made like `standing` gives a submission exactly what one made for it would.

    Memory and processes can be changed while it runs; the room for files cannot.
    """
    return (standing.image, standing.files_bytes) == (needed.image, needed.files_bytes)
