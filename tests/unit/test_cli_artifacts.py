"""Artifacts end up below one directory and nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ccx.cli.output.artifacts import write_artifacts
from ccx.errors import BadInput
from ccx.wire import Artifact

if TYPE_CHECKING:
    from pathlib import Path


def test_an_artifact_is_written_with_its_directories_and_its_bytes(tmp_path: Path) -> None:
    artifact = Artifact(name="plots/a.png", content="AP8=", encoding="base64")
    assert write_artifacts([artifact], ["plots/a.png"], tmp_path / "out") == []
    assert (tmp_path / "out/plots/a.png").read_bytes() == b"\0\xff"


def test_an_artifact_there_is_none_of_is_told_and_the_others_are_written(tmp_path: Path) -> None:
    missing = Artifact(name="a", error="There is no such file.")
    assert write_artifacts([missing, Artifact(name="b")], ["a", "b"], tmp_path) == [
        "no artifact 'a': There is no such file."
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


def test_what_matches_a_pattern_is_written_and_what_does_not_is_not(tmp_path: Path) -> None:
    sent = [Artifact(name="a.png"), Artifact(name="a.txt"), Artifact(name="b/c.png"), Artifact(name="../d.png")]
    assert write_artifacts([*sent, Artifact(name="*.gif", error="no file matches")], ["*.png", "*.gif"], tmp_path) == [
        "no artifact '*.gif': no file matches"
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_an_artifact_nobody_asked_for_is_not_written(tmp_path: Path) -> None:
    assert write_artifacts([Artifact(name="a"), Artifact(name="../b")], ["c"], tmp_path / "out") == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["../a", "/etc/ccx-artifact", "x/../../a", ".", "link/a", "dangling"])
def test_an_artifact_never_leaves_the_directory(tmp_path: Path, name: str) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "link").symlink_to(tmp_path)
    (out / "dangling").symlink_to(tmp_path / "a")
    with pytest.raises(BadInput, match="outside"):
        write_artifacts([Artifact(name=name)], [name], out)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_directory_that_cannot_be_written_is_named_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match=r"'a' cannot be written: .*--artifacts-dir"):
        write_artifacts([Artifact(name="a")], ["a"], tmp_path / "file")
