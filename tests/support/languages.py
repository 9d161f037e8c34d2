"""A language for tests that need one without an image."""

from __future__ import annotations

from ccx_orchestrator.domain.language import (
    CompileStep,
    Language,
    LanguageLimits,
    Reference,
    RunStep,
)
from ccx_orchestrator.domain.limits import Limits

LIMITS = Limits(
    cpu_seconds=5,
    wall_seconds=10,
    memory_bytes=256 << 20,
    processes=64,
    output_bytes=1 << 20,
    file_bytes=64 << 20,
)
HIGHEST = Limits(
    cpu_seconds=60,
    wall_seconds=120,
    memory_bytes=2 << 30,
    processes=512,
    output_bytes=16 << 20,
    file_bytes=512 << 20,
)


def language(*, is_compiled: bool = False) -> Language:
    """A language called `demo`, whose sources end in .dm."""
    compiling = CompileStep(command=("dmc", "-o", "out", "{sources}", "{compile_args}"), limits=LIMITS)
    return Language(
        name="demo",
        title="Demo",
        aliases=("dm",),
        suffixes=(".dm",),
        source_name="main.dm",
        version_command=("dm", "--version"),
        compile=compiling if is_compiled else None,
        run=RunStep(command=("dm", "-Xmx{heap_bytes}", "{entrypoint}", "{args}"), heap_share=0.5),
        environment={"LANG": "C.UTF-8"},
        limits=LanguageLimits(default=LIMITS, highest=HIGHEST, lowest={"memory_bytes": 16 << 20}),
        reference=Reference(file="reference.dm", stdout=""),
    )
