"""The options that every command takes that sends a program: each declared once."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar

import typer

from ccx.cli.options.compare_option import parse_comparison
from ccx.cli.options.judge import CheckerOption, InteractorOption, TestlibOption, judge_of
from ccx.cli.options.limit_option import parse_limits
from ccx.cli.options.program import (
    ArtifactOption,
    CompareOption,
    CompileArgOption,
    EntrypointOption,
    ExpectOption,
    FilesArgument,
    LanguageOption,
    LimitOption,
    Program,
    RunOptionOption,
    text_of,
)
from ccx.cli.options.sources import Sources

R = TypeVar("R")


@dataclass(frozen=True)
class ProgramOptions:
    """What was said of a program: a field is an option of the same name."""

    files: FilesArgument
    language: LanguageOption = None
    entrypoint: EntrypointOption = None
    limit: LimitOption = None
    compile_arg: CompileArgOption = None
    run_option: RunOptionOption = None
    expect: ExpectOption = None
    compare: CompareOption = None
    checker: CheckerOption = None
    interactor: InteractorOption = None
    testlib: TestlibOption = False
    artifact: ArtifactOption = None

    @property
    def is_judged(self) -> bool:
        """Whether something decides whether its output is right."""
        return self.expect is not None or self.checker is not None or self.interactor is not None

    def program(self, sources: Sources, stdin: bytes, args: tuple[str, ...]) -> Program:
        """All of it together. Raises BadInput."""
        return Program(
            sources=sources,
            language=self.language,
            entrypoint=self.entrypoint,
            args=args,
            compile_args=tuple(self.compile_arg or ()),
            run_options=tuple(self.run_option or ()),
            expected_stdout=None if self.expect is None else text_of(self.expect),
            compare=parse_comparison(self.compare),
            limits=parse_limits(self.limit or ()),
            artifacts=tuple(self.artifact or ()),
            judge=judge_of(self.checker, self.interactor, testlib=self.testlib),
            stdin=stdin,
        )


def takes_program(command: Callable[..., R]) -> Callable[..., R]:
    """A command of a context, ProgramOptions and options of its own, with all of them in its signature: typer reads
    them there.
    """
    context, _, *own = inspect.signature(command, eval_str=True).parameters.values()
    shared = inspect.signature(ProgramOptions, eval_str=True).parameters

    @wraps(command)
    def taken(context: typer.Context, **values: Any) -> R:
        options = ProgramOptions(**{name: values.pop(name) for name in shared})
        return command(context, options, **values)

    del taken.__wrapped__  # typer would look through it
    taken.__annotations__ = {}
    taken.__signature__ = inspect.Signature([context, *shared.values(), *own])  # type: ignore[attr-defined]
    return taken
