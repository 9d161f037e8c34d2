"""From a run as Jobe takes it to our submission. Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from ccx.wire import LanguageInfo, LimitOverrides, SourceFile, SubmissionRequest
from ccx_orchestrator.doors.jobe.languages import DEFAULTS, language_of

MIB = 1024 * 1024
WALL_FACTOR = 2  # as theirs
LEAST_MEMORY_BYTES = 64 * MIB  # of a sandbox: a lower limit holds for what a process may reserve
OVERLOAD = "!** TESTING OVERLOAD EXCEPTION **!"
# Their name of a limit, ours, and how many of ours one of theirs is.
_LIMITS = {
    "cputime": ("cpu_seconds", 1),
    "memorylimit": ("memory_bytes", MIB),
    "numprocs": ("processes", 1),
    "disklimit": ("file_bytes", MIB),
    "streamsize": ("output_bytes", MIB),
}
_UNLIMITED = {"memorylimit": 0, "disklimit": -1}
# A virtual machine reserves more than it uses: theirs has no such limit for Java either.
_RESERVES_MUCH = frozenset({"java"})
# What an interpreter takes its next word for; as one word it is an option here.
_TAKES_NEXT = frozenset({"-c", "-m", "-W", "-X"})
_BAD_NAME = re.compile(r"[/:\"<>|?*#\[\]@!$&'()+,;={}^~`\x00-\x1f]|^[.-]")
_FILE_ID = re.compile("[A-Za-z0-9_-]+")


class Refusal(Exception):
    """A run that Jobe would refuse; the text is its own."""

    def __init__(self, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.status = status


@dataclass(frozen=True, slots=True)
class Run:
    """A run that was asked for."""

    request: SubmissionRequest
    language: LanguageInfo


def run_of(body: object, languages: Sequence[LanguageInfo], file: Callable[[str], bytes | None]) -> Run | None:
    """The run, None where it only tries what an overload looks like. Raises Refusal, or ValidationError where our rules
    are stricter. `file` gives what was put under an id.
    """
    spec = body.get("run_spec") if isinstance(body, dict) else None
    if not isinstance(spec, dict):
        raise Refusal("No run_spec attribute found in post data")
    for name in ("language_id", "sourcecode"):
        if not isinstance(spec.get(name), str):
            raise Refusal(f"run_spec is missing the required attribute '{name}'")
    language_id = str(spec["language_id"]).lower()
    language = language_of(language_id, languages)
    if language is None:
        raise Refusal(f"Language '{language_id}' is not known")
    if spec["sourcecode"] == OVERLOAD:
        return None
    asked = _Asked(spec.get("parameters"), DEFAULTS.get(language_id, {}))
    files = (_source(spec), *_more_files(spec.get("file_list"), file))
    request = SubmissionRequest(
        language=language.name,
        files=files,
        stdin=spec["input"] if isinstance(spec.get("input"), str) else "",
        compile_args=asked.words("compileargs") + asked.words("linkargs"),
        run_options=_joined(asked.words("interpreterargs")),
        args=asked.list("runargs"),
        limits=asked.limits(language),
    )
    return Run(request, language)


def _source(spec: dict[str, Any]) -> SourceFile:
    name = spec.get("sourcefilename") or None
    if name is not None and (not isinstance(name, str) or _BAD_NAME.search(name)):
        raise Refusal("The sourcefilename for the run_spec is illegal")
    if name == "prog.java":  # CodeRunner's word for "no name": a class is looked for
        name = None
    usual = DEFAULTS.get(str(spec["language_id"]).lower(), {}).get("name")
    return SourceFile.of(name or usual, spec["sourcecode"].encode())


def _more_files(listed: object, file: Callable[[str], bytes | None]) -> Iterable[SourceFile]:
    for entry in listed if isinstance(listed, list) else ():
        if not _is_file(entry):
            raise Refusal(f"Invalid file specifier: {entry}")
        if (data := file(entry[0])) is None:
            raise Refusal("One or more of the specified files is missing/unavailable", 404)
        yield SourceFile.of(entry[1], data)


def _is_file(entry: object) -> bool:
    has_form = isinstance(entry, list) and len(entry) in {2, 3} and all(isinstance(part, str) for part in entry[:2])
    return has_form and is_file_id(entry[0]) and not _BAD_NAME.search(entry[1].replace("/", ""))  # type: ignore[index]


def _joined(words: tuple[str, ...]) -> tuple[str, ...]:
    joined: list[str] = []
    for word in words:
        if joined and joined[-1] in _TAKES_NEXT:
            joined[-1] += word
        else:
            joined.append(word)
    return tuple(joined)


def is_file_id(text: str) -> bool:
    """Whether a file may have this id."""
    return _FILE_ID.fullmatch(text) is not None


class _Asked:
    """The parameters of a run, over those that a language has by default."""

    def __init__(self, parameters: object, defaults: dict[str, Any]) -> None:
        given = parameters if isinstance(parameters, dict) else {}
        self._values = defaults | {name: value for name, value in given.items() if value is not None}

    def list(self, name: str) -> tuple[str, ...]:
        """Arguments: a list, or a text with blanks between."""
        value = self._values.get(name, ())
        if isinstance(value, str):
            value = value.split()
        return tuple(str(word) for word in value) if isinstance(value, list | tuple) else ()

    def words(self, name: str) -> tuple[str, ...]:
        """Options, each of which may be several: a shell reads them there. Raises Refusal."""
        try:
            return tuple(chain(*map(shlex.split, self.list(name))))
        except ValueError as error:
            raise Refusal(f"{name} cannot be read as a shell would: {error}") from error

    def limits(self, language: LanguageInfo) -> LimitOverrides:
        """What the case may use; what is left out is the language's default, for which sandboxes are ready. Raises
        Refusal.
        """
        most, chosen = language.highest_limits, dict[str, float]()
        for name, (ours, factor) in _LIMITS.items():
            value = self._values.get(name)
            if isinstance(value, bool) or not isinstance(value, int | float):
                continue  # what is no number is as if it were not given
            if name == "memorylimit" and language.name in _RESERVES_MUCH:
                continue
            if value == _UNLIMITED.get(name):
                chosen[ours] = getattr(most, ours)
            elif value > 0:
                chosen[ours] = min(value * factor, getattr(most, ours))
        if "memory_bytes" in chosen:
            chosen["memory_bytes"] = max(chosen["memory_bytes"], LEAST_MEMORY_BYTES)
        cpu_seconds = self._values.get("cputime", 0)
        if "cpu_seconds" in chosen:
            if cpu_seconds > most.cpu_seconds:
                raise Refusal(f"cputime exceeds maximum allowed on this Jobe server ({most.cpu_seconds:g} secs)")
            chosen["wall_seconds"] = min(WALL_FACTOR * cpu_seconds, most.wall_seconds)
        reserved = self._values.get("memorylimit") if "memory_bytes" in chosen else self._values.get("address_space")
        if reserved and language.name not in _RESERVES_MUCH:
            chosen["address_space_bytes"] = reserved * MIB
        whole: dict[str, Any] = {
            name: value if name.endswith("_seconds") else int(value) for name, value in chosen.items()
        }
        return LimitOverrides(**whole)
