"""Which tests share a worker of pytest-xdist, and in which order the workers take them.

Tests of one file share what is dear to start: a node, an engine. All of `tests/cluster`, but for one, share Docker
hosts in network namespaces. A worker takes whole groups; those that take longest come first, so that none of them is
alone at the end.
"""

from __future__ import annotations

import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

CLUSTER = "tests/cluster/"
LONGEST_FIRST = (
    CLUSTER,
    "tests/cluster/test_swarm.py",
    "tests/hostile/test_hostile_programs.py",
    "tests/web/test_page.py",
    "tests/e2e/test_node_life.py",
    "tests/e2e/test_survival.py",
    "tests/hostile/test_gvisor.py",
    "tests/e2e/test_doctor.py",
    "tests/integration/test_programs_science.py",
    "tests/integration/test_programs_cpp.py",
    "tests/integration/test_prestart_java.py",
    "tests/integration/test_pool_life.py",
    "tests/e2e/test_masters.py",
    "tests/e2e/test_faults.py",
)


def group_of(nodeid: str) -> str:
    """What a test is run together with: the name of its folder or its file."""
    file = nodeid.partition("::")[0]
    return CLUSTER if file.startswith(CLUSTER) and file not in LONGEST_FIRST else file


def rank_of(nodeid: str) -> int:
    """The lower, the sooner a worker takes it."""
    group = group_of(nodeid)
    return LONGEST_FIRST.index(group) if group in LONGEST_FIRST else len(LONGEST_FIRST)


class GroupScheduling(LoadScopeScheduling):  # type: ignore[misc]
    """Gives each worker one group after the other, in the order of the collection."""

    def __init__(self, config: pytest.Config, log: object = None) -> None:
        config.option.loadscopereorder = False  # by number of tests, which says little about time
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)
