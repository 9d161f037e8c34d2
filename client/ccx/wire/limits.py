"""The limits of a case: the one table of them. A limit is a line in each of two models, which a test holds together.

The rest follows from here: the option `--limit` (its name and unit from the field's), the checks of requests, tokens'
quotas, operators' settings, the languages' folders and what nodes tell each other. How a sandbox is held to it stands
in `docker_host/runner/protocol.py` (what the kernel keeps for each process) or `docker_host/sandboxes/` (what the
engine keeps), and its verdict in `domain/verdicts.py`, both of the orchestrator.
"""

from __future__ import annotations

from pydantic import Field

from ccx.wire.basics import Answer, Request
from ccx.wire.fields import Count, Seconds


class LimitOverrides(Request):
    """Limits a client asks for; what is left out is the language's default. Above the language's ceiling is an error,
    not a clamp.
    """

    cpu_seconds: Seconds | None = Field(default=None, description="CPU time of the whole process tree of a case.")
    wall_seconds: Seconds | None = Field(default=None, description="Time on the clock of a case.")
    memory_bytes: Count | None = Field(default=None, description="Memory of the sandbox, files in it included.")
    processes: Count | None = Field(default=None, description="Processes and threads at any one time.")
    output_bytes: Count | None = Field(default=None, description="Bytes kept of stdout, and as many of stderr.")
    file_bytes: Count | None = Field(default=None, description="Size of the largest file a case may write.")
    address_space_bytes: Count | None = Field(
        default=None,
        description="Address space of each process of a case: more than that cannot be reserved, and `malloc` fails. "
        "Left out: not limited, where the language does not say it.",
    )


class Limits(Answer):
    """All limits of a case. None: not limited."""

    cpu_seconds: Seconds
    wall_seconds: Seconds
    memory_bytes: Count
    processes: Count
    output_bytes: Count
    file_bytes: Count
    address_space_bytes: Count | None = None


LIMIT_NAMES = tuple(LimitOverrides.model_fields)
