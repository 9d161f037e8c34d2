"""From a submission as Judge0 takes it to ours. Pure."""

from __future__ import annotations

import base64
import binascii
import io
import shlex
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ccx.wire import CaseRequest, Commands, LanguageInfo, LimitOverrides, SourceFile, SubmissionRequest, encode
from ccx_orchestrator.doors.judge0.languages import MULTI_FILE, language_of

MOST_RUNS = 20
MOST_OPTIONS = 512
MOST_EXTRACTED_BYTES = 16 * 1024 * 1024
COMPILE_SCRIPT, RUN_SCRIPT = "compile", "run"  # what a program of several files brings, for bash
KILOBYTE = 1024
# What a case is called whose standard error goes to standard output: an answer can then tell without the request.
JOINED = "stderr to stdout"
# Their name of a limit, ours, how many of ours one of theirs is, and the least.
_LIMITS = {
    "cpu_time_limit": ("cpu_seconds", 1, 0.0),
    "wall_time_limit": ("wall_seconds", 1, 1.0),
    "memory_limit": ("memory_bytes", KILOBYTE, 2048),
    "max_processes_and_or_threads": ("processes", 1, 1),
    "max_file_size": ("file_bytes", KILOBYTE, 0),
}
_ENCODED = ("source_code", "stdin", "expected_output")

Complaints = dict[str, list[str]]


class Refusal(Exception):
    """A submission that Judge0 would refuse, by field and in its words."""

    def __init__(self, complaints: Complaints) -> None:
        super().__init__(str(complaints))
        self.complaints = complaints


def submission_of(body: object, languages: Sequence[LanguageInfo], *, is_encoded: bool) -> SubmissionRequest:
    """The submission. Raises Refusal, or ValidationError where our rules are stricter."""
    asked = _Asked(body if isinstance(body, dict) else {}, is_encoded=is_encoded)
    program, language = asked.program(languages)
    stdin, stdin_encoding = encode(asked.data("stdin"))
    case = CaseRequest(
        name=JOINED if asked.flag("redirect_stderr_to_stdout") else None,
        stdin=stdin,
        stdin_encoding=stdin_encoding,
        args=asked.words("command_line_arguments"),
        expected_stdout=asked.text("expected_output"),
    )
    runs = asked.number("number_of_runs", 1, MOST_RUNS) or 1
    return SubmissionRequest(
        language=language.name,
        cases=(case,) * int(runs),
        stop_on_failure=True,
        limits=asked.limits(language),
        **program,
        **asked.callback(),
    )


def main_name(language: LanguageInfo) -> str:
    """What the source is called; a class in Java may be in a file of any name."""
    return f"{'Main' if language.name == 'java' else 'main'}{language.suffixes[0]}"


class _Asked:
    """The fields of a request."""

    def __init__(self, fields: Mapping[str, Any], *, is_encoded: bool) -> None:
        self._fields = fields
        self._is_encoded = is_encoded
        if fields.get("enable_network"):
            raise Refusal({"enable_network": ["enabling network is not allowed"]})

    def program(self, languages: Sequence[LanguageInfo]) -> tuple[dict[str, Any], LanguageInfo]:
        """What is run, as fields of ours, and its language."""
        number = self._number()
        if number == MULTI_FILE:
            return self._multi_file(languages)
        if (language := language_of(number, languages)) is None:
            raise Refusal({"language_id": [f"language with id {number} doesn't exist"]})
        source = self.data("source_code")
        if not source:
            raise Refusal({"source_code": ["can't be blank"]})
        main = SourceFile.of(main_name(language), source)
        others = (file for file in self._files() if file.name != main.name)
        return {"files": (main, *others), "compile_args": self.words("compiler_options")}, language

    def _multi_file(self, languages: Sequence[LanguageInfo]) -> tuple[dict[str, Any], LanguageInfo]:
        """A program that brings its own scripts, `compile` and `run`: in the language of most of its files."""
        files = tuple(self._files())
        names = [file.name or "" for file in files]
        if not files:
            raise Refusal({"additional_files": ["can't be blank"]})
        if RUN_SCRIPT not in names:
            raise Refusal({"additional_files": [f"has no script {RUN_SCRIPT!r}"]})
        if not languages:
            raise Refusal({"language_id": [f"language with id {MULTI_FILE} doesn't exist"]})
        language = max(languages, key=lambda each: sum(name.endswith(each.suffixes) for name in names))
        compiling = ("bash", COMPILE_SCRIPT) if COMPILE_SCRIPT in names else ()
        return {"files": files, "commands": Commands(compile=compiling, run=("bash", RUN_SCRIPT))}, language

    def callback(self) -> dict[str, Any]:
        """Whom to tell the result, and in whose form."""
        url = self._fields.get("callback_url")
        return {"callback_url": url, "callback_form": "judge0"} if url else {}

    def _number(self) -> object:
        number = self._fields.get("language_id")
        if number in {None, ""}:
            raise Refusal({"language_id": ["can't be blank"]})
        return int(number) if isinstance(number, str) and number.isdigit() else number

    def data(self, name: str) -> bytes:
        """A text, as bytes."""
        text = self._fields.get(name)
        if text is None:
            return b""
        if not isinstance(text, str):
            raise Refusal({name: ["must be a string"]})
        if not self._is_encoded:
            return text.encode()
        try:
            return base64.b64decode(text.encode(), validate=False)
        except (binascii.Error, ValueError) as error:
            raise Refusal({name: ["is not valid base64"]}) from error

    def text(self, name: str) -> str | None:
        """The same where it has to be text."""
        if self._fields.get(name) is None:
            return None
        try:
            return self.data(name).decode()
        except UnicodeDecodeError as error:
            raise Refusal({name: ["must be UTF-8"]}) from error

    def flag(self, name: str) -> bool:
        """Whether it is set."""
        return self._fields.get(name) in {True, "true", "1"}

    def words(self, name: str) -> tuple[str, ...]:
        """A command line, cut as a shell would cut it."""
        line = self._fields.get(name) or ""
        if not isinstance(line, str) or len(line) > MOST_OPTIONS:
            raise Refusal({name: [f"is too long (maximum is {MOST_OPTIONS} characters)"]})
        try:
            return tuple(shlex.split(line))
        except ValueError as error:
            raise Refusal({name: [str(error)]}) from error

    def number(self, name: str, least: float, most: float) -> float | None:
        value = self._fields.get(name)
        if value is None:
            return None
        try:
            number = float(value)
        except (TypeError, ValueError) as error:
            raise Refusal({name: ["is not a number"]}) from error
        if not number >= least:
            raise Refusal({name: [f"must be greater than or equal to {least:.15g}"]})
        if number > most:
            raise Refusal({name: [f"must be less than or equal to {most:.15g}"]})
        return number

    def limits(self, language: LanguageInfo) -> LimitOverrides:
        """What a run may use; what is left out is the language's default."""
        chosen: dict[str, Any] = {}
        for name, (ours, factor, least) in _LIMITS.items():
            most = getattr(language.highest_limits, ours)
            value = self.number(name, least, most / factor)
            if value:
                chosen[ours] = value if ours.endswith("_seconds") else int(value * factor)
        return LimitOverrides(**chosen)

    def _files(self) -> Iterable[SourceFile]:
        """What a zip brings."""
        if not self._fields.get("additional_files"):
            return
        left = MOST_EXTRACTED_BYTES
        try:
            with zipfile.ZipFile(io.BytesIO(base64.b64decode(self._fields["additional_files"]))) as archive:
                for member in archive.infolist():
                    if member.is_dir():
                        continue
                    left -= member.file_size
                    if left < 0:
                        raise Refusal({"additional_files": [f"extracts to more than {MOST_EXTRACTED_BYTES} bytes"]})
                    yield SourceFile.of(member.filename, archive.read(member))
        except (binascii.Error, TypeError, zipfile.BadZipFile, OSError, RuntimeError, EOFError) as error:
            raise Refusal({"additional_files": ["is not a valid zip archive in base64"]}) from error
