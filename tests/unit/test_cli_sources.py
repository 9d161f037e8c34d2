"""From paths to the files of a submission, and which of them is the main one in which language."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ccx.cli.options.language_choice import language_of, main_file, named_language
from ccx.cli.options.sources import MOST_SOURCE_BYTES, Sources, collect
from ccx.errors import BadInput
from ccx.wire import LanguageInfo, Limits

NOBODY = 65_534

LIMITS = Limits(cpu_seconds=1, wall_seconds=1, memory_bytes=1, processes=1, output_bytes=1, file_bytes=1)


def language(name: str, *suffixes: str, aliases: tuple[str, ...] = ()) -> LanguageInfo:
    return LanguageInfo(
        name=name,
        title=name,
        aliases=aliases,
        suffixes=suffixes,
        version="1",
        image=name,
        default_limits=LIMITS,
        highest_limits=LIMITS,
    )


LANGUAGES = (language("c", ".c", ".h", aliases=("gcc",)), language("lua", ".lua"))


@pytest.fixture(autouse=True)
def _in_an_empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def make(*names: str) -> None:
    for name in names:
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)


def names_of(*paths: str | Path) -> list[str]:
    return list(collect([Path(path) for path in paths]).files)


def test_a_file_alone_goes_by_its_name_only() -> None:
    make("a/b/c.lua")
    sources = collect([Path("a/b/c.lua")])
    assert (sources.files, sources.first) == ({"c.lua": b"a/b/c.lua"}, "c.lua")


def test_several_files_go_by_their_names_below_their_common_parent_and_the_first_is_the_main_one() -> None:
    make("p/src/main.c", "p/include/a.h")
    sources = collect([Path("p/src/main.c"), Path("p/include/a.h")])
    assert list(sources.files) == ["src/main.c", "include/a.h"]
    assert sources.first == "src/main.c"


def test_files_may_be_given_by_paths_that_go_up_and_by_absolute_ones(tmp_path: Path) -> None:
    make("p/a.c", "p/b.c")
    assert names_of("p/../p/a.c", tmp_path / "p/b.c") == ["a.c", "b.c"]


def test_a_directory_is_walked_in_order_without_what_is_hidden() -> None:
    make("p/z.c", "p/b/x.c", "p/.git/config", "p/.env", "p/b/.hidden.c")
    sources = collect([Path("p")])
    assert sorted(sources.files) == ["b/x.c", "z.c"]
    assert list(sources.files) == list(collect([Path("p/")]).files)
    assert sources.first is None


def test_the_directory_one_is_in_can_be_given() -> None:
    make("a.c")
    assert names_of(".") == ["a.c"]


def test_a_hidden_file_that_is_named_is_sent() -> None:
    make(".hidden.c")
    assert names_of(".hidden.c") == [".hidden.c"]


def test_files_and_directories_mix() -> None:
    make("main.c", "include/a.h", "include/deep/b.h")
    sources = collect([Path("include"), Path("main.c")])
    assert sorted(sources.files) == ["include/a.h", "include/deep/b.h", "main.c"]
    assert sources.first == "main.c"


def test_a_file_given_twice_is_sent_once() -> None:
    make("a.c")
    assert names_of("a.c", "./a.c") == ["a.c"]


def test_a_link_keeps_its_own_name_and_a_link_to_a_directory_is_not_followed(tmp_path: Path) -> None:
    make("real/a.c")
    (tmp_path / "p").mkdir()
    (tmp_path / "p/link.c").symlink_to(tmp_path / "real/a.c")
    (tmp_path / "p/loop").symlink_to(tmp_path / "p")
    (tmp_path / "p/dangling.c").symlink_to(tmp_path / "nothing")
    assert collect([Path("p")]).files == {"link.c": b"real/a.c"}


def test_bytes_that_are_no_text_are_sent_unchanged() -> None:
    Path("a.bin").write_bytes(b"\0\xff\r\n")
    (file,) = collect([Path("a.bin")]).source_files()
    assert (file.encoding, file.data()) == ("base64", b"\0\xff\r\n")


def test_a_missing_file_is_named_with_a_hint_for_arguments() -> None:
    with pytest.raises(BadInput, match=r"'gone\.c' does not exist; .* --"):
        collect([Path("gone.c")])


def test_an_empty_directory_is_named() -> None:
    make("p/.hidden")
    with pytest.raises(BadInput, match="'p' has no file in it"):
        collect([Path("p")])


@pytest.fixture
def unprivileged() -> Iterator[None]:
    """Root may read everything, so root is somebody else for a while."""
    Path.cwd().chmod(0o777)
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.usefixtures("unprivileged")
def test_a_file_that_may_not_be_read_is_named() -> None:
    make("a.c")
    Path("a.c").chmod(0)
    with pytest.raises(BadInput, match=r"'a\.c' cannot be read: Permission denied"):
        collect([Path("a.c")])


@pytest.mark.usefixtures("unprivileged")
def test_a_directory_that_may_not_be_read_is_named() -> None:
    make("p/q/a.c")
    Path("p/q").chmod(0)
    try:
        with pytest.raises(BadInput, match=r"'p/q' cannot be read: Permission denied"):
            collect([Path("p")])
    finally:
        Path("p/q").chmod(0o700)


def test_a_path_below_a_file_or_with_a_nul_is_refused() -> None:
    make("a.c")
    with pytest.raises(BadInput, match="cannot be read: Not a directory"):
        collect([Path("a.c/b.c")])
    with pytest.raises(BadInput, match="cannot be read"):
        collect([Path("a\0.c")])


def test_a_pipe_is_not_waited_for() -> None:
    os.mkfifo("pipe.c")
    with pytest.raises(BadInput, match=r"'pipe\.c' is not a regular file"):
        collect([Path("pipe.c")])


def test_a_file_that_is_too_large_is_not_read() -> None:
    with Path("huge.c").open("wb") as huge:
        huge.truncate(MOST_SOURCE_BYTES + 1)
    with pytest.raises(BadInput, match=r"'huge\.c' is too large: all files together may have 24 MiB"):
        collect([Path("huge.c")])


def test_too_many_files_are_refused() -> None:
    make(*(f"p/{number}.c" for number in range(257)))
    with pytest.raises(BadInput, match="more than 256 files"):
        collect([Path("p")])


def test_the_entrypoint_may_be_given_as_it_is_sent_or_as_a_path(tmp_path: Path) -> None:
    sources = Sources(tmp_path / "p", {"src/a.c": b""}, None)
    assert sources.name_of("src/a.c") == "src/a.c"
    assert sources.name_of("p/src/a.c") == "src/a.c"
    with pytest.raises(BadInput, match=r"'b\.c' is not one of the files; there are src/a\.c"):
        sources.name_of("b.c")


def test_the_language_is_what_the_suffix_says() -> None:
    assert language_of("dir.lua/a.c", LANGUAGES).name == "c"


def test_a_language_is_found_by_name_and_by_alias() -> None:
    assert named_language("lua", LANGUAGES).name == "lua"
    assert named_language("gcc", LANGUAGES).name == "c"


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("a.xyz", r"unknown suffix '\.xyz'; known are \.c, \.h, \.lua"),
        ("Makefile", "no suffix; known are"),
        (".c", "no suffix"),
    ],
)
def test_a_name_that_tells_no_language_is_refused_with_the_suffixes_there_are(name: str, complaint: str) -> None:
    with pytest.raises(BadInput, match=f"{complaint}.*--language"):
        language_of(name, LANGUAGES)


def test_a_suffix_of_two_languages_must_be_decided_by_the_user() -> None:
    with pytest.raises(BadInput, match=r"'\.c' is a suffix of c, tcc; .*--language"):
        language_of("a.c", (*LANGUAGES, language("tcc", ".c")))


def test_a_language_the_node_does_not_have_is_refused_with_those_it_has() -> None:
    with pytest.raises(BadInput, match="no language 'cobol'; it has c, lua"):
        named_language("cobol", LANGUAGES)


@pytest.mark.parametrize(
    ("names", "main"),
    [
        (["main.c", "a.c"], "main.c"),
        (["Main.lua", "a.c"], "Main.lua"),
        (["MAIN.c", "main.txt"], "MAIN.c"),
        (["only.lua", "README.md", "data.txt"], "only.lua"),
        (["main.c", "test/main.c"], "main.c"),
        (["src/main.c", "lib/a.c"], "src/main.c"),
    ],
)
def test_the_main_file_of_a_directory_is_the_one_called_main_or_the_only_source(names: list[str], main: str) -> None:
    assert main_file(names, LANGUAGES) == main


@pytest.mark.parametrize(
    ("names", "complaint"),
    [
        (["a.c", "b.c"], r"--entrypoint: a\.c, b\.c"),
        (["main.c", "main.lua", "a.c"], r"--entrypoint: main\.c, main\.lua\."),
        (["x/main.c", "y/main.c"], "--entrypoint: x/main.c, y/main.c"),
        ([f"{number}.c" for number in range(20)], "and 12 more"),
        (["README.md"], r"No file here has a known suffix \(\.c, \.h, \.lua\); .*--entrypoint"),
    ],
)
def test_a_directory_without_a_clear_main_file_is_refused_with_the_choice(names: list[str], complaint: str) -> None:
    with pytest.raises(BadInput, match=complaint):
        main_file(names, LANGUAGES)
