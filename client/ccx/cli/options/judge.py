"""`--checker` and `--interactor`: a program that judges the one that is run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ccx.cli.options.language_choice import language_of
from ccx.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ccx.wire import LanguageInfo

CheckerOption = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="A program that says whether the output is right, in any language served."),
]
InteractorOption = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="A program that talks to the one that is run, and says whether it is right."),
]
TestlibOption = Annotated[
    bool, typer.Option("--testlib", help="The checker or interactor has the exit codes of testlib, not of Kattis.")
]


@dataclass(frozen=True)
class JudgeFile:
    """A checker or interactor that was named: `field` is what it is in a submission."""

    field: str
    name: str
    data: bytes
    convention: str

    def as_field(self, languages: Sequence[LanguageInfo]) -> dict[str, object]:
        """The field of a submission. Raises BadInput where its suffix says no language."""
        from ccx.wire import SourceFile

        try:
            language = language_of(self.name, languages)
        except BadInput as error:
            known = ", ".join(suffix for language in languages for suffix in language.suffixes)
            raise BadInput(
                f"--{self.field}: {self.name!r} is in no language that its name tells; known are {known}."
            ) from error
        files = (SourceFile.of(self.name, self.data),)
        return {self.field: {"language": language.name, "files": files, "convention": self.convention}}


def judge_of(checker: Path | None, interactor: Path | None, *, testlib: bool) -> JudgeFile | None:
    """The one that was named, if one was. Raises BadInput."""
    if checker and interactor:
        raise BadInput("--interactor: cannot be used together with --checker; name one of them.")
    path = checker or interactor
    if path is None:
        if testlib:
            raise BadInput("--testlib: says how a checker or interactor answers; name one with --checker.")
        return None
    field = "checker" if checker else "interactor"
    try:
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise BadInput(f"--{field}: {str(path)!r} cannot be read: {reason}.") from error
    return JudgeFile(field, path.name, data, "testlib" if testlib else "kattis")
