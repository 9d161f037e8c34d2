"""A language is data: what `images/<name>/language.toml` says. No code knows a language by its name."""

from __future__ import annotations

from enum import StrEnum
from pathlib import PurePosixPath
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from ccx.wire import LIMIT_NAMES, LimitOverrides
from ccx_orchestrator.domain.limits import Limits, number_of

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9+-]*$", max_length=32)]
Command = Annotated[tuple[str, ...], Field(min_length=1)]


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CompileStep(_Data):
    """How sources become a program, and what the compiler may use."""

    command: Command
    limits: Limits


class RunStep(_Data):
    """How the program is started.

    `heap_share` is the share of the memory limit given to `{heap_bytes}`, `stack_share` that of `{stack_bytes}`, which
    is 64 MiB at most; `memory_marker` is a file in the sandbox whose existence after a failed run says that the
    language's own runtime ran out of memory. `options` are patterns (`*` stands for anything) of what a submission may
    ask of the runtime; they take the place of `{run_options}`, after those that options of the compiler imply.
    """

    command: Command
    heap_share: Annotated[float, Field(gt=0, le=1)] = 1.0
    stack_share: Annotated[float, Field(gt=0, le=1)] = 1.0
    memory_marker: str = ""
    options: tuple[str, ...] = ()
    implied: dict[str, tuple[str, ...]] = {}


class Stage(StrEnum):
    """What a submission goes through."""

    COMPILE = "compile"
    RUN = "run"


class Prestart(_Data):
    """A program that is started before there is a submission, and then serves its first stages in their order.

    Its command may hold placeholders for limits. They are the default ones then, and it serves submissions for which
    they come out the same. `counted_bytes` is what it is taken to have held in memory when it gets a stage; 0: what it
    really held. `takes_run_options`: it serves submissions with options of the runtime as well. `pays_cold`: it is
    worth it even if the submission is there already when it starts.
    """

    command: Command
    serves: Annotated[tuple[Stage, ...], Field(min_length=1)]
    pays_cold: bool = False
    takes_run_options: bool = False
    counted_bytes: Annotated[int, Field(ge=0)] = 0


class LimitChange(_Data):
    """What an operator says instead of a language's limits; what is left out stays."""

    default: LimitOverrides = LimitOverrides()
    highest: LimitOverrides = LimitOverrides()


class LanguageLimits(_Data):
    """Limits of a case: what it gets unasked, and between what it may ask."""

    default: Limits
    highest: Limits
    lowest: dict[str, float] = {}

    @model_validator(mode="after")
    def _names_exist(self) -> LanguageLimits:
        if unknown := set(self.lowest) - set(LIMIT_NAMES):
            raise ValueError(f"limits.lowest has no limit called {min(unknown)!r}")
        return self

    def changed(self, change: LimitChange) -> LanguageLimits:
        """With what an operator says instead; a default is never above what may be asked for. Raises ValueError."""
        most = _changed(self.highest, change.highest)
        usual = _changed(self.default, change.default)
        for name in LIMIT_NAMES:
            highest = number_of(most, name)
            if getattr(change.default, name) is not None and number_of(usual, name) > highest:
                raise ValueError(f"default.{name} is above highest.{name}, which is {highest:g}")
            if highest < self.lowest.get(name, 0):
                raise ValueError(f"highest.{name} must be at least {self.lowest[name]:g}")
        lowered = {name: getattr(most, name) for name in LIMIT_NAMES if number_of(usual, name) > number_of(most, name)}
        return self.model_copy(update={"default": usual.changed(**lowered), "highest": most})


def _changed(limits: Limits, overrides: LimitOverrides) -> Limits:
    return limits.changed(**overrides.model_dump(exclude_none=True))


class Reference(_Data):
    """The program that proves an image: it must print exactly this."""

    file: str
    stdin: str = ""
    stdout: str


class Language(_Data):
    """One language, as its folder describes it. `by_name_only`: its image is built where somebody asks for it."""

    name: Name
    title: str
    aliases: tuple[Name, ...] = ()
    suffixes: Annotated[tuple[str, ...], Field(min_length=1)]
    source_name: str
    by_name_only: bool = False
    version_command: Command
    version_format: str = "{}"
    compile: CompileStep | None = None
    run: RunStep
    prestart: Prestart | None = None
    environment: dict[str, str]
    limits: LanguageLimits
    reference: Reference

    @model_validator(mode="after")
    def _prestart_serves_the_first_stages(self) -> Language:
        stages = (Stage.COMPILE, Stage.RUN) if self.compile else (Stage.RUN,)
        if self.prestart and self.prestart.serves != stages[: len(self.prestart.serves)]:
            raise ValueError("prestart.serves must begin with the first stage, and be in their order")
        return self

    @property
    def image(self) -> str:
        """The image's name on a Docker host."""
        return f"ccx-{self.name}"

    def is_source(self, name: str) -> bool:
        """Whether a file of this name is one the compiler is given."""
        return PurePosixPath(name).suffix in self.suffixes
