"""Who handed in what: a folder or a zip, with a file, a folder or a zip for each person.

Only names are kept. Files are read when they are wanted, so that a class of thousands takes no more memory than one of
thirty.
"""

from __future__ import annotations

import io
import os
import re
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

from ccx.cli.options.sources import MOST_SOURCE_BYTES
from ccx.errors import BadInput
from ccx.wire import MAX_FILES

# As Moodle names what "Download all submissions" brings.
_MOODLE = re.compile(r"^(?P<person>.+?)_\d+_assignsubmission_file_?(?P<rest>.*)$")
# What hosts of code and editors leave in folders.
_NOT_SOURCES = {"__MACOSX", "__pycache__", "node_modules", "target", "build"}

Files = dict[str, bytes]


@dataclass(frozen=True, slots=True)
class Person:
    """`read` gives their files by name, and raises BadInput where these cannot be run."""

    name: str
    read: Callable[[], Files]


@dataclass(frozen=True, slots=True)
class _Tree:
    """A folder or a zip: the paths of its files, those of its folders with a slash at their end, and what is in one."""

    paths: list[str]
    read: Callable[[str], bytes]


def find_people(place: Path) -> list[Person]:
    """Everybody in a folder, or in a zip of one, by name. Raises BadInput where there is nobody."""
    if not place.exists():
        raise BadInput(f"{str(place)!r} does not exist; name the folder or zip with the submissions.")
    tree = _zip_tree(_opened(place, place.name)) if place.is_file() else _folder_tree(place)
    owned: dict[str, list[tuple[str, str]]] = {}
    wrapper = _wrapper(tree.paths) if place.is_file() else ""
    for path in sorted(tree.paths):
        if path == wrapper:
            continue
        who, name = _owner(path.removeprefix(wrapper))
        files = owned.setdefault(who, [])
        if not path.endswith("/"):
            files.append((path, name))
    if not owned:
        raise BadInput(f"{str(place)!r} has no submission in it: neither a file nor a folder for each person.")
    return [Person(who, partial(_handed_in, tree, files)) for who, files in owned.items()]


def _wrapper(paths: list[str]) -> str:
    """The one folder in a zip that holds everybody, with its slash; empty where each folder is somebody."""
    tops = {path.partition("/")[0] for path in paths}
    top = f"{tops.pop()}/" if len(tops) == 1 else ""
    inside = [path.removeprefix(top) for path in paths if path != top]
    holds_people = all("/" in path or path.lower().endswith(".zip") for path in inside)
    return top if inside and holds_people and not _MOODLE.match(top) else ""


def _owner(path: str) -> tuple[str, str]:
    """The person whose file it is, and its name among theirs."""
    first, _, rest = path.partition("/")
    if moodle := _MOODLE.match(first):
        return moodle["person"], rest or moodle["rest"] or first
    if rest or path.endswith("/"):
        return first, rest
    return PurePosixPath(first).stem, first


def _handed_in(tree: _Tree, paths: list[tuple[str, str]]) -> Files:
    """What is in these files, zips unpacked. Raises BadInput."""
    files: Files = {}
    for path, name in paths:
        data = tree.read(path)
        if name.lower().endswith(".zip"):
            _add_zip(files, data)
        else:
            _add(files, name, data)
    if not files:
        raise BadInput("nothing was handed in")
    if not any(data.strip() for data in files.values()):
        raise BadInput("the files are empty")
    return files


def _add(files: Files, name: str, data: bytes) -> None:
    """One more, within what a person may hand in: nothing beyond it is read."""
    files[name] = data
    if len(files) > MAX_FILES:
        raise BadInput(f"more than {MAX_FILES} files")
    if sum(map(len, files.values())) > MOST_SOURCE_BYTES:
        raise BadInput(f"more than {MOST_SOURCE_BYTES // 2**20} MiB")


def _add_zip(files: Files, data: bytes) -> None:
    tree = _zip_tree(_opened(io.BytesIO(data), "their zip"))
    paths = [path for path in tree.paths if not path.endswith("/")]
    # One folder with everything in it is only there to hold it together.
    is_held = len({path.partition("/")[0] for path in paths}) == 1 and all("/" in path for path in paths)
    for path in paths:
        _add(files, path.partition("/")[2] if is_held else path, tree.read(path))


def _is_source(name: str) -> bool:
    return not name.startswith(".") and name not in _NOT_SOURCES


def _folder_tree(place: Path) -> _Tree:
    paths = []
    for folder, folders, names in os.walk(place):
        folders[:] = filter(_is_source, folders)
        inside = Path(folder).relative_to(place).parts
        paths += ["/".join((*inside, name)) + "/" for name in folders]
        paths += ["/".join((*inside, name)) for name in names if _is_source(name) and (Path(folder) / name).is_file()]
    return _Tree([path for path in paths if not (place / path).is_symlink()], partial(_read, place))


def _read(place: Path, name: str) -> bytes:
    try:
        with (place / name).open("rb") as file:
            return file.read(MOST_SOURCE_BYTES + 1)
    except OSError as error:
        raise BadInput(f"{name!r} cannot be read: {error.strerror}") from error


@contextmanager
def _of_a_zip(name: str) -> Iterator[None]:
    """What goes wrong with a zip, in one sentence."""
    try:
        yield
    except (zipfile.BadZipFile, OSError, NotImplementedError, RuntimeError, EOFError) as error:
        raise BadInput(f"{name!r} is no zip that can be read: {error}.") from error


def _opened(place: Path | io.BytesIO, name: str) -> zipfile.ZipFile:
    with _of_a_zip(name):
        return zipfile.ZipFile(place)


def _zip_tree(archive: zipfile.ZipFile) -> _Tree:
    """Its files, their names made harmless: nothing leads out of it."""
    entries = {}
    for entry in archive.infolist():
        parts = [part for part in entry.filename.replace("\\", "/").split("/") if part not in {"", ".", ".."}]
        if parts and all(map(_is_source, parts)):
            entries["/".join(parts) + "/" * entry.is_dir()] = entry

    def read(path: str) -> bytes:
        with _of_a_zip(path), archive.open(entries[path]) as file:
            return file.read(MOST_SOURCE_BYTES + 1)

    return _Tree(list(entries), read)
