from __future__ import annotations

import struct
from dataclasses import replace

import pytest
from pydantic import ValidationError

from ccx.wire import LimitOverrides, SourceFile, SubmissionRequest
from ccx_orchestrator.docker_host.runner.protocol import prestart_frames, step_frame
from ccx_orchestrator.domain.language import Language, Prestart, Stage
from ccx_orchestrator.domain.plan import Plan
from ccx_orchestrator.domain.planning import make_plan
from tests.support.languages import LIMITS, language

FLAGS = 9  # where a step's flags are: behind the header and the number


def with_prestart(*serves: Stage, is_compiled: bool = False, command: tuple[str, ...] = ("dm", "--wait")) -> Language:
    prestart = Prestart(command=command, serves=serves, counted_bytes=7)
    return Language.model_validate(language(is_compiled=is_compiled).model_dump() | {"prestart": prestart})


def plan_of(language: Language, **fields: object) -> Plan:
    request = SubmissionRequest(language="demo", files=(SourceFile(name="a.dm", content=""),))
    return make_plan(request.model_copy(update=fields), lambda _: language)


def steps_of(plan: Plan) -> list[tuple[bool, bool]]:
    steps = ([plan.compile] if plan.compile else []) + [case.step for case in plan.cases]
    return [(step.prestarted, step.gives_back) for step in steps]


def test_a_language_without_a_prestart_starts_nothing_ahead() -> None:
    assert prestart_frames(language()) == b""
    assert steps_of(plan_of(language(is_compiled=True))) == [(False, False), (False, False)]


def test_what_is_started_ahead_is_told_with_its_environment() -> None:
    data = prestart_frames(with_prestart(Stage.RUN))
    words = [b"dm", b"--wait"]
    told = struct.pack(">QH", 7, 2) + b"".join(struct.pack(">H", len(word)) + word for word in words)
    assert data == struct.pack(">I", len(data) - 5) + b"R" + told + struct.pack(">HH", 1, 12) + b"LANG=C.UTF-8"


def test_only_the_first_case_is_prestarted() -> None:
    cases = SubmissionRequest.model_validate(
        {"language": "demo", "files": [{"content": ""}], "cases": [{"stdin": "1"}, {"stdin": "2"}]}
    ).cases
    assert steps_of(plan_of(with_prestart(Stage.RUN), cases=cases)) == [(True, False), (False, False)]


@pytest.mark.parametrize(
    ("serves", "steps"),
    [
        ((Stage.COMPILE,), [(True, False), (False, False)]),
        ((Stage.COMPILE, Stage.RUN), [(True, True), (True, False)]),
    ],
)
def test_a_compiler_can_be_prestarted_and_stay_for_the_run(
    serves: tuple[Stage, ...], steps: list[tuple[bool, bool]]
) -> None:
    assert steps_of(plan_of(with_prestart(*serves, is_compiled=True))) == steps


@pytest.mark.parametrize(("command", "is_served"), [(("dm", "-Xmx{heap_bytes}"), False), (("dm", "--wait"), True)])
def test_other_limits_than_it_was_started_with_are_not_served(command: tuple[str, ...], is_served: bool) -> None:
    demo = with_prestart(Stage.RUN, command=command)
    plan = plan_of(demo, limits=LimitOverrides(memory_bytes=LIMITS.memory_bytes // 2, cpu_seconds=1))
    assert steps_of(plan) == [(is_served, False)]
    assert steps_of(plan_of(demo)) == [(True, False)]


@pytest.mark.parametrize(
    ("is_compiled", "serves"),
    [(False, (Stage.COMPILE,)), (True, (Stage.RUN,)), (True, (Stage.RUN, Stage.COMPILE)), (False, ())],
)
def test_a_prestart_begins_with_the_first_stage(is_compiled: bool, serves: tuple[Stage, ...]) -> None:
    with pytest.raises(ValidationError):
        with_prestart(*serves, is_compiled=is_compiled)


def test_the_runner_is_told_by_flags() -> None:
    step = plan_of(language()).cases[0].step
    prestarted = replace(step, prestarted=True, gives_back=True)
    plain, _ = step_frame(1, step, (), restore=False)
    ahead, _ = step_frame(1, prestarted, (), restore=False)
    assert ahead[FLAGS] - plain[FLAGS] == 8 + 16
    assert ahead[FLAGS + 1 :] == plain[FLAGS + 1 :]
