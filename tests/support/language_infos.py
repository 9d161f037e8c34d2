"""Languages as a node tells of them, for tests without a node."""

from __future__ import annotations

from ccx.wire import LanguageInfo, Limits

LIMITS = Limits(cpu_seconds=1, wall_seconds=1, memory_bytes=1, processes=1, output_bytes=1, file_bytes=1)
LANGUAGES = tuple(
    LanguageInfo(
        name=name,
        title=name,
        aliases=(),
        suffixes=(suffix,),
        version="1",
        image="",
        default_limits=LIMITS,
        highest_limits=LIMITS,
    )
    for name, suffix in (("python", ".py"), ("c", ".c"))
)
