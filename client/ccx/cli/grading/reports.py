"""Grades as a table, a spreadsheet, JSON, JUnit, and a page. Nothing that a student wrote can break any of them."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Sequence
from importlib.resources import files
from xml.etree import ElementTree as ET

from ccx.cli.grading.grades import Grade
from ccx.cli.grading.likeness import Alike
from ccx.cli.grading.suite import Suite
from ccx.cli.output.columns import columns
from ccx.cli.output.harmless import harmless
from ccx.errors import BadInput
from ccx.wire import Verdict

_COLUMNS = ("person", "language", "verdict", "passed", "tests", "points", "trouble")
_RIGHT, _WRONG = {"font_color": "#0b6b3a"}, {"font_color": "#a81e1e"}
# What spreadsheets take for the beginning of a formula (OWASP: CSV injection).
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
# What XML 1.0 cannot hold, even escaped.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def table(grades: Sequence[Grade], suite: Suite) -> str:
    """For the terminal."""
    lines = [("PERSON", "LANGUAGE", "VERDICT", "TESTS", "POINTS", "SLOWEST")]
    for grade in grades:
        slowest = max((test.cpu_seconds for test in grade.tests), default=0.0)
        lines.append(
            (
                harmless(grade.person),
                grade.language.split(" ")[0] or "-",
                grade.verdict.replace("_", " "),
                f"{grade.passed}/{len(suite.tests)}",
                f"{grade.points:g}/{suite.most_points:g}",
                f"{slowest:.2f} s" if grade.tests else "-",
            )
        )
    return f"{columns(lines)}\n"


def as_csv(grades: Sequence[Grade], suite: Suite) -> Iterator[str]:
    """For a spreadsheet: a line for each person, a column for each test."""
    tests = [test.name for test in suite.tests]
    yield _csv_line([*_COLUMNS, *map(_cell, tests)])
    for grade in grades:
        verdicts = {test.name: test.verdict.value for test in grade.tests}
        yield _csv_line(
            [
                _cell(grade.person),
                _cell(grade.language),
                grade.verdict,
                grade.passed,
                len(tests),
                f"{grade.points:g}",
                _cell(grade.trouble),
                *(verdicts.get(name, "") for name in tests),
            ]
        )


def _csv_line(cells: list[object]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow(cells)
    return out.getvalue()


def _cell(text: str) -> str:
    text = harmless(text)
    return f"'{text}" if text.startswith(_FORMULA) else text


def as_spreadsheet(grades: Sequence[Grade], suite: Suite) -> bytes:
    """The table as XLSX: numbers are numbers, and everything else is text whatever it looks like. Raises BadInput where
    what makes it is not installed.
    """
    try:
        from xlsxwriter import Workbook
    except ImportError as error:
        raise BadInput("--xlsx needs xlsxwriter: install it with pip install 'ccx[grade]'.") from error
    out = io.BytesIO()
    with Workbook(out, {"in_memory": True}) as book:
        sheet = book.add_worksheet("Grades")
        bold, right, wrong = (book.add_format(each) for each in ({"bold": True}, _RIGHT, _WRONG))
        for column, title in enumerate((*_COLUMNS, *(test.name for test in suite.tests))):
            sheet.write_string(0, column, harmless(title), bold)
        for row, grade in enumerate(grades, 1):
            texts = (grade.person, grade.language, grade.verdict.replace("_", " "))
            for column, text in enumerate(texts):
                sheet.write_string(row, column, harmless(text))
            for column, number in enumerate((grade.passed, len(suite.tests), grade.points), len(texts)):
                sheet.write_number(row, column, number)
            sheet.write_string(row, len(_COLUMNS) - 1, harmless(grade.trouble))
            for column, test in enumerate(grade.tests, len(_COLUMNS)):
                is_right = test.verdict is Verdict.OK
                sheet.write_string(row, column, test.verdict.value.replace("_", " "), right if is_right else wrong)
        sheet.freeze_panes(1, 1)
        sheet.autofilter(0, 0, len(grades), len(_COLUMNS) + len(suite.tests) - 1)
        sheet.autofit()
    return out.getvalue()


def as_json(grades: Sequence[Grade], suite: Suite, alike: Sequence[Alike]) -> Iterator[str]:
    """For programs; a line for each person."""
    about = {
        "tests": [{"name": test.name, "group": test.group} for test in suite.tests],
        "most_points": suite.most_points,
        "alike": [{"one": pair.one, "other": pair.other, "share": round(pair.share, 3)} for pair in alike],
    }
    yield json.dumps(about, ensure_ascii=False)[:-1] + ', "grades": ['
    for number, grade in enumerate(grades):
        found = grade.model_dump(mode="json", exclude={"digest"}) | {"verdict": grade.verdict, "passed": grade.passed}
        yield f"{',' * bool(number)}\n{json.dumps(found, ensure_ascii=False)}"
    yield "\n]}\n"


def as_junit(grades: Sequence[Grade], suite: Suite) -> Iterator[str]:
    """For a step of CI: a suite for each person."""
    yield '<?xml version="1.0" encoding="utf-8"?>\n<testsuites name="ccx grade">\n'
    for grade in grades:
        yield ET.tostring(_junit_suite(grade, suite), encoding="unicode") + "\n"
    yield "</testsuites>\n"


def _junit_suite(grade: Grade, suite: Suite) -> ET.Element:
    failures = len(suite.tests) - grade.passed
    part = ET.Element("testsuite", name=_xml(grade.person), tests=str(len(suite.tests)), failures=str(failures))
    tests = {test.name: test for test in grade.tests}
    for test in suite.tests:
        found = tests.get(test.name)
        case = ET.SubElement(part, "testcase", name=_xml(test.name), classname=_xml(grade.person))
        case.set("time", f"{found.wall_seconds if found else 0:.3f}")
        if found is None or found.verdict is not Verdict.OK:
            kind = found.verdict.value if found else grade.verdict
            message = (found.message if found else grade.trouble) or grade.compiler
            failure = ET.SubElement(case, "failure", type=kind, message=_xml(message))
            failure.text = _xml(found.stderr if found else "")
    return part


def _xml(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)


def as_page(grades: Sequence[Grade], suite: Suite, alike: Sequence[Alike], title: str) -> Iterator[str]:
    """One file that opens without the internet. Raises BadInput where what makes it is not installed."""
    try:
        from jinja2 import Environment
    except ImportError as error:
        raise BadInput("--report needs jinja2: install it with pip install 'ccx[grade]'.") from error
    source = files(__package__).joinpath("report.html.jinja").read_text("utf-8")
    page = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(source)
    slowest, largest, right = 0.0, 0, 0
    for grade in grades:
        slowest = max(slowest, *(test.cpu_seconds for test in grade.tests), 0.0)
        largest = max(largest, *(test.memory_bytes for test in grade.tests), 0)
        right += grade.verdict == "ok"
    return page.generate(
        grades=grades,
        suite=suite,
        alike=alike,
        title=title,
        right=right,
        slowest=slowest or 1.0,
        largest=largest or 1,
    )
