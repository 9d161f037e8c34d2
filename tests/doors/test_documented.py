"""Every field and address of the other systems is told of in docs/doors.md."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ccx_orchestrator.doors.judge0 import outgoing

DOCUMENT = (Path(__file__).parents[2] / "docs" / "doors.md").read_text()
# As their own documents and sources have them.
OF_OTHERS = {
    "Piston": """language version files name content encoding stdin args run_timeout run_cpu_time
        run_memory_limit compile_timeout compile_cpu_time compile_memory_limit run compile stdout stderr output
        code signal status
        message cpu_time wall_time memory aliases runtime language_version installed""",
    "Jobe": """language_id sourcecode sourcefilename input file_list parameters debug jobeserver cputime
        memorylimit disklimit streamsize numprocs compileargs linkargs interpreterargs runargs main_class run_id outcome
        cmpinfo stdout stderr""",
    "Judge0": f"""source_code language_id compiler_options command_line_arguments stdin expected_output cpu_time_limit
        cpu_extra_time wall_time_limit memory_limit stack_limit max_processes_and_or_threads
        enable_per_process_and_thread_ max_file_size redirect_stderr_to_stdout enable_network number_of_runs
        additional_files callback_url
        statuses about version config_info system_info workers statistics authenticate authorize isolate license
        {" ".join(outgoing.FIELDS)}""",
}


def section(title: str) -> str:
    found = re.search(rf"^## {title}.*?(?=^## |\Z)", DOCUMENT, re.MULTILINE | re.DOTALL)
    assert found, title
    return found[0]


@pytest.mark.parametrize("system", OF_OTHERS)
def test_every_field_is_told_of(system: str) -> None:
    told = " ".join(re.findall(r"`([^`]+)`", section(system)))
    words = set(re.findall(r"[A-Za-z_0-9]+", told))
    assert set(OF_OTHERS[system].split()) - words - {"parameters"} == set()
