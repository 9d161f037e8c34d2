"""The soak: that it sends every attack there is, and that it notices what has grown."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.footprint import Footprint
from bench.soak import Soak, complaints, plan, warm_up
from tests.hostile.test_hostile_programs import ATTACKS

MIB = 1 << 20
BEFORE = Footprint(descriptors=30, threads=9, memory_bytes=100 * MIB, containers=6, namespaces=6, traces=0)


def test_every_attack_is_sent_before_any_comes_again_and_the_order_is_the_same_every_time() -> None:
    names = [name for name, _, attack in plan(Soak(5 * len(ATTACKS), 5)) if attack is not None]
    assert sorted(names) == sorted(ATTACKS)
    assert names != sorted(names)
    assert names == [name for name, _, attack in plan(Soak(5 * len(ATTACKS), 5)) if attack is not None]


def test_the_warm_up_has_attacks_and_others() -> None:
    kinds = [attack is not None for _, _, attack in warm_up()]
    assert any(kinds)
    assert not all(kinds)


def done(submissions: int = 1) -> Soak:
    soak = Soak(submissions, 5)
    soak.verdicts["ok"] = submissions
    return soak


def test_where_nothing_has_grown_there_is_nothing_to_say() -> None:
    assert complaints(done(), BEFORE, replace(BEFORE, memory_bytes=109 * MIB), 2.0) == []


@pytest.mark.parametrize("name", ["descriptors", "containers", "namespaces", "traces"])
def test_one_more_of_anything_is_too_much(name: str) -> None:
    was = getattr(BEFORE, name)
    (told,) = complaints(done(), BEFORE, replace(BEFORE, **{name: was + 1}), 2.0)
    assert told == f"{name} have grown from {was} to {was + 1}"


def test_threads_may_become_as_many_as_the_pools_have_with_what_they_hold() -> None:
    assert complaints(done(), BEFORE, replace(BEFORE, threads=11, descriptors=36), 2.0) == []
    assert complaints(done(), BEFORE, replace(BEFORE, threads=11, descriptors=37), 2.0)
    assert complaints(done(), BEFORE, replace(BEFORE, threads=9 + 13), 2.0)


def test_memory_may_grow_a_little() -> None:
    small = replace(BEFORE, memory_bytes=40 * MIB)
    assert complaints(done(), small, replace(small, memory_bytes=47 * MIB), 2.0) == []
    assert complaints(done(), small, replace(small, memory_bytes=49 * MIB), 2.0)
    assert complaints(done(), BEFORE, replace(BEFORE, memory_bytes=111 * MIB), 2.0)


def test_a_host_that_stays_busy_and_answers_that_are_wrong_or_missing_are_told() -> None:
    soak = done(2)
    soak.submissions = 4
    soak.wrong.append("c 1: memory_limit: too much")
    told = complaints(soak, BEFORE, BEFORE, 11.0)
    assert [line.split(":")[0] for line in told] == [
        "wrong",
        "only 2 of 4 were answered",
        "the host was busy for 11 s after the last answer",
    ]
