"""`make cluster`: a master and two selective slaves on separate Docker hosts run twelve programs at once."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

from ccx.client import Client
from ccx.errors import CcxError
from ccx.wire import Submission, Verdict
from tests.cluster.hosts import Host, docker_host, saved_images
from tests.support.node import NodeProcess, eventually, submission

NEEDED = ("ip", "nsenter", "dockerd")
EACH = 4
# A while of work, so that one slot is not enough for twelve at once.
PROGRAMS = {
    "c": '#include <stdio.h>\n#include <unistd.h>\nint main(void) { usleep(300000); puts("hello from c"); }\n',
    "java": 'void main() throws Exception { Thread.sleep(300); IO.println("hello from java"); }\n',
    "python": "import time\ntime.sleep(0.3)\nprint('hello from python')\n",
}


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def show() -> int:
    missing = [tool for tool in NEEDED if shutil.which(tool) is None]
    if missing or os.geteuid() != 0:
        say(f"ccx: this makes Docker hosts of its own, which needs root and {', '.join(missing or NEEDED)}")
        return 1
    with ExitStack() as undo:
        folder = Path(undo.enter_context(tempfile.TemporaryDirectory(prefix="ccx-cluster-")))
        files = undo.enter_context(saved_images(["java", "c"]))
        for_java, for_c = (undo.enter_context(docker_host([files[language]])) for language in ("java", "c"))
        slaves = [_slave(undo, folder, for_java, "java-host"), _slave(undo, folder, for_c, "c-host")]
        urls = f"{for_java.url},{for_c.url}"
        arguments = ("1", "--languages", "c,python")
        master = undo.enter_context(
            NodeProcess("master", folder, *arguments, CCX_SLAVES=urls, CCX_LOG_LEVEL="error", quiet="yes")
        )
        say(f"ccx: master on {master.url}, one slot for c and python")
        ended = asyncio.run(_run_all(master.client(), {slave.name for slave in slaves}))
    return report(ended)


def _slave(undo: ExitStack, folder: Path, host: Host, name: str) -> NodeProcess:
    node = undo.enter_context(host.node(name, folder, "4", CCX_LOG_LEVEL="error", quiet="yes"))
    say(f"ccx: {name} on {host.url}, four slots; the images on its Docker host: {', '.join(sorted(host.images()))}")
    return node


async def _run_all(client: Client, slaves: set[str]) -> list[Submission]:
    async with client:

        async def are_known() -> bool:
            return slaves <= {node.name for node in await client.nodes() if node.report}

        await eventually(are_known, f"the master knows {slaves}")
        say(f"ccx: {EACH * len(PROGRAMS)} programs at once")
        mixed = [submission(language, text) for _ in range(EACH) for language, text in PROGRAMS.items()]
        return await asyncio.gather(*(client.submit(one) for one in mixed))


def report(ended: list[Submission]) -> int:
    """Print where each ran; the exit status."""
    for one in ended:
        said = one.cases[0].stdout.strip() if one.cases else one.message
        say(f"  {one.id[:8]}  {one.language:<7} {one.verdict or '':<3} on {one.node:<10} {said}")
    for (language, node), times in sorted(Counter((one.language, one.node or "") for one in ended).items()):
        say(f"ccx: {language} ran {times} times on {node}")
    return 0 if all(one.verdict is Verdict.OK for one in ended) else 1


if __name__ == "__main__":
    try:
        sys.exit(show())
    except (CcxError, OSError, TimeoutError) as error:
        say(f"ccx: {error}")
        sys.exit(1)
