"""Who handed in what: a folder or a zip, with a file, a folder or a zip for each person."""

from __future__ import annotations

import io
import re
import zipfile
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from ccx.cli.options.sources import MOST_SOURCE_BYTES
from ccx.errors import BadInput
from ccx.wire import MAX_FILES

# As Moodle names what "Download all submissions" brings.
_MOODLE = re.compile(r"^(?P<person>.+?)_\d+_assignsubmission_file_?(?P<rest>.*)$")
# What hosts of code and editors leave in folders.
_NOT_SOURCES = {"__MACOSX", "__pycache__", "node_modules", "target", "build"}


@dataclass(slots=True)
class Person:
    """Files by their names. `trouble` is why they cannot be run, where that is known already."""

    name: str
    files: dict[str, bytes] = field(default_factory=dict)
    trouble: str | None = None


def find_people(place: Path) -> list[Person]:
    """Everybody in a folder, or in a zip of one, by name. Raises BadInput where there is nobody."""
    if not place.exists():
        raise BadInput(f"{str(place)!r} does not exist; name the folder or zip with the submissions.")
    tree = _zip_tree(place.read_bytes(), place.name) if place.is_file() else _folder_tree(place)
    people: dict[str, Person] = {}
    for name, data in sorted(tree.items()):
        who, rest = _owner(name)
        person = people.setdefault(who, Person(who))
        if rest.lower().endswith(".zip"):
            _unpack(person, data)
        elif len(person.files) >= MAX_FILES:
            person.trouble = f"more than {MAX_FILES} files"
        else:
            person.files[rest] = data
    if not people:
        raise BadInput(f"{str(place)!r} has no submission in it: neither a file nor a folder for each person.")
    for person in people.values():
        _judge(person)
    return list(people.values())


def _owner(name: str) -> tuple[str, str]:
    """The person whose file it is, and its name among theirs."""
    first, _, rest = name.partition("/")
    if moodle := _MOODLE.match(first):
        return moodle["person"], rest or moodle["rest"] or first
    if rest:
        return first, rest
    return PurePosixPath(first).stem, first


def _judge(person: Person) -> None:
    if person.trouble:
        return
    if not person.files:
        person.trouble = "nothing was handed in"
    elif sum(map(len, person.files.values())) > MOST_SOURCE_BYTES:
        person.trouble = f"more than {MOST_SOURCE_BYTES // 2**20} MiB"
    elif not any(data.strip() for data in person.files.values()):
        person.trouble = "the files are empty"


def _folder_tree(place: Path) -> dict[str, bytes]:
    found = {}
    for path in sorted(place.rglob("*")):
        parts = path.relative_to(place).parts
        if path.is_file() and not path.is_symlink() and _is_source(parts):
            found["/".join(parts)] = _read(path)
    # A folder that is empty is somebody, too.
    for path in place.iterdir():
        if path.is_dir() and _is_source((path.name,)) and not any(name.startswith(f"{path.name}/") for name in found):
            found[f"{path.name}/empty.zip"] = b""
    return found


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MOST_SOURCE_BYTES + 1)
    except OSError as error:
        raise BadInput(f"{str(path)!r} cannot be read: {error.strerror}.") from error


def _is_source(parts: tuple[str, ...]) -> bool:
    return not any(part.startswith(".") or part in _NOT_SOURCES for part in parts)


def _zip_tree(data: bytes, name: str) -> dict[str, bytes]:
    """The files in it, their names made harmless: nothing leads out of it. Raises BadInput."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return _contents(archive)
    except (zipfile.BadZipFile, OSError, NotImplementedError, RuntimeError, EOFError) as error:
        raise BadInput(f"{name!r} is no zip that can be read: {error}.") from error


def _contents(archive: zipfile.ZipFile) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    left_bytes = 64 * MOST_SOURCE_BYTES
    for entry in archive.infolist():
        parts = tuple(part for part in entry.filename.replace("\\", "/").split("/") if part not in {"", ".", ".."})
        if entry.is_dir() or not parts or not _is_source(parts):
            continue
        with archive.open(entry) as file:
            data = file.read(min(left_bytes, MOST_SOURCE_BYTES) + 1)
        left_bytes -= len(data)
        if left_bytes < 0:
            raise BadInput(f"{archive.filename or 'the zip'} unpacks to more than anybody hands in.")
        found["/".join(parts)] = data
    return found


def _unpack(person: Person, data: bytes) -> None:
    if not data:
        return
    try:
        inner = _zip_tree(data, "their zip")
    except BadInput as error:
        person.trouble = str(error)
        return
    tops = {name.partition("/")[0] for name in inner}
    # One folder with everything in it is only there to hold it together.
    if len(tops) == 1 and all("/" in name for name in inner):
        inner = {name.partition("/")[2]: content for name, content in inner.items()}
    person.files |= dict(list(inner.items())[:MAX_FILES])
