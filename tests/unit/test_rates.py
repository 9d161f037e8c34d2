"""How often somebody did something within the last minute, whatever becomes of the clock."""

from __future__ import annotations

import time

import pytest

from ccx_orchestrator.access.rates import PerMinute


def test_each_has_so_many_in_a_minute() -> None:
    rates = PerMinute()
    counts = [rates.hit(2, "me") for _ in range(3)]
    assert [one.is_allowed for one in counts] == [True, True, False]
    assert 1 <= counts[-1].seconds <= 60
    assert rates.hit(2, "you").is_allowed


def test_where_the_clock_is_set_back_the_minute_stays_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    rates = PerMinute()
    now = time.time
    assert [rates.hit(1, "me").is_allowed for _ in range(2)] == [True, False]
    monkeypatch.setattr(time, "time", lambda: now() - 3600)
    assert [rates.hit(1, "me").is_allowed for _ in range(2)] == [True, False]
    monkeypatch.setattr(time, "time", now)
    assert rates.hit(1, "me").is_allowed
