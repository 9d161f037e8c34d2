"""The runner's protocol as pure data: bytes in, frames out, and back. `images/runner/PROTOCOL.md` is the text."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from ccx_orchestrator.domain.events import EndedBy, How, StepReport
from ccx_orchestrator.domain.language import Language
from ccx_orchestrator.domain.limits import Limits
from ccx_orchestrator.domain.plan import Step
from ccx_orchestrator.domain.planning import environment_of, prestart_command

VERSION = 6
MAX_PAYLOAD = 65_536
MAX_DATA = 32_768  # bytes of one file or input frame: small enough to interleave, large enough to be cheap

FLAG_INPUT_COMPLETE = 1
FLAG_TERMINAL = 2
FLAG_RESTORE = 4
FLAG_PRESTARTED = 8
FLAG_GIVES_BACK = 16
FILE_REPLACES = 2

OPEN_FILES = 256
UNLIMITED = 2**64 - 1  # RLIM_INFINITY

_HEADER = struct.Struct(">IB")
_STEP = struct.Struct(">IBQQQ")
_KERNEL_LIMIT = struct.Struct(">BQ")
_RESULT = struct.Struct(">IBIBQQQQQIIBI")
_HOW = (How.EXITED, How.SIGNALLED, How.NOT_STARTED)
_ENDED_BY = (EndedBy.NOTHING, EndedBy.CPU, EndedBy.WALL, EndedBy.STDOUT, EndedBy.STDERR, EndedBy.CANCEL)
_ARTIFACT_ERRORS = ("", "there is no such file", "it is not a regular file", "it is too large")


class BrokenFrame(Exception):
    """Bytes that are not the runner's protocol."""


@dataclass(frozen=True, slots=True)
class Ready:
    """The runner is there."""

    version: int
    cgroup: int


@dataclass(frozen=True, slots=True)
class Prestarted:
    """What was started ahead waits for its first step."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A step has begun."""

    step: int


@dataclass(frozen=True, slots=True)
class Chunk:
    """Output of a step."""

    step: int
    is_stderr: bool
    data: bytes


@dataclass(frozen=True, slots=True)
class Credit:
    """The step took this much input."""

    step: int
    amount: int


@dataclass(frozen=True, slots=True)
class Result:
    """A step has ended."""

    step: int
    report: StepReport


@dataclass(frozen=True, slots=True)
class FileAnswer:
    """Answer to a request for a file: `size` bytes follow, or `error` says why not."""

    size: int
    error: str


@dataclass(frozen=True, slots=True)
class FileData:
    """A piece of that file."""

    data: bytes


@dataclass(frozen=True, slots=True)
class FileNames:
    """The files of the work directory, as far as their names are UTF-8, and whether these are all."""

    names: tuple[str, ...]
    are_all: bool


@dataclass(frozen=True, slots=True)
class Complaint:
    """The runner gives up."""

    text: str


Frame = Ready | Prestarted | Begun | Chunk | Credit | Result | FileAnswer | FileData | FileNames | Complaint


class FrameReader:
    """Cuts a stream of bytes into frames. Raises BrokenFrame for what cannot be one."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that are complete with this piece."""
        self._rest += data
        while len(self._rest) >= _HEADER.size:
            length, kind = _HEADER.unpack_from(self._rest)
            if length > MAX_PAYLOAD:
                raise BrokenFrame(f"a frame of {length} bytes")
            end = _HEADER.size + length
            if len(self._rest) < end:
                return
            payload = bytes(self._rest[_HEADER.size : end])
            del self._rest[:end]
            yield _parse(chr(kind), payload)


def _parse(kind: str, payload: bytes) -> Frame:
    try:
        return _PARSERS[kind](payload)
    except (KeyError, struct.error, IndexError, ValueError) as error:
        raise BrokenFrame(f"a frame of type {kind!r} that makes no sense") from error


def _parse_result(payload: bytes) -> Result:
    step, how, code, ended_by, cpu, wall, memory, out, err, ooms, refused, marker, left = _RESULT.unpack(payload)
    report = StepReport(
        how=_HOW[how],
        code=code,
        ended_by=_ENDED_BY[ended_by],
        cpu_seconds=cpu / 1e6,
        wall_seconds=wall / 1e6,
        memory_bytes=memory,
        stdout_bytes=out,
        stderr_bytes=err,
        oom_kills=ooms,
        refused_forks=refused,
        marker_found=bool(marker),
        left_behind=left,
    )
    return Result(step, report)


def _parse_answer(payload: bytes) -> FileAnswer:
    status, size = struct.unpack(">BQ", payload)
    return FileAnswer(0 if status else size, _ARTIFACT_ERRORS[status])


def _parse_names(payload: bytes) -> FileNames:
    names = []
    at = 1
    while at < len(payload):
        start = at + 2
        at = start + int(struct.unpack_from(">H", payload, at)[0])
        if at > len(payload):
            raise ValueError("a name is cut off")
        with suppress(UnicodeDecodeError):  # no JSON could name it
            names.append(payload[start:at].decode())
    return FileNames(tuple(names), bool(payload[0]))


def _number(payload: bytes) -> int:
    return int(struct.unpack_from(">I", payload)[0])


_PARSERS: dict[str, Callable[[bytes], Frame]] = {
    "r": lambda payload: Ready(*struct.unpack(">HB", payload)),
    "p": lambda payload: Prestarted(*struct.unpack("", payload)),
    "b": lambda payload: Begun(*struct.unpack(">I", payload)),
    "o": lambda payload: Chunk(_number(payload), False, payload[4:]),
    "e": lambda payload: Chunk(_number(payload), True, payload[4:]),
    "w": lambda payload: Credit(*struct.unpack(">II", payload)),
    "z": _parse_result,
    "a": _parse_answer,
    "d": FileData,
    "n": _parse_names,
    "!": lambda payload: Complaint(payload.decode(errors="replace")),
}


def frame(kind: str, payload: bytes = b"") -> bytes:
    """One frame as bytes."""
    return _HEADER.pack(len(payload), ord(kind)) + payload


def file_frames(name: str, data: bytes, *, replaces: bool = False) -> Iterator[bytes]:
    """A file of the work directory. `replaces`: in the place of one that has this name."""
    yield frame("F", bytes((FILE_REPLACES * replaces,)) + name.encode())
    for start in range(0, len(data), MAX_DATA):
        yield frame("D", data[start : start + MAX_DATA])


def step_frame(number: int, step: Step, environment: tuple[str, ...], *, restore: bool) -> tuple[bytes, int]:
    """A step, and how many bytes of its input went along."""
    limits = step.limits
    words = kernel_limits(limits) + _str16(step.marker) + _strings(step.command) + _strings(environment)
    inline = step.stdin[: max(0, MAX_PAYLOAD - _STEP.size - len(words))]
    flags = (
        FLAG_INPUT_COMPLETE * (len(inline) == len(step.stdin) and not step.is_interactive)
        | FLAG_TERMINAL * step.has_terminal
        | FLAG_RESTORE * restore
        | FLAG_PRESTARTED * step.prestarted
        | FLAG_GIVES_BACK * step.gives_back
    )
    cpu, wall = microseconds(limits.cpu_seconds), microseconds(limits.wall_seconds)
    return frame("S", _STEP.pack(number, flags, cpu, wall, limits.output_bytes) + words + inline), len(inline)


def kernel_limits(limits: Limits) -> bytes:
    """What the kernel holds each process to, by Linux' number of it (RLIMIT_…, see setrlimit(2)). All of them each
    time: a program that was started ahead may have had others before.
    """
    values = {
        1: limits.file_bytes,  # FSIZE
        7: OPEN_FILES,  # NOFILE
        9: limits.address_space_bytes,  # AS
    }
    pairs = ((resource, UNLIMITED if most is None else most) for resource, most in values.items())
    return bytes((len(values),)) + b"".join(itertools.starmap(_KERNEL_LIMIT.pack, pairs))


def prestart_frames(language: Language) -> bytes:
    """What a fresh sandbox is told before it has a submission; empty where there is nothing to start ahead."""
    if language.prestart is None:
        return b""
    command = prestart_command(language, language.limits.default)
    counted = struct.pack(">Q", language.prestart.counted_bytes)
    return frame("R", counted + _strings(command) + _strings(environment_of(language)))


def input_frame(number: int, data: bytes) -> bytes:
    """A piece of a step's input."""
    return frame("I", struct.pack(">I", number) + data)


def input_end_frame(number: int) -> bytes:
    """The end of a step's input."""
    return frame("E", struct.pack(">I", number))


def signal_frame(number: int, signal: int) -> bytes:
    """A signal for a step's process group."""
    return frame("K", struct.pack(">IB", number, signal))


def cancel_frame(number: int) -> bytes:
    """The end of a step: it is killed, and its result says so."""
    return frame("X", struct.pack(">I", number))


def window_frame(number: int, rows: int, columns: int) -> bytes:
    """The size of a step's terminal."""
    return frame("V", struct.pack(">IHH", number, rows, columns))


def get_frame(name: str, most: int) -> bytes:
    """Ask for a file of at most so many bytes."""
    return frame("G", struct.pack(">Q", most) + name.encode())


def list_frame() -> bytes:
    """Ask for the names of all files."""
    return frame("L")


def preserve_frame() -> bytes:
    """Remember the work directory as it is."""
    return frame("P")


def back_frame() -> bytes:
    """Restore the work directory as it was preserved, for files to be added."""
    return frame("B")


def microseconds(seconds: float) -> int:
    """Whole microseconds, at least one."""
    return max(1, round(seconds * 1e6))


def _str16(text: str) -> bytes:
    data = text.encode()
    return struct.pack(">H", len(data)) + data


def _strings(texts: tuple[str, ...]) -> bytes:
    return struct.pack(">H", len(texts)) + b"".join(map(_str16, texts))
