"""From a request as Piston takes it to ours. Pure."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any

from ccx.wire import LanguageInfo, LimitOverrides, SourceFile, SubmissionRequest, encode
from ccx_orchestrator.doors.piston.versions import runtime_for

MILLISECONDS = 1000
UNLIMITED = -1
# Their name of a limit, ours, and how many of theirs one of ours is. A compiler has the language's own limits here.
_LIMITS = {
    "run_timeout": ("wall_seconds", MILLISECONDS),
    "run_cpu_time": ("cpu_seconds", MILLISECONDS),
    "run_memory_limit": ("memory_bytes", 1),
}
_COMPILER_LIMITS = ("compile_timeout", "compile_cpu_time", "compile_memory_limit")


class Refusal(Exception):
    """A request that Piston would refuse; the text is its own."""


def submission_of(body: object, languages: Sequence[LanguageInfo]) -> tuple[SubmissionRequest, LanguageInfo]:
    """The submission, and the language that it runs in. Raises Refusal, or ValidationError where our rules are
    stricter.
    """
    asked = body if isinstance(body, dict) else {}
    for field in ("language", "version"):
        if not isinstance(asked.get(field), str) or not asked[field]:
            raise Refusal(f"{field} is required as a string")
    if not isinstance(asked.get("files"), list):
        raise Refusal("files is required as an array")
    language = runtime_for(asked["language"], asked["version"], languages)
    if language is None:
        raise Refusal(f"{asked['language']}-{asked['version']} runtime is unknown")
    request = SubmissionRequest(
        language=language.name,
        files=_files(asked["files"], language),
        stdin=_stdin(asked.get("stdin")),
        args=_arguments(asked.get("args")),
        limits=_limits(asked, language),
    )
    return request, language


def _files(files: list[Any], language: LanguageInfo) -> tuple[SourceFile, ...]:
    for index, file in enumerate(files):
        if not isinstance(file, dict) or not isinstance(file.get("content"), str):
            raise Refusal(f"files[{index}].content is required as a string")
    if not any(file.get("encoding", "utf8") not in {"base64", "hex"} for file in files):
        raise Refusal("files must include at least one utf8 encoded file")
    return tuple(_file(file, index, len(files), language) for index, file in enumerate(files))


def _file(file: Mapping[str, Any], index: int, count: int, language: LanguageInfo) -> SourceFile:
    name = file.get("name") or None
    if name is None and count > 1:
        name = f"file{index}{language.suffixes[0]}"
    text, encoding = encode(_content(file, index))
    return SourceFile(name=name, content=text, encoding=encoding)


def _content(file: Mapping[str, Any], index: int) -> bytes:
    text: str = file["content"]
    try:
        match file.get("encoding"):
            case "base64":
                return base64.b64decode(text)
            case "hex":
                return bytes.fromhex(text)
            case _:
                return text.encode()
    except (binascii.Error, ValueError) as error:
        raise Refusal(f"files[{index}].content is not {file.get('encoding') or 'utf8'}") from error


def _stdin(text: object) -> str:
    """It ends with a line feed, as theirs does; an empty one stays empty, so that a program sees that there is none."""
    if not isinstance(text, str) or not text:
        return ""
    return text if text.endswith("\n") else f"{text}\n"


def _arguments(args: object) -> tuple[str, ...]:
    return tuple(str(arg) for arg in args) if isinstance(args, list) else ()


def _limits(asked: Mapping[str, Any], language: LanguageInfo) -> LimitOverrides:
    chosen: dict[str, float | int] = {}
    for field in (*_LIMITS, *_COMPILER_LIMITS):
        value = asked.get(field)
        if not value:  # they take 0 and null for "not given"
            continue
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise Refusal(f"If specified, {field} must be a number")
        if value < 0 and value != UNLIMITED:
            raise Refusal(f"{field} must be non-negative")
        if field in _LIMITS:
            ours, factor = _LIMITS[field]
            chosen[ours] = _limit(field, value, getattr(language.highest_limits, ours), factor)
    return LimitOverrides(**chosen)  # type: ignore[arg-type]


def _limit(field: str, value: float, highest: float, factor: int) -> float | int:
    """What the case may use; "unlimited" is the most there is."""
    if value == UNLIMITED:
        return highest
    if value > highest * factor:
        raise Refusal(f"{field} cannot exceed the configured limit of {highest * factor:.15g}")
    return value / factor if factor > 1 else int(value)
