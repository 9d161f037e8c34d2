"""A program from the command line: what is sent to a node, whichever command sends it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import ValidationError

from ccx.cli.options import completion, language_choice, limit_option
from ccx.errors import BadInput, ImageMissing
from ccx.wire import Comparison, SubmissionRequest, encode_shortly
from ccx.wire.complaints import first_complaint

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ccx.cli.options.judge import JudgeFile
    from ccx.cli.options.sources import Sources
    from ccx.client import Client
    from ccx.wire import LanguageInfo, LimitOverrides

FilesArgument = Annotated[
    list[Path],
    typer.Argument(
        metavar="FILE",
        show_default=False,
        help="Source files, the main one first, or a directory; - is standard input.",
    ),
]
LanguageOption = Annotated[
    str | None,
    typer.Option(
        "--language",
        "-l",
        metavar="NAME",
        help="Name or alias. Left out: what the main file's suffix says.",
        autocompletion=completion.languages,
    ),
]
EntrypointOption = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="The main file. Left out: the first FILE; of a directory, the file called main."),
]
LimitOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=VALUE",
        help=f"{limit_option.HELP}.",
        autocompletion=completion.limits,
    ),
]
CompileArgOption = Annotated[
    list[str] | None, typer.Option(metavar="ARG", help="An argument for the compiler. May be repeated.")
]
RunOptionOption = Annotated[
    list[str] | None,
    typer.Option(metavar="OPTION", help="For the interpreter or virtual machine, such as -ea. May be repeated."),
]
ExpectOption = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="The output expected; another one is the verdict wrong_answer."),
]
CompareOption = Annotated[
    str | None,
    typer.Option(
        metavar="HOW",
        help="How --expect compares: trim (as if left out), exact, tokens, ignore-case, float=1e-6; with commas.",
    ),
]
ArtifactOption = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME", help="A file the program writes, to be kept; '*.png' for several. May be repeated."),
]


@dataclass(frozen=True)
class Program:
    """What is run: all that the command line and standard input say of it."""

    sources: Sources
    language: str | None
    entrypoint: str | None
    args: tuple[str, ...]
    compile_args: tuple[str, ...]
    run_options: tuple[str, ...]
    stdin: bytes
    expected_stdout: str | None
    compare: Comparison
    limits: LimitOverrides
    artifacts: tuple[str, ...]
    judge: JudgeFile | None = None


async def request_for(client: Client, program: Program) -> SubmissionRequest:
    """The submission, for that node. Raises BadInput, and ImageMissing where only its language's image is not there."""
    try:
        return request_of(program, await client.languages())
    except language_choice.LanguageUnserved:
        lacking = await client.languages(without_image=True)
        with suppress(BadInput):
            name = request_of(program, lacking).language if lacking else ""
            if title := next((each.title for each in lacking if each.name == name and not each.image), None):
                raise ImageMissing(
                    f"The node has no image for {title}; build it on its host with: ccx images build {name}."
                ) from None
        raise


def request_of(program: Program, languages: Sequence[LanguageInfo]) -> SubmissionRequest:
    """The submission. Raises BadInput."""
    if not languages:
        raise BadInput(
            "The node serves no language: build the images on its host with `ccx images build`, "
            "or name another node with --server."
        )
    language, entrypoint = _language_and_entrypoint(program, languages)
    stdin, stdin_encoding = encode_shortly(program.stdin)
    case: dict[str, object] = {"args": program.args, "stdin": stdin, "stdin_encoding": stdin_encoding}
    if program.expected_stdout is not None:
        case = {"cases": [case | {"expected_stdout": program.expected_stdout, "compare": program.compare}]}
    try:
        return SubmissionRequest.model_validate(
            {
                "language": language,
                "files": program.sources.source_files(),
                "entrypoint": entrypoint,
                "compile_args": program.compile_args,
                "run_options": program.run_options,
                "limits": program.limits,
                "artifacts": program.artifacts,
                **(program.judge.as_field(languages) if program.judge else {}),
                **case,
            }
        )
    except ValidationError as error:
        raise BadInput(_sentence(error)) from error


def _language_and_entrypoint(program: Program, languages: Sequence[LanguageInfo]) -> tuple[str, str | None]:
    if program.sources.is_piped_in:
        if program.language is None:
            raise BadInput("Which language is what is piped in? Name it with --language, as in ccx run -l c -.")
        return language_choice.named_language(program.language, languages).name, None
    named = None if program.language is None else language_choice.named_language(program.language, languages)
    if program.entrypoint is not None:
        entrypoint = program.sources.name_of(program.entrypoint)
    elif program.sources.first is not None:
        entrypoint = program.sources.first
    else:
        entrypoint = language_choice.main_file(program.sources.files, [named] if named else languages)
    language = named or language_choice.language_of(entrypoint, languages)
    return language.name, entrypoint


def _sentence(error: ValidationError) -> str:
    """The first thing wrong with a submission, by the name of the field."""
    return f"The submission is not valid: {first_complaint(error)}."


def text_of(path: Path) -> str:
    """The text in the file that `--expect` names. Raises BadInput."""
    try:
        return path.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise BadInput(f"--expect: {str(path)!r} is not UTF-8 text; only text can be compared.") from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise BadInput(f"--expect: {str(path)!r} cannot be read: {reason}.") from error
