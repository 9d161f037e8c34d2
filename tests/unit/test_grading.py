"""Who handed in what, which tests there are, and reports that nothing can break. No node."""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from ccx.cli.grading.grades import Assignment, Grade, GradedTest, Kept
from ccx.cli.grading.likeness import find_alike
from ccx.cli.grading.packages import read_suite
from ccx.cli.grading.people import Person, find_people
from ccx.cli.grading.reports import as_csv, as_json, as_junit, as_page, as_spreadsheet, table
from ccx.cli.grading.suite import Suite, SuiteTest
from ccx.errors import BadInput
from ccx.wire import MAX_FILES, Comparison, LimitOverrides, Verdict
from tests.support.language_infos import LANGUAGES

EVIL = "=HYPERLINK(1)<script>alert(1)</script>\x1b[2J\u202e]]>"
PROGRAM = """
def primes(limit):
    sieve = [True] * limit
    for x in range(2, limit):
        if sieve[x]:
            yield x
            for other in range(x * x, limit, x):
                sieve[other] = False


def common(x, y):
    while y:
        x, y = y, x % y
    return x


words = input().split()
best = None
for word in words:
    if best is None or len(word) > len(best):
        best = word
print(best, common(int(words[0]), 12), [p for p in primes(100) if p % 4 == 1])
"""


def files(folder: Path, **content: Any) -> Path:
    for name, data in content.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return folder


def zipped(**content: str | bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return out.getvalue()


def people(place: Path) -> dict[str, list[str]]:
    return {person.name: names(person) for person in find_people(place)}


def names(person: Person) -> list[str]:
    try:
        return sorted(person.read())
    except BadInput:
        return []


def person(name: str, **content: bytes) -> Person:
    return Person(name, lambda: content)


def test_a_file_a_folder_or_a_zip_is_a_person(tmp_path: Path) -> None:
    files(
        tmp_path,
        **{
            "ada.py": "1",
            "bob/main.c": "1",
            "bob/lib/x.h": "1",
            "bob/.git/config": "no",
            "eve.zip": zipped(**{"top/main.py": "1", "top/util.py": "1", "__MACOSX/x": "no"}),
        },
    )
    (tmp_path / "nobody").mkdir()
    assert people(tmp_path) == {
        "ada": ["ada.py"],
        "bob": ["lib/x.h", "main.c"],
        "eve": ["main.py", "util.py"],
        "nobody": [],
    }


def test_what_moodle_downloads_is_read_as_it_is(tmp_path: Path) -> None:
    archive = zipped(
        **{
            "Ada Lovelace_123_assignsubmission_file_/main.py": "1",
            "Bob O'Neil_77_assignsubmission_file_hello.py": "1",
        }
    )
    (tmp_path / "all.zip").write_bytes(archive)
    assert people(tmp_path / "all.zip") == {"Ada Lovelace": ["main.py"], "Bob O'Neil": ["hello.py"]}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"all/ada/main.py": "1", "all/bob.zip": zipped(**{"m.py": "1"})}, {"ada": ["main.py"], "bob": ["m.py"]}),
        ({"ada/main.py": "1"}, {"ada": ["main.py"]}),
    ],
)
def test_one_folder_that_holds_everybody_is_nobody(
    tmp_path: Path, content: dict[str, Any], expected: dict[str, list[str]]
) -> None:
    (tmp_path / "all.zip").write_bytes(zipped(**content))
    assert people(tmp_path / "all.zip") == expected


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "a/../../b.py", "..\\b.py"])
def test_nothing_leads_out_of_a_zip(tmp_path: Path, name: str) -> None:
    (tmp_path / "eve.zip").write_bytes(zipped(**{name: "x"}))
    (person,) = find_people(tmp_path)
    assert not any(part in {"..", ""} for file in person.read() for part in file.split("/"))


def test_what_cannot_be_read_is_the_trouble_of_that_person_alone(tmp_path: Path) -> None:
    files(tmp_path, **{"ada.py": "1", "bad.zip": b"no zip", "empty.py": " \n", "none/.hidden": "x"})
    found = {one.name: one for one in find_people(tmp_path)}
    assert found.pop("ada").read() == {"ada.py": b"1"}
    for name, why in (("bad", "no zip"), ("empty", "are empty"), ("none", "nothing was handed in")):
        with pytest.raises(BadInput, match=why):
            found[name].read()
    files(tmp_path, **{f"many/{number}.py": "1" for number in range(MAX_FILES + 1)})
    (many,) = (one for one in find_people(tmp_path) if one.name == "many")
    with pytest.raises(BadInput, match="more than"):
        many.read()
    with pytest.raises(BadInput, match="does not exist"):
        find_people(tmp_path / "absent")


def test_pairs_groups_points_and_arguments(tmp_path: Path) -> None:
    files(
        tmp_path,
        **{
            "2.in": "b",
            "2.out": "B",
            "10.in": "c",
            "10.ans": "C",
            "10.args": "-n 'x y'",
            "hard/1.in": "d",
            "hard/1.ans": "D",
            "hard/2.in": "e",
            "hard/2.ans": "E",
            "hard/points": "5",
        },
    )
    suite = read_suite(tmp_path)
    assert [(test.name, test.expected) for test in suite.tests] == [
        ("2", "B"),
        ("10", "C"),
        ("hard/1", "D"),
        ("hard/2", "E"),
    ]
    assert suite.tests[1].args == ("-n", "x y")
    assert (suite.most_points, suite.score([True, False, True, False]), suite.score([True, True, True, True])) == (
        7,
        1,
        7,
    )


def test_a_problem_package_is_read_as_it_is(tmp_path: Path) -> None:
    files(
        tmp_path,
        **{
            "problem.yaml": "validator_flags: float_tolerance 1e-6\nlimits:\n  memory: 64\n",
            ".timelimit": "2\n",
            "data/sample/1.in": "1",
            "data/sample/1.ans": "1.0",
            "data/secret/small/1.in": "2",
            "data/secret/small/1.ans": "2.0",
            "data/secret/small/testdata.yaml": "accept_score: 40\n",
        },
    )
    suite = read_suite(tmp_path)
    assert [test.name for test in suite.tests] == ["sample/1", "secret/small/1"]
    assert suite.points == {"secret/small": 40}
    assert (suite.compare.float_absolute_tolerance, suite.compare.case_sensitive) == (1e-6, False)
    assert (suite.limits.cpu_seconds, suite.limits.memory_bytes) == (2.0, 64 * 2**20)


TEST: dict[str, str | bytes] = {"data/secret/1.in": "1", "data/secret/1.ans": "2"}


def test_a_package_with_a_validator_is_judged_by_it(tmp_path: Path) -> None:
    files(
        tmp_path,
        **TEST,
        **{
            "problem.yaml": "validation: custom\nvalidator_flags: --all\n",
            "data/secret/hard/2.in": "2",
            "data/secret/hard/testdata.yaml": "output_validator_flags: --few 'a b'\n",
            "output_validators/validate/check.py": "x",
            "output_validators/validate/more.py": "y",
        },
    )
    suite = read_suite(tmp_path)
    assert suite.judge is not None
    assert (suite.judge.field, suite.judge.convention) == ("checker", "kattis")
    assert dict(suite.judge.files) == {"check.py": b"x", "more.py": b"y"}
    assert [test.judge_args for test in suite.tests] == [("--all",), ("--few", "a b")]
    assert suite.compare == Comparison()


@pytest.mark.parametrize(
    ("about", "validator"),
    [
        ("validation: custom interactive", "output_validators/talk.py"),
        ("problem_format_version: 2023-07\ntype: interactive", "output_validator/talk.py"),
    ],
)
def test_an_interactive_package_has_an_interactor(tmp_path: Path, about: str, validator: str) -> None:
    judge = read_suite(files(tmp_path, **TEST, **{"problem.yaml": f"{about}\n", validator: "x"})).judge
    assert judge is not None
    assert (judge.field, judge.files) == ("interactor", (("talk.py", b"x"),))
    assert judge.in_language_of(LANGUAGES)["interactor"].language == "python"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"problem.yaml": "validation: custom\n"}, "says that it has an output validator"),
        (
            {"problem.yaml": "validation: custom\n", "output_validators/a.py": "", "output_validators/b.py": ""},
            "several output validators",
        ),
    ],
)
def test_a_package_that_cannot_be_judged_right_is_refused(
    tmp_path: Path, content: dict[str, str | bytes], message: str
) -> None:
    with pytest.raises(BadInput, match=message):
        read_suite(files(tmp_path, **TEST, **content))


def test_a_judge_in_a_language_that_is_not_served_is_told_once(tmp_path: Path) -> None:
    about: dict[str, str | bytes] = {"problem.yaml": "validation: custom\n", "output_validators/check.rs": ""}
    judge = read_suite(files(tmp_path, **TEST, **about)).judge
    assert judge is not None
    with pytest.raises(BadInput, match="--tests: the checker of this problem cannot be run here"):
        judge.in_language_of(LANGUAGES)


POLYGON = """<problem>
<judging><testset><time-limit>1500</time-limit><memory-limit>67108864</memory-limit></testset></judging>
<assets><checker type="testlib"><source path="files/check.cpp" type="cpp.g++17"/></checker></assets></problem>"""


def test_polygon_folders_are_read(tmp_path: Path) -> None:
    tests: dict[str, str | bytes] = {"tests/01": "1", "tests/01.a": "1", "tests/02": "2", "tests/02.a": "2"}
    plain = read_suite(files(tmp_path / "plain", **tests, **{"problem.xml": "<problem/>"}))
    assert ([test.name for test in plain.tests], plain.judge) == (["01", "02"], None)
    checked = {"problem.xml": POLYGON, "files/check.cpp": "x", "files/testlib.h": "y"}
    suite = read_suite(files(tmp_path / "checked", **tests, **checked))
    assert suite.judge is not None
    assert (suite.judge.field, suite.judge.convention, suite.judge.entrypoint) == ("checker", "testlib", "check.cpp")
    assert dict(suite.judge.files) == {"check.cpp": b"x", "testlib.h": b"y"}
    assert (suite.limits.cpu_seconds, suite.limits.memory_bytes) == (1.5, 64 * 2**20)
    with pytest.raises(BadInput, match=r"problem\.xml"):
        read_suite(files(tmp_path / "broken", **tests, **{"problem.xml": "<problem"}))


@pytest.mark.parametrize(
    "content", [{}, {"readme.txt": "x"}, {"1.in": "x", "points": "many"}, {"1.in": "x", "1.ans": b"\xff"}]
)
def test_tests_that_are_none_are_told(tmp_path: Path, content: dict[str, str | bytes]) -> None:
    with pytest.raises(BadInput):
        read_suite(files(tmp_path, **content))


def test_more_tests_than_one_submission_may_have_are_several() -> None:
    suite = Suite(tuple(SuiteTest(str(number), "", b"", "x") for number in range(2_500)))
    assignment = Assignment(suite, LANGUAGES, None, LimitOverrides())
    requests = assignment.requests({"a.py": b"1"})
    assert [len(request.cases) for request in requests] == [1_000, 1_000, 500]


@pytest.mark.parametrize("names", [("a.py", "b.py"), ("a.txt",), ("a.py", "b.c")])
def test_a_main_file_that_cannot_be_told_is_the_trouble_of_that_person(names: tuple[str, ...]) -> None:
    assignment = Assignment(Suite((SuiteTest("1", "", b"", "x"),)), LANGUAGES, None, LimitOverrides())
    with pytest.raises(BadInput):
        assignment.requests(dict.fromkeys(names, b"1"))


def graded() -> tuple[list[Grade], Suite]:
    suite = Suite((SuiteTest(EVIL, "", b"", "x"),))
    test = GradedTest(name=EVIL, verdict=Verdict.WRONG_ANSWER, message=EVIL, stderr=EVIL + "\x00")
    return [Grade(person=EVIL, digest="", language="python 3", compiler=EVIL, tests=[test])], suite


def test_a_table_a_spreadsheet_and_junit_survive_whatever_a_student_wrote() -> None:
    grades, suite = graded()
    assert "\x1b" not in table(grades, suite)
    assert "\u202e" not in table(grades, suite)
    (head, line) = list(csv.reader(io.StringIO("".join(as_csv(grades, suite)))))
    assert line[0].startswith("'=HYPERLINK")
    assert head[-1].startswith("'=")
    (found,) = ET.fromstring("".join(as_junit(grades, suite)).encode()).iter("failure")
    assert found.get("type") == "wrong_answer"
    assert json.loads("".join(as_json(grades, suite, [])))["grades"][0]["person"] == EVIL


def test_a_page_shows_it_as_text() -> None:
    grades, suite = graded()
    page = "".join(as_page(grades, suite, [], EVIL))
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "default-src 'none'" in page


def test_what_is_kept_is_read_again_but_for_what_was_cut_off_or_failed_by_us(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "state", resume=False)
    good = Grade(person="ada", digest="1", tests=[GradedTest(name="1", verdict=Verdict.OK)])
    ours = Grade(person="bob", digest="2", tests=[GradedTest(name="1", verdict=Verdict.INTERNAL_ERROR)])
    kept.add(good)
    kept.add(ours)
    kept.path.write_text(kept.path.read_text() + '{"person": "eve", "dig')
    again = Kept(kept.path, resume=True)
    assert (again.run, again.has("ada", "1"), again.has("ada", "2")) == (kept.run, True, False)
    assert not again.has("bob", "2")
    again.add(eve := Grade(person="eve", trouble="late"))
    grades = again.grades(["eve", "ada"])
    assert (list(grades), grades[-1], list(grades[:1])) == ([eve, good], good, [eve])
    assert not Kept(kept.path, resume=False).has("ada", "1")
    with pytest.raises(BadInput, match="cannot be written"):
        Kept(tmp_path / "none" / "state", resume=True)


def test_copies_are_found_though_names_have_changed_and_others_are_not() -> None:
    copy = re.sub(r"\bx\b", "value", PROGRAM.replace("sieve", "table").replace("common", "gcd"))
    other = "\n".join(
        f"total{n} = sum(range({n}))\nprint(total{n}, sorted([{n}, 1]))\nwhile total{n}: total{n} -= 1"
        for n in range(9)
    )
    alike = find_alike(
        person(name, a=text.encode()) for name, text in (("ada", PROGRAM), ("bob", copy), ("eve", other))
    )
    assert [(pair.one, pair.other) for pair in alike] == [("ada", "bob")]
    assert find_alike([person("a", a=b"print(1)"), person("b", b=b"print(1)")]) == []


def test_a_spreadsheet_has_texts_and_numbers_and_no_formula() -> None:
    suite = Suite((SuiteTest("1", "", b"", "x"), SuiteTest("=1+1", "", b"", "x")))
    tests = [GradedTest(name="1", verdict=Verdict.OK), GradedTest(name="=1+1", verdict=Verdict.WRONG_ANSWER)]
    grades = [
        Grade(person=EVIL, digest="", language="c gcc", tests=tests, points=1.5),
        Grade(person="nobody", digest="", trouble="@nothing"),
    ]
    with zipfile.ZipFile(io.BytesIO(as_spreadsheet(grades, suite))) as book:
        sheet = ET.fromstring(book.read("xl/worksheets/sheet1.xml"))
        texts = ["".join(one.itertext()) for one in ET.fromstring(book.read("xl/sharedStrings.xml"))]
    name = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
    assert sheet.findall(f".//{name}f") == []
    rows = []
    for row in sheet.iter(f"{name}row"):
        values = [(cell.get("t"), cell.findtext(f"{name}v")) for cell in row]
        rows.append([texts[int(value)] if kind == "s" else float(value) for kind, value in values if value])
    assert rows[0][-2:] == ["1", "=1+1"]
    assert rows[1][2:6] == ["wrong answer", 1.0, 2.0, 1.5]
    assert rows[1][-2:] == ["ok", "wrong answer"]
    assert rows[2][-1] == "@nothing"
    assert "\x1b" not in str(rows[1][0])
