"""Tools for agents: what a model may ask of a node, over the Model Context Protocol. Nothing here decides anything."""

from __future__ import annotations

import base64
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from typing import Annotated, Any, Literal, Protocol, TypeVar

from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import CallToolResult, ImageContent, TextContent
from pydantic import BaseModel, Field, ValidationError

from ccx.client import Client
from ccx.errors import CcxError
from ccx.events import Done, Event, Queued, Started
from ccx.wire import CaseRequest, LanguageInfo, LimitOverrides, SourceFile, Submission, SubmissionRequest, Verdict
from ccx.wire.complaints import first_complaint

MOST_SHOWN = 12_000  # characters of one output: a model reads the rest, if it wants it, as a resource
_PICTURES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
}
_INSTRUCTIONS = (
    "Runs Python, Java and C programs, and what else list_languages names, each in a fresh container without a network."
    " Nothing is kept between two runs:"
    " send all files each time. The verdict says what happened; a limit that was hit is named."
)

T = TypeVar("T")
Opens = Callable[[], AbstractAsyncContextManager[Client]]
Lifespan = Callable[[MCPServer], AbstractAsyncContextManager[None]]


class File(BaseModel):
    """A source file."""

    name: str = Field(description="Relative path, such as main.py")
    content: str


class Case(BaseModel):
    """One run of the compiled program."""

    stdin: str = ""
    expected_stdout: str | None = Field(default=None, description="Left out: nothing is compared")


Language = Annotated[str, Field(description="As list_languages names it: python, java, c")]
SubmissionId = Annotated[str, Field(description="The id that run_code told")]


class AgentsNode(Protocol):
    """What is asked of a node for an agent: a `Client` will do, or the node itself. All raise CcxError."""

    def run_stream(self, request: SubmissionRequest) -> AsyncGenerator[Event]:
        """Run a program; who stops listening ends it."""

    async def languages(self) -> tuple[LanguageInfo, ...]:
        """Which there are."""

    async def submission(self, submission_id: str) -> Submission:
        """As it now stands."""

    async def cancel(self, submission_id: str) -> Submission:
        """End it."""


def mcp_server_of(open_client: Opens) -> MCPServer:
    """The server of one agent. `open_client` gives the node's client for as long as the server runs."""
    held: list[Client] = []

    @asynccontextmanager
    async def lifespan(_: MCPServer) -> AsyncIterator[None]:
        async with open_client() as client:
            held[:] = [client]
            yield

    return mcp_server(lambda _: held[0], lifespan)


def mcp_server(node_for: Callable[[Context], AgentsNode], lifespan: Lifespan | None = None) -> MCPServer:
    """The server. `node_for` gives the node as it is for whoever makes a call."""
    server = MCPServer("ccx", instructions=_INSTRUCTIONS, lifespan=lifespan)

    @server.tool(structured_output=False)
    async def run_code(
        ctx: Context,
        language: Language,
        code: Annotated[str | None, Field(description="The program, where it is one file")] = None,
        files: Annotated[list[File] | None, Field(description="Several files instead, the main one first")] = None,
        stdin: str = "",
        args: Annotated[list[str] | None, Field(description="Command line arguments")] = None,
        cases: Annotated[list[Case] | None, Field(description="Several runs of one program, instead of stdin")] = None,
        artifacts: Annotated[list[str] | None, Field(description="Files to return, such as plot.png or *.png")] = None,
        cpu_seconds: float | None = None,
        wall_seconds: float | None = None,
        memory_mib: int | None = None,
    ) -> CallToolResult:
        """Run a program and return verdict, output, time and memory. Compiled languages are compiled first."""
        request = _request(
            language, code, files, stdin, args, cases, artifacts, (cpu_seconds, wall_seconds, memory_mib)
        )
        return _answer(await _follow(node_for(ctx), request, ctx))

    @server.tool(structured_output=False)
    async def list_languages(ctx: Context) -> CallToolResult:
        """List languages with their versions and limits."""
        languages = await _asked(node_for(ctx).languages())
        lines = [
            f"{one.name}: {one.version}, files {', '.join(one.suffixes)}, {one.default_limits.cpu_seconds:g} s CPU"
            f" (at most {one.highest_limits.cpu_seconds:g}), {one.default_limits.memory_bytes // 2**20} MiB"
            f" (at most {one.highest_limits.memory_bytes // 2**20})"
            for one in languages
        ]
        structured = {"languages": [one.model_dump(mode="json", exclude={"image"}) for one in languages]}
        return CallToolResult(content=[TextContent(type="text", text="\n".join(lines))], structured_content=structured)

    @server.tool(structured_output=False)
    async def get_submission(ctx: Context, submission_id: SubmissionId) -> CallToolResult:
        """Return what became of an earlier run."""
        return _answer(await _asked(node_for(ctx).submission(submission_id)))

    @server.tool(structured_output=False)
    async def cancel_submission(ctx: Context, submission_id: SubmissionId) -> CallToolResult:
        """Stop a run; what it has written is kept."""
        return _answer(await _asked(node_for(ctx).cancel(submission_id)))

    @server.resource("ccx://submissions/{submission_id}/{case}/{stream}", mime_type="text/plain")
    async def output(submission_id: str, case: str, stream: Literal["stdout", "stderr"], ctx: Context) -> str:
        """All that a run has written, where a tool has shown the ends of it only. Cases count from 0."""
        submission = await _asked(node_for(ctx).submission(submission_id))
        found = submission.cases[int(case)]
        return (found.stdout_data() if stream == "stdout" else found.stderr_data()).decode("utf-8", "replace")

    return server


def _request(
    language: str,
    code: str | None,
    files: list[File] | None,
    stdin: str,
    args: list[str] | None,
    cases: list[Case] | None,
    artifacts: list[str] | None,
    limits: tuple[float | None, float | None, int | None],
) -> SubmissionRequest:
    """Raises ToolError, which tells a model what to change."""
    if (code is None) == (not files):
        raise ToolError("Give either code or files.")
    cpu_seconds, wall_seconds, memory_mib = limits
    words = tuple(args or ())
    inputs: dict[str, Any] = {"stdin": stdin, "args": words}
    if cases:
        inputs = {
            "cases": tuple(
                CaseRequest(stdin=one.stdin, args=words, expected_stdout=one.expected_stdout) for one in cases
            )
        }
    try:
        return SubmissionRequest(
            language=language,
            files=tuple(SourceFile(name=file.name, content=file.content) for file in files or ())
            or (SourceFile(content=code or ""),),
            artifacts=tuple(artifacts or ()),
            limits=LimitOverrides(
                cpu_seconds=cpu_seconds,
                wall_seconds=wall_seconds,
                memory_bytes=None if memory_mib is None else memory_mib * 2**20,
            ),
            **inputs,
        )
    except ValidationError as error:
        raise ToolError(f"{first_complaint(error)}.") from error


async def _follow(node: AgentsNode, request: SubmissionRequest, ctx: Context) -> Submission:
    """Run it. A call that is cancelled ends the program with it."""
    try:
        async with aclosing(node.run_stream(request)) as events:
            submission_id = ""
            async for event in events:
                if isinstance(event, Queued):
                    submission_id = event.submission_id
                    where = "accepted" if event.position is None else f"waiting, number {event.position} in the queue"
                    await ctx.report_progress(0, 2, where)
                elif isinstance(event, Started):
                    await ctx.report_progress(1, 2, f"running on {event.node}")
                elif isinstance(event, Done):
                    return event.submission or await node.submission(submission_id)
    except CcxError as error:
        raise _told(error) from error
    raise ToolError("The node ended the run without a result; try again.")


async def _asked(question: Awaitable[T]) -> T:
    try:
        return await question
    except CcxError as error:
        raise _told(error) from error


def _told(error: CcxError) -> ToolError:
    return ToolError(str(error))


def _answer(submission: Submission) -> CallToolResult:
    """What a model reads: the verdict first, then each output, then files; and the same as fields."""
    parts = [f"verdict: {submission.verdict or submission.state}"]
    if submission.message:
        parts.append(submission.message)
    if submission.compile and (told := submission.compile.stderr or submission.compile.stdout):
        parts.append(f"compiler:\n{_bounded(told, '')}")
    for number, case in enumerate(submission.cases):
        if len(submission.cases) > 1:
            parts.append(f"case {case.name}: {case.verdict}")
        parts += _outputs(submission, number)
        parts.append(
            f"{case.cpu_seconds:.2f} s CPU, {case.wall_seconds:.2f} s, {case.memory_bytes / 2**20:.1f} MiB"
            + (f", exit code {case.exit_code}" if case.exit_code else "")
        )
    pictures = []
    for artifact in submission.artifacts:
        suffix = artifact.name[artifact.name.rfind(".") :].lower()
        if artifact.error:
            parts.append(f"file {artifact.name}: {artifact.error}")
        elif mime_type := _PICTURES.get(suffix):
            data = base64.b64encode(artifact.data()).decode()
            pictures.append(ImageContent(type="image", data=data, mime_type=mime_type))
        else:
            parts.append(f"file {artifact.name}:\n{_bounded(artifact.data().decode('utf-8', 'replace'), '')}")
    return CallToolResult(
        content=[TextContent(type="text", text="\n".join(parts)), *pictures],
        structured_content=_fields(submission),
        is_error=submission.verdict is Verdict.INTERNAL_ERROR,
    )


def _outputs(submission: Submission, number: int) -> list[str]:
    case = submission.cases[number]
    found = (("stdout", case.stdout_data()), ("stderr", case.stderr_data()))
    return [
        f"{stream}:\n{_bounded(data.decode('utf-8', 'replace'), f'ccx://submissions/{submission.id}/{number}/{stream}')}"
        for stream, data in found
        if data
    ]


def _fields(submission: Submission) -> dict[str, Any]:
    case_fields = ("name", "verdict", "exit_code", "signal", "limit", "cpu_seconds", "wall_seconds", "memory_bytes")
    return {
        "submission_id": submission.id,
        "verdict": submission.verdict,
        "message": submission.message,
        "cases": [{name: getattr(case, name) for name in case_fields} for case in submission.cases],
    }


def _bounded(text: str, address: str) -> str:
    if len(text) <= MOST_SHOWN:
        return text
    left_out = f"\n[… {len(text) - MOST_SHOWN} characters left out{f'; all of it: {address}' if address else ''} …]\n"
    return text[: MOST_SHOWN // 2] + left_out + text[-MOST_SHOWN // 2 :]
