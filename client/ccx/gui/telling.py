"""What became of a program, in sentences. No Qt here."""

from __future__ import annotations

from collections.abc import Iterable

from ccx.gui.model import MEBIBYTE
from ccx.wire import CaseResult, LanguageInfo, LimitOverrides, Submission, Verdict
from ccx.words import Words

# Where the node says more than the sentence does.
_EXPLAINED = {Verdict.RUNTIME_ERROR, Verdict.INTERNAL_ERROR, Verdict.CANCELLED, Verdict.WRONG_ANSWER}


def told_of(result: Submission, asked: LimitOverrides, languages: Iterable[LanguageInfo], say: Words) -> str:
    """The verdict in a sentence, why, and what was used of what was allowed: a line each."""
    verdict = result.verdict or Verdict.INTERNAL_ERROR
    lines = [say(f"verdict.{verdict}")]
    if result.message and (verdict in _EXPLAINED or verdict not in set(Verdict)):
        lines.append(result.message.removeprefix("Its output is not the expected one. "))
    shown = next((case for case in result.cases if case.verdict not in {None, Verdict.OK}), None)
    shown = shown or next(iter(result.cases), None)
    language = next((one for one in languages if one.name == result.language), None)
    if shown and shown.verdict and language:
        lines.append(_used(shown, asked, language, say))
    return "\n".join(lines)


def _used(case: CaseResult, asked: LimitOverrides, language: LanguageInfo, say: Words) -> str:
    usual = language.default_limits
    memory_bytes = asked.memory_bytes or usual.memory_bytes
    parts = [
        say("used.cpu", used=f"{case.cpu_seconds:.2f}", limit=f"{asked.cpu_seconds or usual.cpu_seconds:g}"),
        say("used.wall", used=f"{case.wall_seconds:.2f}", limit=f"{asked.wall_seconds or usual.wall_seconds:g}"),
        say("used.memory", used=f"{case.memory_bytes / MEBIBYTE:.1f}", limit=f"{memory_bytes / MEBIBYTE:g}"),
    ]
    if case.signal:
        parts.append(say("used.signal", signal=case.signal))
    elif case.exit_code:
        parts.append(say("used.exit", code=case.exit_code))
    return " · ".join(parts)
