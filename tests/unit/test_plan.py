from __future__ import annotations

import pytest

from ccx.errors import BadInput, InvalidSubmission
from ccx.wire import CaseRequest, Commands, LimitOverrides, SourceFile, SubmissionRequest
from ccx_orchestrator.docker_host.languages.catalogue import with_limits
from ccx_orchestrator.domain.language import LimitChange
from ccx_orchestrator.domain.planning import make_plan
from ccx_orchestrator.domain.sources import encoding_trouble
from tests.support.languages import LIMITS, language


def request(*names: str | None, **fields: object) -> SubmissionRequest:
    files = tuple(SourceFile(name=name, content="x") for name in names)
    return SubmissionRequest(language="demo", files=files, **fields)  # type: ignore[arg-type]


def test_the_first_file_is_the_entrypoint_unless_another_is_named() -> None:
    assert make_plan(request("a.dm", "b.dm"), lambda _: language()).cases[0].step.command[2] == "a.dm"
    assert (
        make_plan(request("a.dm", "b.dm", entrypoint="b.dm"), lambda _: language()).cases[0].step.command[2] == "b.dm"
    )


def test_a_nameless_source_gets_the_languages_usual_name() -> None:
    plan = make_plan(request(None), lambda _: language())
    assert [file.name for file in plan.files] == ["main.dm"]


def test_arguments_become_words_of_their_own_and_are_never_split_or_filled_again() -> None:
    plan = make_plan(request("a.dm", args=("a b", "{entrypoint}")), lambda _: language())
    assert plan.cases[0].step.command[-2:] == ("a b", "{entrypoint}")


def test_the_heap_is_a_share_of_the_memory_limit() -> None:
    plan = make_plan(request("a.dm", limits=LimitOverrides(memory_bytes=64 << 20)), lambda _: language())
    assert plan.cases[0].step.command[1] == f"-Xmx{32 << 20}"


@pytest.mark.parametrize("name", ["-o.dm", "@file.dm"])
def test_a_file_name_that_looks_like_an_option_stays_a_file(name: str) -> None:
    plan = make_plan(request(name), lambda _: language(is_compiled=True))
    assert plan.compile is not None
    assert f"./{name}" in plan.compile.command
    assert plan.files[0].name == name


def test_the_compiler_gets_every_source_and_no_other_file() -> None:
    plan = make_plan(request("a.dm", "notes.txt", "b/c.dm", compile_args=("-g",)), lambda _: language(is_compiled=True))
    assert plan.compile is not None
    assert plan.compile.command == ("dmc", "-o", "out", "a.dm", "b/c.dm", "-g")


def test_a_compiled_language_needs_a_source() -> None:
    with pytest.raises(InvalidSubmission, match=r"files: must have at least one whose name ends in \.dm"):
        make_plan(request("notes.txt"), lambda _: language(is_compiled=True))


def test_compile_arguments_for_a_language_without_a_compiler_are_refused() -> None:
    with pytest.raises(InvalidSubmission, match="compile_args"):
        make_plan(request("a.dm", compile_args=("-g",)), lambda _: language())


def test_an_entrypoint_that_is_not_a_file_is_refused() -> None:
    with pytest.raises(InvalidSubmission, match="entrypoint"):
        make_plan(request(None, entrypoint="other.dm"), lambda _: language())


def test_cases_are_named_by_number_where_they_have_no_name() -> None:
    cases = (CaseRequest(stdin="1"), CaseRequest(name="second", stdin="2"))
    plan = make_plan(request("a.dm", cases=cases), lambda _: language())
    assert [(case.name, case.step.stdin) for case in plan.cases] == [("1", b"1"), ("second", b"2")]


def test_the_deadline_is_the_sum_of_what_the_steps_may_take() -> None:
    plan = make_plan(request("a.dm", cases=(CaseRequest(), CaseRequest())), lambda _: language(is_compiled=True))
    assert plan.deadline_seconds == 3 * LIMITS.wall_seconds


def test_an_operators_limits_take_the_place_of_the_folders() -> None:
    limits = language().limits
    changed = limits.changed(LimitChange(default=LimitOverrides(cpu_seconds=1), highest=LimitOverrides(processes=9999)))
    assert (changed.default.cpu_seconds, changed.highest.processes) == (1, 9999)
    assert changed.highest.cpu_seconds == limits.highest.cpu_seconds
    lower = limits.changed(LimitChange(default=LimitOverrides(), highest=LimitOverrides(cpu_seconds=0.5)))
    assert (lower.default.cpu_seconds, lower.highest.cpu_seconds) == (0.5, 0.5)
    bounded = limits.changed(LimitChange(highest=LimitOverrides(address_space_bytes=1 << 30)))
    assert (bounded.default.address_space_bytes, limits.default.address_space_bytes) == (1 << 30, None)
    with pytest.raises(ValueError, match=r"default\.cpu_seconds is above highest\.cpu_seconds, which is 2"):
        limits.changed(LimitChange(default=LimitOverrides(cpu_seconds=3), highest=LimitOverrides(cpu_seconds=2)))


def test_limits_of_a_language_that_is_none_are_refused() -> None:
    with pytest.raises(BadInput, match=r"limits\.cobol is of no language here; there are: demo"):
        with_limits({"demo": language()}, {"cobol": LimitChange()})


def test_options_of_the_runtime_are_those_of_the_language_and_end_the_start_ahead() -> None:
    compiled = language(is_compiled=True)
    run = compiled.run.model_copy(
        update={
            "command": ("demo", "{run_options}", "{entrypoint}"),
            "options": ("-O", "-X*"),
            "implied": {"-p": ("-q",)},
        }
    )
    demo = compiled.model_copy(update={"run": run})
    plan = make_plan(request("a.dm", run_options=("-Xfast", "-O"), compile_args=("-p",)), lambda _: demo)
    assert plan.cases[0].step.command == ("demo", "-q", "-Xfast", "-O", "a.dm")
    assert not plan.cases[0].step.prestarted
    with pytest.raises(InvalidSubmission, match=r"run_options: has '-Z', which is none of those of Demo: -O, -X\*"):
        make_plan(request("a.dm", run_options=("-Z",)), lambda _: demo)


@pytest.mark.parametrize(
    ("data", "trouble"),
    [
        (b"print(1)\n", ""),
        ("é".encode(), ""),
        (b"", ""),
        ("print(1)".encode("utf-16"), "a.dm is in UTF-16: save it as UTF-8."),
        ("print(1)".encode("utf-16-be"), "a.dm is in UTF-16: save it as UTF-8."),
        ("print(1)".encode("utf-32"), "a.dm is in UTF-32: save it as UTF-8."),
        (b"caf\xe9", "a.dm is not in UTF-8, which may be why: save it as UTF-8."),
        (b"#!x\n# vim: set fileencoding=latin-1 :\ncaf\xe9", ""),
    ],
)
def test_another_encoding_than_utf_8_is_noticed(data: bytes, trouble: str) -> None:
    assert encoding_trouble("a.dm", data) == trouble


def test_a_byte_order_mark_is_taken_off_sources_and_nothing_else() -> None:
    files = tuple(SourceFile.of(name, b"\xef\xbb\xbfx") for name in ("a.dm", "data.txt"))
    plan = make_plan(SubmissionRequest(language="demo", files=files), lambda _: language())
    assert [file.data for file in plan.files] == [b"x", b"\xef\xbb\xbfx"]


def test_commands_of_ones_own_take_the_place_of_the_languages() -> None:
    own = Commands(compile=("make", "-s"), run=("./a", "-v"))
    compiled, plain = language(is_compiled=True), language()
    plan = make_plan(request("notes.txt", commands=own, args=("x",)), lambda _: compiled)
    assert plan.compile
    assert plan.compile.command == ("make", "-s")
    assert plan.compile.limits == compiled.compile.limits  # type: ignore[union-attr]
    assert plan.cases[0].step.command == ("./a", "-v", "x")
    assert not plan.cases[0].step.prestarted
    only_run = make_plan(request("a.dm", commands=Commands(run=("cat", "a.dm"))), lambda _: compiled)
    assert (only_run.compile, only_run.cases[0].step.command) == (None, ("cat", "a.dm"))
    assert make_plan(request("a.dm", commands=own), lambda _: plain).compile is not None
    for field in ("compile_args", "run_options"):
        with pytest.raises(InvalidSubmission, match=rf"{field}: cannot be used with commands"):
            make_plan(request("a.dm", commands=own, **{field: ("-O",)}), lambda _: compiled)


def test_the_address_space_is_limited_for_cases_alone_and_only_where_it_is_asked_for() -> None:
    limits = LimitOverrides(address_space_bytes=7)
    plan = make_plan(request("a.dm", limits=limits), lambda _: language(is_compiled=True))
    assert plan.compile
    assert [plan.compile.limits.address_space_bytes, plan.cases[0].step.limits.address_space_bytes] == [None, 7]
    assert make_plan(request("a.dm"), lambda _: language()).cases[0].step.limits.address_space_bytes is None
