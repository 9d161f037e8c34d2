"""What came of everybody's submission, and the file from which a run that was broken off goes on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from pydantic import BaseModel, ValidationError

from ccx.cli.grading.people import Person
from ccx.cli.grading.suite import Suite
from ccx.cli.options.language_choice import language_of, main_file, named_language
from ccx.client import Client
from ccx.errors import BadInput
from ccx.wire import (
    CaseResult,
    Checker,
    LanguageInfo,
    LimitOverrides,
    SourceFile,
    Submission,
    SubmissionRequest,
    Verdict,
)
from ccx.wire.complaints import first_complaint
from ccx.wire.fields import MAX_CASES

# Of inputs and answers in one submission: half of what a node takes, for what JSON adds.
MOST_CASE_BYTES = 16 * 2**20
KEPT_CHARACTERS = 4_000  # of messages and standard error, for the report


class GradedTest(BaseModel):
    """One test of one person."""

    name: str
    verdict: Verdict
    message: str = ""
    feedback: str = ""
    stderr: str = ""
    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0
    memory_bytes: int = 0


class Grade(BaseModel):
    """One person. `trouble` is why nothing was run; `compiler` what it complained of."""

    person: str
    digest: str
    language: str = ""
    trouble: str = ""
    compiler: str = ""
    tests: list[GradedTest] = []
    points: float = 0.0

    @property
    def verdict(self) -> str:
        """In a word: the first that is not ok."""
        if self.trouble:
            return "not run"
        return next((test.verdict.value for test in self.tests if test.verdict is not Verdict.OK), "ok")

    @property
    def passed(self) -> int:
        """How many tests are right."""
        return sum(test.verdict is Verdict.OK for test in self.tests)

    @property
    def is_ours(self) -> bool:
        """Whether the service failed, so that it is worth trying again."""
        return any(test.verdict in {Verdict.INTERNAL_ERROR, Verdict.CANCELLED} for test in self.tests)


@dataclass(frozen=True, slots=True)
class Assignment:
    """What all are measured by."""

    suite: Suite
    languages: tuple[LanguageInfo, ...]
    language: str | None
    limits: LimitOverrides
    judge: Mapping[str, Checker] = field(default_factory=dict)  # the suite's, in a language of the node

    def requests(self, person: Person) -> list[SubmissionRequest]:
        """What is sent for a person: one submission, or several where there are more tests than one may have. Raises
        BadInput where their files cannot be run.
        """
        if person.trouble:
            raise BadInput(person.trouble)
        named = named_language(self.language, self.languages) if self.language else None
        entrypoint = main_file(person.files, [named] if named else self.languages)
        language = named or language_of(entrypoint, self.languages)
        judge: dict[str, Any] = dict(self.judge)
        try:
            files = tuple(SourceFile.of(name, data) for name, data in person.files.items())
            return [
                SubmissionRequest(
                    language=language.name, files=files, entrypoint=entrypoint, limits=self.limits, cases=cases, **judge
                )
                for cases in self._batches()
            ]
        except ValidationError as error:
            raise BadInput(first_complaint(error)) from error

    def _batches(self) -> Iterator[tuple[Any, ...]]:
        batch: list[Any] = []
        size = 0
        for test in self.suite.tests:
            weight = len(test.stdin) + len(test.expected or "")
            if batch and (len(batch) == MAX_CASES or size + weight > MOST_CASE_BYTES):
                yield tuple(batch)
                batch, size = [], 0
            batch.append(test.request(self.suite.compare))
            size += weight
        yield tuple(batch)

    def digest(self, person: Person) -> str:
        """The same for the same files, tests and limits: what was graded so is not graded again."""
        whole = hashlib.sha256()
        for name, data in sorted(person.files.items()):
            whole.update(f"{name}\0{len(data)}\0".encode() + data)
        whole.update(repr((self.suite, self.language, self.limits)).encode())
        return whole.hexdigest()


async def grade(client: Client, people: Iterable[Person], assignment: Assignment, run: str) -> AsyncGenerator[Grade]:
    """The grades as they come. Who cannot be run has one at once. `run` names this run to the node: one that was broken
    off and goes on under the same name is given what it has sent already.
    """
    waiting: dict[int, tuple[Person, int, int]] = {}
    parts: dict[str, dict[int, Submission | str]] = {}
    ready: list[Grade] = []

    def requests() -> Iterator[SubmissionRequest]:
        number = 0
        for person in people:
            try:
                found = assignment.requests(person)
            except BadInput as error:
                ready.append(Grade(person=person.name, digest=assignment.digest(person), trouble=str(error)))
                continue
            for part, request in enumerate(found):
                waiting[number] = (person, part, len(found))
                number += 1
                yield request

    def key_of(number: int) -> str:
        person, part, _ = waiting[number]
        return hashlib.sha256(f"{run}\0{person.name}\0{part}".encode()).hexdigest()

    async for outcome in client.run_many(requests(), key_of=key_of):
        while ready:
            yield ready.pop()
        person, part, count = waiting.pop(outcome.number)
        found = parts.setdefault(person.name, {})
        found[part] = outcome.submission or str(outcome.error)
        if len(found) == count:
            del parts[person.name]
            yield _grade(assignment, person, [found[at] for at in range(count)])
    while ready:
        yield ready.pop()


def _grade(assignment: Assignment, person: Person, parts: list[Submission | str]) -> Grade:
    grade = Grade(person=person.name, digest=assignment.digest(person))
    for part in parts:
        if isinstance(part, str):
            grade.trouble = part
            return grade
        grade.language = f"{part.language} {part.language_version or ''}".strip()
        if part.compile and (part.compile.stderr or part.compile.stdout):
            grade.compiler = (part.compile.stderr or part.compile.stdout)[:KEPT_CHARACTERS]
        grade.tests += [_test(part, case) for case in part.cases]
    names = {test.name: test for test in grade.tests}
    ended = next((part for part in parts if isinstance(part, Submission) and part.verdict), None)
    verdict, message = (ended.verdict, ended.message) if ended else (None, None)
    grade.tests = [
        names.get(test.name)
        or GradedTest(name=test.name, verdict=verdict or Verdict.INTERNAL_ERROR, message=message or "")
        for test in assignment.suite.tests
    ]
    grade.points = assignment.suite.score([test.verdict is Verdict.OK for test in grade.tests])
    return grade


def _test(submission: Submission, case: CaseResult) -> GradedTest:
    stderr = case.stderr if case.stderr_encoding == "utf-8" else ""
    return GradedTest(
        name=case.name,
        verdict=case.verdict or submission.verdict or Verdict.INTERNAL_ERROR,
        message=(case.message or "")[:KEPT_CHARACTERS],
        feedback=(case.feedback or "")[:KEPT_CHARACTERS],
        stderr=stderr[-KEPT_CHARACTERS:],
        cpu_seconds=case.cpu_seconds,
        wall_seconds=case.wall_seconds,
        memory_bytes=case.memory_bytes,
    )


class Kept:
    """Grades as they come, a line each. What is cut off at its end is not counted."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.run = uuid4().hex

    def read(self) -> dict[tuple[str, str], Grade]:
        """By person and digest; those that the service failed are left out. From now on the run has the old name."""
        found = {}
        for line in self.path.read_bytes().splitlines() if self.path.exists() else ():
            try:
                kept = json.loads(line)
                if isinstance(kept, str):
                    self.run = kept
                    continue
                grade = Grade.model_validate(kept)
            except (ValueError, ValidationError):
                continue
            if not grade.is_ours:
                found[grade.person, grade.digest] = grade
        return found

    def begin(self, grades: Iterable[Grade]) -> None:
        """With these, and nothing else. Raises BadInput."""
        try:
            lines = "".join(f"{one.model_dump_json()}\n" for one in grades)
            self.path.write_text(f"{json.dumps(self.run)}\n{lines}", "utf-8")
        except OSError as error:
            raise BadInput(f"{self.path} cannot be written: {error.strerror}.") from error

    def add(self, grade: Grade) -> None:
        """One more."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(f"{grade.model_dump_json()}\n")
