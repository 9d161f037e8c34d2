"""What Judge0 tells of itself, with this node's figures. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ccx.wire import LanguageInfo
from ccx_orchestrator.callbacks.caller import SECONDS
from ccx_orchestrator.callbacks.delivery import MOST_TRIES
from ccx_orchestrator.doors.judge0.incoming import KILOBYTE, MOST_EXTRACTED_BYTES, MOST_RUNS

VERSION = "1.13.1"  # whose addresses, fields and numbers of languages are answered to
MOST_IN_BATCH = 20


def about() -> dict[str, str]:
    """Clients choose their numbers of languages by this version."""
    page = "https://github.com/judge0/judge0"
    return {"version": VERSION, "homepage": page, "source_code": page, "maintainer": "the operator of this ccx node"}


def configuration(languages: Sequence[LanguageInfo], queue_size: int, *, calls_back: bool) -> dict[str, Any]:
    """Defaults are the lowest and highest values the highest of all languages: each has its own."""

    def default(name: str) -> float:
        return min((getattr(each.default_limits, name) for each in languages), default=0)

    def most(name: str) -> float:
        return max((getattr(each.highest_limits, name) for each in languages), default=0)

    return {
        "maintenance_mode": False,
        "enable_wait_result": True,
        "enable_compiler_options": True,
        "allowed_languages_for_compile_options": [each.title for each in languages],
        "enable_command_line_arguments": True,
        "enable_submission_delete": False,
        "enable_callbacks": calls_back,
        "callbacks_max_tries": MOST_TRIES,
        "callbacks_timeout": SECONDS,
        "enable_additional_files": True,
        "max_queue_size": queue_size,
        "cpu_time_limit": default("cpu_seconds"),
        "max_cpu_time_limit": most("cpu_seconds"),
        "cpu_extra_time": 0.0,
        "max_cpu_extra_time": 0.0,
        "wall_time_limit": default("wall_seconds"),
        "max_wall_time_limit": most("wall_seconds"),
        "memory_limit": int(default("memory_bytes")) // KILOBYTE,
        "max_memory_limit": int(most("memory_bytes")) // KILOBYTE,
        "stack_limit": int(default("memory_bytes")) // KILOBYTE,
        "max_stack_limit": int(most("memory_bytes")) // KILOBYTE,
        "max_processes_and_or_threads": int(default("processes")),
        "max_max_processes_and_or_threads": int(most("processes")),
        "enable_per_process_and_thread_time_limit": False,
        "allow_enable_per_process_and_thread_time_limit": False,
        "enable_per_process_and_thread_memory_limit": False,
        "allow_enable_per_process_and_thread_memory_limit": False,
        "max_file_size": int(default("file_bytes")) // KILOBYTE,
        "max_max_file_size": int(most("file_bytes")) // KILOBYTE,
        "number_of_runs": 1,
        "max_number_of_runs": MOST_RUNS,
        "redirect_stderr_to_stdout": False,
        "max_extract_size": MOST_EXTRACTED_BYTES // KILOBYTE,
        "enable_batched_submissions": True,
        "max_submission_batch_size": MOST_IN_BATCH,
        "submission_cache_duration": 0.0,
        "use_docs_as_homepage": False,
        "allow_enable_network": False,
        "enable_network": False,
    }


def workers(slots: int, running: int, queued: int) -> list[dict[str, Any]]:
    """The one queue: a worker is a slot."""
    idle = max(0, slots - running)
    counts = {"available": slots, "idle": idle, "working": running, "paused": 0, "failed": 0}
    return [{"queue": VERSION, "size": queued, **counts}]
