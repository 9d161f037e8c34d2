"""From paths on the command line to the files of a submission. Reads files and walks directories, nothing else."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ccx.cli.standard_streams import has_input, read_stdin
from ccx.errors import BadInput
from ccx.wire import MAX_FILES, SourceFile

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MOST_SOURCE_BYTES = 24 * 2**20  # in base64, the 32 MiB that a node takes in one request
PIPED_IN = "-"
_MOST_LISTED = 8


@dataclass(frozen=True)
class Sources:
    """Files by their names in the work directory. `first` is the first FILE given; None where only directories were."""

    root: Path
    files: dict[str, bytes]
    first: str | None

    @property
    def is_piped_in(self) -> bool:
        """Whether it is the one file that standard input was, which has no name."""
        return list(self.files) == [PIPED_IN]

    def source_files(self) -> tuple[SourceFile, ...]:
        """The files as a submission carries them."""
        return tuple(SourceFile.of(None if self.is_piped_in else name, data) for name, data in self.files.items())

    def name_of(self, given: str) -> str:
        """The file an `--entrypoint` means: a name as it is sent, or a path as it was given. Raises BadInput."""
        relative = Path(os.path.relpath(given, self.root)).as_posix()
        for name in (given, relative):
            if name in self.files:
                return name
        raise BadInput(f"--entrypoint: {given!r} is not one of the files; there are {listing(self.files)}.")


def listing(names: Sequence[str] | dict[str, bytes]) -> str:
    """Names for a sentence, the first few of many."""
    shown = sorted(names)
    left_out = len(shown) - _MOST_LISTED
    return ", ".join(shown[:_MOST_LISTED]) + (f" and {left_out} more" if left_out > 0 else "")


def collect(paths: Sequence[Path]) -> Sources:
    """Read every file given, and every file that is not hidden in the directories given.

    Names are relative to the directory where one is given alone, otherwise to the common parent of all that is given.
    A link to a file is the file; a link to a directory is not followed. Raises BadInput.
    """
    if PIPED_IN in map(str, paths):
        return _piped_in(paths)
    root = _root(paths)
    files: dict[str, bytes] = {}
    left_bytes = MOST_SOURCE_BYTES
    for path in _expand(paths):
        data = _read(path, left_bytes)
        files[Path(os.path.relpath(path, root)).as_posix()] = data
        left_bytes -= len(data)
        if len(files) > MAX_FILES:
            raise BadInput(f"There are more than {MAX_FILES} files; give only those the program needs.")
    if not files:
        raise BadInput(f"{str(paths[0])!r} has no file in it that is not hidden; give the files themselves.")
    given = next((path for path in paths if not path.is_dir()), None)
    return Sources(root, files, None if given is None else Path(os.path.relpath(given, root)).as_posix())


def _piped_in(paths: Sequence[Path]) -> Sources:
    if len(paths) > 1:
        raise BadInput(f"{PIPED_IN!r} is a program from standard input, all of it; name no other file beside it.")
    if not has_input():
        raise BadInput(f"{PIPED_IN!r} is a program from standard input: pipe one in, as in ccx run -l c - < hello.c.")
    return Sources(Path(), {PIPED_IN: read_stdin()}, None)


def _root(paths: Sequence[Path]) -> Path:
    """The directory the names are relative to. Links are not resolved: a file keeps the name it was given by."""
    if len(paths) == 1 and paths[0].is_dir():
        return _absolute(paths[0])
    return Path(os.path.commonpath([_absolute(path).parent for path in paths]))


def _absolute(path: Path) -> Path:
    return Path(os.path.normpath(path.absolute()))


def _expand(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from _walk(path)
        else:
            yield path


def _walk(directory: Path) -> Iterator[Path]:
    """The regular files in it in a stable order, without what is hidden."""
    for parent, directories, names in os.walk(directory, onerror=_raise):
        directories[:] = sorted(name for name in directories if not name.startswith("."))
        for name in sorted(names):
            path = Path(parent, name)
            if not name.startswith(".") and path.is_file():
                yield path


def _raise(error: OSError) -> None:
    raise BadInput(f"{error.filename!r} cannot be read: {error.strerror}.") from error


def _read(path: Path, most_bytes: int) -> bytes:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise BadInput(f"{str(path)!r} is not a regular file; save it to one and give that.")
        if status.st_size > most_bytes:
            raise BadInput(f"{str(path)!r} is too large: all files together may have {MOST_SOURCE_BYTES // 2**20} MiB.")
        return path.read_bytes()
    except FileNotFoundError as error:
        raise BadInput(
            f"{str(path)!r} does not exist; check the name (arguments of the program go after --)."
        ) from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise BadInput(f"{str(path)!r} cannot be read: {reason}.") from error
