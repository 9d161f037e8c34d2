"""Judgements of what programs of our own come to in this host's sandboxes: that every limit is really enforced."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from ccx.wire import CaseRequest, LimitOverrides, SourceFile, Submission, SubmissionRequest, Verdict
from ccx_orchestrator.doctor.finding import Finding, failed, ok, warning
from ccx_orchestrator.domain.language import Language

FOLDER = Path(__file__).parent / "probes"
# From the one that takes the least of a host. Any will do.
PROBES = tuple(FOLDER / f"probe.{suffix}" for suffix in ("py", "c", "java"))
MIB = 1 << 20
NOISY = 0.5  # of the median, between the quickest and the slowest of some equal runs
EQUAL_RUNS = 10

Run = Callable[[SubmissionRequest], Awaitable[Submission]]


@dataclass(frozen=True, slots=True)
class Trial:
    """A limit, what the probe does to pass it, and how that must end. `changes`: of the limits it is tried with."""

    name: str
    probe: str
    verdict: Verdict
    limit: str
    changes: Mapping[str, float] = field(default_factory=dict)


# Low, for it to be quick: a language may want more. The time is the language's usual one: a slow processor, or an
# emulated one, must not be taken for a limit that does not work.
LIMITS = LimitOverrides(memory_bytes=64 * MIB, processes=16, output_bytes=MIB, file_bytes=8 * MIB)
TRIALS = (
    Trial("memory limit", "allocate", Verdict.MEMORY_LIMIT, "memory_bytes"),
    Trial("process limit", "fork", Verdict.PROCESS_LIMIT, "processes", {"memory_bytes": 256 * MIB}),
    Trial("file size limit", "write", Verdict.OUTPUT_LIMIT, "file_bytes"),
    Trial("output limit", "flood", Verdict.OUTPUT_LIMIT, "output_bytes"),
    Trial("CPU time limit", "burn", Verdict.CPU_TIME_LIMIT, "cpu_seconds", {"cpu_seconds": 1.0}),
    Trial("wall time limit", "sleep", Verdict.WALL_TIME_LIMIT, "wall_seconds", {"wall_seconds": 2.0}),
)
NOT_ENFORCED = (
    "Do not run strangers' programs here. See that the engine's cgroups work (`docker info` warns of what does not), "
    "that nothing stands between ccx and the engine, then look again."
)


def find_probe(languages: Sequence[Language]) -> tuple[Language, Path] | None:
    """A language that there is a probe in, and the probe."""
    for probe in PROBES:
        for language in languages:
            if language.is_source(probe.name):
                return language, probe
    return None


def _limits_for(language: Language) -> LimitOverrides:
    wanted = LIMITS.model_dump(exclude_none=True)
    lowest = {name: value for name, value in language.limits.lowest.items() if name in wanted}
    raised = {name: type(wanted[name])(value) for name, value in lowest.items() if value > wanted[name]}
    return LIMITS.model_copy(update=raised)


async def look(run: Run, language: Language, probe: Path) -> AsyncIterator[Finding]:
    """Try every limit, and look around."""
    usual = _limits_for(language)

    def request(limits: LimitOverrides, *arguments: str) -> SubmissionRequest:
        file = SourceFile(name=probe.name, content=probe.read_text())
        cases = tuple(CaseRequest(args=(argument,)) for argument in arguments)
        return SubmissionRequest(language=language.name, files=(file,), limits=limits, cases=cases)

    for trial in TRIALS:
        yield _judge_trial(trial, await run(request(usual.model_copy(update=trial.changes), trial.probe)))
    yield _judge_network(await run(request(usual, "network")))
    yield _judge_confinement(await run(request(usual, "confinement")))
    yield _judge_noise(await run(request(usual, *["work"] * EQUAL_RUNS)))


def _judge_trial(trial: Trial, result: Submission) -> Finding:
    case = result.cases[0] if result.cases else None
    if case is not None and (case.verdict, case.limit) == (trial.verdict, trial.limit):
        return ok(trial.name, f"{case.message}")
    if case is not None and (refusal := _refusal(case.stdout + case.stderr)) is not None:
        return ok(trial.name, f"a program that tries to pass it gets an error: {refusal}")
    return failed(
        trial.name, f"a program that passes it ended as {result.verdict}: {result.message or ''}", NOT_ENFORCED
    )


def _refusal(said: str) -> str | None:
    """What a probe got that a limit held but did not end."""
    return next((line.partition(": ")[2] for line in said.splitlines() if line.startswith("refused: ")), None)


def _said(result: Submission) -> dict[str, list[str]]:
    said: dict[str, list[str]] = {}
    for line in (result.cases[0].stdout if result.cases else "").splitlines():
        name, _, value = line.partition(":")
        said.setdefault(name, []).append(value.strip())
    return said


def _judge_network(result: Submission) -> Finding:
    said = _said(result)
    if set(said.get("interfaces", ["?"])) <= {"lo", ""} and not said.keys() & {"reached", "route"}:
        return ok("network", "there is none")
    detail = ", ".join(f"{name} {' '.join(values)}" for name, values in said.items()) or f"{result.message}"
    return failed("network", f"a program found one: {detail}", NOT_ENFORCED)


def _judge_confinement(result: Submission) -> Finding:
    said = {name: values[0] for name, values in _said(result).items()}
    wrong = [
        what
        for what, is_right in (
            ("it has system calls without a filter", said.get("Seccomp") == "2"),
            ("it may gain privileges", said.get("NoNewPrivs") == "1"),
            ("it has capabilities", int(said.get("CapEff", "1"), 16) == 0),
            ("it is root", said.get("uid", "0") != "0"),
        )
        if not is_right
    ]
    if wrong:
        return failed("confinement", f"of a program: {', '.join(wrong)}", NOT_ENFORCED)
    return ok("confinement", "a program is nobody, without capabilities, behind a filter of system calls")


def _judge_noise(result: Submission) -> Finding:
    seconds = [case.cpu_seconds for case in result.cases] or [0.0]
    middle = median(seconds)
    noise = (max(seconds) - min(seconds)) / middle if middle else 0.0
    detail = f"{EQUAL_RUNS} equal runs took {middle * 1000:.0f} ms of CPU time, give or take {noise / 2:.0%}"
    if result.verdict is not Verdict.OK or noise > NOISY:
        remedy = "Give the node processors of its own; switch off frequency scaling and hyper-threading for judging."
        return warning("timing", detail, remedy)
    return ok("timing", detail)
