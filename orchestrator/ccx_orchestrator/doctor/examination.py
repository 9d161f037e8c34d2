"""The whole examination, in order. What one check needs and lacks is a finding, and ends it early."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

from ccx.errors import CcxError
from ccx.wire import SourceFile, Submission, SubmissionRequest, Verdict
from ccx_orchestrator.access.posture import Locks, Posture
from ccx_orchestrator.bootstrap import RunningNode, open_node
from ccx_orchestrator.docker_host.engine.client import open_engine
from ccx_orchestrator.docker_host.languages.catalogue import load_languages
from ccx_orchestrator.docker_host.sandboxes.hardening import USUAL
from ccx_orchestrator.doctor import host, runtime_speed, sandboxes
from ccx_orchestrator.doctor.finding import Finding, failed, ok, warning
from ccx_orchestrator.domain.language import Language
from ccx_orchestrator.settings import Settings

BUILD = "Build it with `ccx images build {name}`."


async def examine(settings: Settings, locks: Locks) -> AsyncIterator[Finding]:
    """Every finding as it is made. `locks` are those that the node would be served with here."""
    try:
        async with open_engine() as engine:
            for finding in host.look(await engine.about(), datetime.now(UTC)):
                yield finding
    except CcxError as error:
        yield failed("engine", str(error), "Start Docker, or name another engine with DOCKER_HOST.")
        return
    yield _judge_locks(locks)
    try:
        async with open_node(settings) as node:
            async for finding in _look_inside(node, settings):
                yield finding
        # With the node gone: its janitor would take sandboxes that it has not made for lost ones, and those that it
        # starts ahead would be measured too.
        if found := sandboxes.find_probe(_served(node)):
            yield await _compare_runtimes(node, found[0], settings)
    except CcxError as error:
        yield failed("node", str(error), "Mend that and look again.")


def _judge_locks(locks: Locks) -> Finding:
    try:
        posture = locks.posture()
    except CcxError as error:
        return failed("locks", str(error), "Choose one of both.")
    if posture is Posture.INSECURE:
        missing = " and ".join(
            word for word, is_there in (("tokens", locks.asks_for_tokens), ("TLS", locks.has_tls)) if not is_there
        )
        return warning("locks", f"a node here is reachable on {locks.host} without {missing}", "See docs/access.md.")
    return ok("locks", f"a node here is {posture}: it listens on {locks.host}")


async def _look_inside(node: RunningNode, settings: Settings) -> AsyncIterator[Finding]:
    async def run(request: SubmissionRequest) -> Submission:
        accepted = await node.submissions.accept(request)
        return await node.submissions.wait(accepted.id)

    for name, language in sorted(load_languages(settings.images_dir).items()):
        try:
            node.languages.find(name)
        except CcxError as error:
            if not language.by_name_only:
                yield warning(f"image {name}", str(error), BUILD.format(name=name))
            continue
        yield _judge_reference(language, await run(_reference(language, settings)))
    found = sandboxes.find_probe(_served(node))
    if found is None:
        known = ", ".join(probe.suffix for probe in sandboxes.PROBES)
        detail = f"no language is served that the limits could be tried in: there are programs for it in {known}"
        yield failed("limits", detail, "Build one with `ccx images build`.")
        return
    async for finding in sandboxes.look(run, *found):
        yield finding


def _served(node: RunningNode) -> list[Language]:
    return [node.languages.find(language.name) for language in node.languages.all()]


async def _compare_runtimes(node: RunningNode, language: Language, settings: Settings) -> Finding:
    image, chosen = node.languages.image(language.name).id, node.runtimes.get(language.name, USUAL)
    async with open_engine() as engine:
        return await runtime_speed.look(engine, await engine.about(), language, image, chosen, settings)


def _reference(language: Language, settings: Settings) -> SubmissionRequest:
    reference = language.reference
    content = (settings.images_dir / language.name / reference.file).read_text()
    file = SourceFile(name=reference.file, content=content)
    return SubmissionRequest(language=language.name, files=(file,), stdin=reference.stdin)


def _judge_reference(language: Language, result: Submission) -> Finding:
    name = f"image {language.name}"
    if result.verdict is Verdict.OK and result.cases[0].stdout == language.reference.stdout:
        return ok(name, f"{result.language_version} ran {language.reference.file}")
    detail = f"{language.reference.file} came to {result.verdict}: {result.message or 'other output than promised'}"
    return failed(name, detail, BUILD.format(name=language.name))
