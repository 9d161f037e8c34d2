"""What is said where the engine answers, but with an error."""

from __future__ import annotations

import pytest

from ccx.errors import EngineUnavailable
from ccx_orchestrator.docker_host.engine.client import open_engine

pytestmark = pytest.mark.docker


async def test_what_the_engine_says_is_handed_on_and_nobody_is_told_to_start_one(images: None, suite: str) -> None:
    config = {"Image": "ccx-c", "HostConfig": {"Runtime": f"{suite}-none"}, "Labels": {"ccx": "test"}}
    async with open_engine() as engine:
        try:
            with pytest.raises(EngineUnavailable) as raised:
                await engine.create(f"{suite}-fails", config)
        finally:
            await engine.remove(f"{suite}-fails")
    assert str(raised.value).startswith("The Docker engine failed: ")
    assert f"{suite}-none" in str(raised.value)
