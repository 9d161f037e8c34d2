"""A log is never a reason to fail."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

TALKATIVE = """
import structlog
from ccx_orchestrator.logs import set_up
set_up("info")
log = structlog.get_logger()
for number in range(1000):
    log.info("something happened", number=number)
try:
    1 / 0
except ZeroDivisionError:
    log.exception("that too")
print("went on", flush=True)
"""


@pytest.mark.parametrize("kind", ["full disk", "reader gone"])
def test_where_nothing_can_be_written_the_node_goes_on(kind: str) -> None:
    reader, stderr = (None, os.open("/dev/full", os.O_WRONLY)) if kind == "full disk" else os.pipe()
    if reader is not None:
        os.close(reader)
    try:
        ran = subprocess.run([sys.executable, "-c", TALKATIVE], stdout=subprocess.PIPE, stderr=stderr, check=False)
    finally:
        os.close(stderr)
    assert ran.stdout == b"went on\n"
