"""Work that no thread can be started for is done by those that there are."""

from __future__ import annotations

import threading
from threading import Event, Thread, current_thread
from typing import NoReturn

import pytest

from ccx_orchestrator.threads import Threads


def refuse(_thread: Thread) -> NoReturn:
    raise RuntimeError("can't start new thread")


def test_where_no_thread_can_be_started_the_first_does_all(monkeypatch: pytest.MonkeyPatch) -> None:
    with Threads(4, "some") as threads:
        monkeypatch.setattr(threading.Thread, "start", refuse)
        go_on = Event()
        first = threads.submit(go_on.wait)
        others = [threads.submit(lambda: current_thread().name) for _ in range(3)]
        go_on.set()
        assert first.result()
        assert {one.result() for one in others} == {"some_0"}


def test_where_they_can_there_are_as_many_as_are_needed() -> None:
    with Threads(3, "some") as threads:
        together = threading.Barrier(3)
        assert sorted(one.result() for one in [threads.submit(together.wait) for _ in range(3)]) == [0, 1, 2]


def test_one_that_cannot_have_a_single_thread_fails_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(RuntimeError, match="new thread"):
        Threads(4, "some")
