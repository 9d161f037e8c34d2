"""The page as people use it: a real browser, a real node, real sandboxes."""

from __future__ import annotations

import json
import re
import signal
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, Route, expect

from ccx.wire import SubmissionRequest
from tests.support.node import NodeProcess, StartsNodes, submission
from tests.support.picture import png
from tests.support.tokens import token_of
from tests.web.conftest import page_of

pytestmark = [pytest.mark.docker, pytest.mark.timeout(180)]

VERDICT_MILLISECONDS = 30_000
VIEWS = ("/", "/submissions", "/cluster")
ENDLESS = "import time\nprint('begun', flush=True)\ntime.sleep(60)\n"


@pytest.fixture
async def page(browser: Browser, session_node: NodeProcess) -> AsyncIterator[Page]:
    async with page_of(browser, session_node.url) as page:
        yield page


async def write(page: Page, language: str, files: dict[str, str], **program: Any) -> None:
    """Have the page come up with this program, as it does with one that was written before."""
    kept = {"language": language, "files": [{"name": name, "content": text} for name, text in files.items()]} | program
    await page.goto("/")
    await page.evaluate("kept => localStorage.setItem('ccx.program', kept)", json.dumps(kept))
    await page.reload()
    await page.locator(".editor[data-there=true]").wait_for()


async def run(page: Page, sentence: str) -> None:
    """Press the button, and wait for that end."""
    await page.get_by_role("button", name="Run", exact=False).first.click()
    await expect(page.locator(".verdict")).to_contain_text(sentence, timeout=VERDICT_MILLISECONDS)


@pytest.mark.parametrize("language", ["Python", "Java", "C"])
async def test_a_newcomer_runs_the_example_of_each_language(page: Page, language: str) -> None:
    await page.goto("/")
    await page.locator(".editor[data-there=true]").wait_for()
    choice = page.get_by_label("Programming language")
    name = await choice.locator("option", has_text=re.compile(f"^{language} ")).get_attribute("value")
    await choice.select_option(name)
    await run(page, "It ran and ended well.")
    await expect(page.get_by_role("log")).to_have_text("Hello, world!\n")
    await expect(page.locator(".used")).to_contain_text(re.compile(r"\d of \d+ MiB"))


async def test_what_is_typed_is_run_by_the_keyboard_alone(page: Page) -> None:
    await write(page, "python", {"main.py": ""})
    await page.locator(".editor").click()
    await page.keyboard.type("print(6 * 7)")
    await page.keyboard.press("Control+Enter")
    await expect(page.get_by_role("log")).to_have_text("42\n")
    await page.reload()
    await expect(page.locator(".cm-content")).to_contain_text("print(6 * 7)")


async def test_errors_of_the_compiler_are_marks_at_their_lines(page: Page) -> None:
    await write(page, "c", {"main.c": "int main(void) {\n    return nothing;\n}\n"})
    await run(page, "The compiler did not accept it.")
    await expect(page.locator(".cm-lint-marker-error")).to_have_count(1)
    await page.get_by_role("button", name="main.c:2:12").first.click()
    await expect(page.locator(".cm-lineNumbers .cm-activeLineGutter")).to_have_text("2")


async def test_a_traceback_marks_the_line_that_failed(page: Page) -> None:
    await write(page, "python", {"main.py": "import helper\nhelper.fail()\n", "helper.py": "def fail():\n    1 / 0\n"})
    await run(page, "It ended with an error.")
    await page.get_by_role("tab", name="helper.py").click()
    await expect(page.locator(".cm-lint-marker-error")).to_have_count(1)


async def test_a_wrong_answer_shows_the_first_difference_side_by_side(page: Page) -> None:
    cases = [
        {"name": "small", "stdin": "1 2\n", "expected": "3\n"},
        {"name": "wrong", "stdin": "2 2\n", "expected": "first\nfive\n"},
    ]
    await write(page, "python", {"main.py": "print(sum(map(int, input().split())))\n"}, cases=cases)
    await run(page, "its output is not the expected one")
    await expect(page.locator("table.cases tbody tr")).to_have_text(
        [re.compile("smallok"), re.compile("wrongwrong answer")]
    )
    await expect(page.locator(".difference")).to_contain_text("The first difference is in line 1.")
    await expect(page.locator(".different")).to_have_text([re.compile("first"), re.compile("4")])


async def test_pairs_of_files_become_cases(page: Page, tmp_path: Path) -> None:
    files = {"1.in": "1 2\n", "1.ans": "3\n", "sum.py": "print(sum(map(int, input().split())))\n"}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    await page.goto("/")
    await page.locator(".editor[data-there=true]").wait_for()
    await page.locator("input[type=file]").set_input_files([tmp_path / name for name in files])
    await expect(page.get_by_role("tab")).to_have_text(["sum.py"])
    await run(page, "It ran and ended well.")


@pytest.mark.parametrize(
    ("program", "limits", "sentence"),
    [
        ("while True: pass", {"cpu_seconds": "0.5"}, "It computed for too long"),
        ("import time; time.sleep(9)", {"wall_seconds": "0.5"}, "It took too long on the clock"),
        ("x = bytearray(1 << 30)", {"memory_bytes": "64"}, "It needed more memory"),
    ],
)
async def test_a_limit_is_told_in_a_sentence(page: Page, program: str, limits: dict[str, str], sentence: str) -> None:
    await write(page, "python", {"main.py": program}, limits=limits)
    await run(page, sentence)


async def test_a_picture_that_a_program_leaves_is_shown_and_what_is_missing_is_told(page: Page) -> None:
    await write(page, "python", {"main.py": png()}, artifacts="dot.png none.txt")
    await run(page, "It ran and ended well.")
    picture = page.get_by_role("img", name="dot.png")
    await expect(picture).to_be_visible()
    assert await picture.evaluate("image => image.naturalWidth") == 1
    await expect(page.locator(".artifacts")).to_contain_text("none.txt:")


async def test_a_program_is_typed_to_in_a_terminal(page: Page) -> None:
    source = "import os\nname = input('name? ')\nprint('hello', name, os.get_terminal_size().columns > 20)\n"
    await write(page, "python", {"main.py": source}, terminal=True)
    await page.get_by_role("button", name="Run", exact=False).first.click()
    await expect(page.locator(".xterm-rows")).to_contain_text("name?")
    await page.keyboard.type("Ada\n")
    await expect(page.locator(".xterm-rows")).to_contain_text("hello Ada True")
    await expect(page.locator(".verdict")).to_contain_text("It ran and ended well.")
    shown = await page.locator(".xterm-rows > div").first.evaluate("row => row.getBoundingClientRect().height")
    assert shown > 10, "the terminal's own styles count"


async def test_ctrl_c_ends_a_program_in_the_terminal(page: Page) -> None:
    await write(page, "python", {"main.py": ENDLESS}, terminal=True)
    await page.get_by_role("button", name="Run", exact=False).first.click()
    await expect(page.locator(".xterm-rows")).to_contain_text("begun")
    await page.keyboard.press("Control+c")
    await expect(page.locator(".verdict")).to_contain_text("It ended with an error.")


async def test_a_program_is_stopped_and_what_it_wrote_is_kept(page: Page) -> None:
    await write(page, "python", {"main.py": ENDLESS}, limits={"wall_seconds": "30"})
    await page.get_by_role("button", name="Run", exact=False).first.click()
    await expect(page.get_by_role("log")).to_have_text("begun\n")
    await page.get_by_role("button", name="Stop").click()
    await expect(page.locator(".verdict")).to_contain_text("It was stopped.")
    await expect(page.get_by_role("log")).to_have_text("begun\n")


async def test_ten_megabytes_of_output_do_not_freeze_the_page(page: Page) -> None:
    source = "for number in range(200_000): print(number, 'x' * 46)\n"
    await write(page, "python", {"main.py": source}, limits={"output_bytes": str(16 * 2**20)})
    await page.evaluate(
        "() => { window.longest = 0; new PerformanceObserver(list => list.getEntries().forEach(entry =>"
        " window.longest = Math.max(window.longest, entry.duration))).observe({entryTypes: ['longtask']}) }"
    )
    await run(page, "It ran and ended well.")
    await expect(page.get_by_role("log")).to_contain_text("199999 x")
    await expect(page.locator(".note", has_text="Only the end is shown")).to_be_visible()
    assert await page.evaluate("window.longest") < 1_000


async def test_a_submission_of_another_client_is_shown_with_its_source_and_run_again(
    page: Page, session_node: NodeProcess
) -> None:
    asked = submission("python", "import sys\nprint(input(), sys.argv[1:])\n", stdin="typed", args=["a b", "c"])
    async with session_node.client() as client:
        sent = await client.submit(asked)
        assert await client.request(sent.id) == asked
    await page.goto(f"/s/{sent.id}")
    await expect(page.get_by_role("article")).to_contain_text("print(input(), sys.argv[1:])")
    await page.get_by_role("button", name="Run again", exact=True).click()
    await expect(page.get_by_role("log")).to_have_text("typed ['a b', 'c']\n")


async def test_a_submission_has_a_page_of_its_own(page: Page) -> None:
    await write(page, "python", {"main.py": "print('mine')\n"})
    await run(page, "It ran and ended well.")
    await page.get_by_role("link", name=re.compile("Submission …")).click()
    await expect(page.locator(".timeline li")).to_have_text(
        [re.compile("accepted"), re.compile("started on"), re.compile("ended: ok")]
    )
    await expect(page.get_by_role("log")).to_have_text("mine\n")
    await expect(page.get_by_role("article")).to_contain_text("print('mine')")
    await page.reload()
    await expect(page.get_by_role("log")).to_have_text("mine\n")
    await page.get_by_role("button", name="Edit and run again").click()
    await expect(page.locator(".cm-content")).to_contain_text("print('mine')")
    await page.goto(f"/s/{'0' * 32}")
    await expect(page.get_by_role("alert")).to_contain_text("There is no such submission here")


async def test_a_verdict_of_a_later_release_is_said_by_its_name(page: Page, session_node: NodeProcess) -> None:
    async with session_node.client() as client:
        ended = await client.submit(submission("python", "raise SystemExit(3)"))

    async def later(route: Route) -> None:
        answer = await route.fetch()
        await route.fulfill(response=answer, body=(await answer.text()).replace('"runtime_error"', '"tea_pot"'))

    await page.route("**/v1/submissions**", later)
    await page.goto("/submissions")
    await expect(page.locator("tbody tr").filter(has_text=ended.id[-6:])).to_contain_text("tea pot")
    await page.goto(f"/s/{ended.id}")
    await expect(page.locator(".verdict")).to_contain_text("tea pot It exited with status 3.")
    await page.unroute_all(behavior="wait")


async def test_the_list_is_live_and_filtered(page: Page, session_node: NodeProcess, browser: Browser) -> None:
    await page.goto("/submissions")
    async with page.expect_response(lambda answer: "verdict=runtime_error" in answer.url) as listed:
        await page.get_by_label("Verdict").select_option("runtime_error")
    before = len((await (await listed.value).json())["submissions"])
    await expect(page.locator("tbody tr")).to_have_count(before)
    await expect(page.locator("tbody td.good")).to_have_count(0)
    async with page_of(browser, session_node.url) as other:
        for program, sentence in (("raise SystemExit(3)", "with an error"), ("print(1)", "ended well")):
            await write(other, "python", {"main.py": program})
            await run(other, sentence)
    await expect(page.locator("tbody tr")).to_have_count(min(before + 1, 500))
    await expect(page.locator("tbody tr").first).to_contain_text("runtime error")


async def test_overflow_and_a_slave_that_is_killed_are_seen(starts_nodes: StartsNodes, browser: Browser) -> None:
    slave = starts_nodes(max_tasks=2, languages="python")
    master = starts_nodes(max_tasks=1, languages="python", CCX_SLAVES=slave.url)
    async with page_of(browser, master.url) as page, master.client() as client:
        await page.goto("/cluster")
        await expect(page.locator(".card")).to_have_count(2)
        await expect(page.locator(".card.ok")).to_have_count(2)
        for _ in range(4):
            await client.submit(submission_of(ENDLESS), wait=False)
        lanes = {
            name: page.get_by_role("list", name=name).locator(".chip:not(.free)") for name in (master.name, slave.name)
        }
        await expect(lanes[master.name]).to_have_count(1)
        await expect(lanes[slave.name]).to_have_count(2)
        await expect(page.get_by_role("list", name="Waiting here").locator(".chip")).to_have_count(1)
        slave.process.send_signal(signal.SIGKILL)
        await expect(page.locator(".card.ok")).to_have_count(1)
        await expect(page.get_by_role("list", name="Waiting here").locator(".chip")).to_have_count(3)
        for line in (await client.list()).submissions:
            await client.cancel(line.id)
    starts_nodes(slave.name, languages="python")  # clears away what the one that was killed has left


def submission_of(source: str) -> SubmissionRequest:
    return submission("python", source, limits={"wall_seconds": 60})


async def test_an_operator_drains_a_node_and_has_it_back(starts_nodes: StartsNodes, browser: Browser) -> None:
    node = starts_nodes(languages="python")
    async with page_of(browser, node.url) as page:
        await page.goto("/cluster")
        await page.get_by_role("button", name="Drain").click()
        await expect(page.locator(".card.draining")).to_have_count(1)
        await page.get_by_role("button", name="Take work again").click()
        await expect(page.locator(".card.ok")).to_have_count(1)


async def test_curves_are_drawn_until_they_are_stopped(page: Page) -> None:
    await page.goto("/cluster")
    await expect(page.locator(".curve canvas")).to_have_count(1)
    await page.get_by_role("button", name="Stop the curves").click()
    await expect(page.locator(".curve")).to_have_count(0)


async def test_a_node_that_is_restarted_is_told_of_and_taken_up_again(
    starts_nodes: StartsNodes, browser: Browser
) -> None:
    node = starts_nodes("page-restarted", languages="python")
    port = node.url.rsplit(":", 1)[1]
    async with page_of(browser, node.url, is_cut_off=True) as page:
        await write(page, "python", {"main.py": "print('again')\n"})
        node.stop()
        await expect(page.get_by_role("status")).to_contain_text("The node does not answer.")
        starts_nodes("page-restarted", languages="python", CCX_PORT=port)
        await expect(page.get_by_role("status")).to_have_text("")
        await run(page, "It ran and ended well.")


async def test_signing_in_and_out_and_the_link_of_another_user(
    starts_nodes: StartsNodes, browser: Browser, tmp_path: Path
) -> None:
    node = starts_nodes(languages="python", CCX_ACCESS="true")
    alice, bob = [token_of(node, tmp_path, name) for name in ("alice", "bob")]
    async with page_of(browser, node.url) as page:
        await page.goto("/")
        await page.get_by_label("Token").fill("ccx_wrong")
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.get_by_role("alert")).to_have_text("The token is mistyped or cut off.")
        await page.get_by_label("Token").fill(alice)
        await page.get_by_role("button", name="Sign in").click()
        await page.locator(".editor[data-there=true]").wait_for()
        await expect(page.locator(".who")).to_contain_text("alice")
        await run(page, "It ran and ended well.")
        link = await page.get_by_role("link", name=re.compile("Submission …")).get_attribute("href")
        await page.goto("/cluster")
        await expect(page.locator(".card")).to_have_count(1)
        await expect(page.get_by_role("button", name="Drain")).to_have_count(0)
        await page.get_by_role("button", name="Sign out").click()
        await expect(page.get_by_label("Token")).to_be_visible()
        await page.get_by_label("Token").fill(bob)
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.locator(".who")).to_contain_text("bob")
        await page.goto(link or "")
        await expect(page.get_by_role("alert")).to_contain_text("There is no such submission here")
        await page.goto("/submissions")
        await expect(page.locator("main")).to_contain_text("There is none yet.")


async def test_it_speaks_french_where_the_browser_does_and_when_it_is_told_to(
    browser: Browser, session_node: NodeProcess
) -> None:
    async with page_of(browser, session_node.url, locale="fr-FR") as page:
        await page.goto("/")
        await expect(page.get_by_role("button", name="Exécuter")).to_be_visible()
        assert await page.evaluate("document.documentElement.lang") == "fr"
        await page.get_by_label("Langue de cette page").select_option("en")
        await expect(page.get_by_role("button", name="Run", exact=False).first).to_be_visible()
        await page.reload()
        await expect(page.get_by_role("button", name="Run", exact=False).first).to_be_visible()


def test_every_word_is_there_in_every_language() -> None:
    folder = Path(__file__).parents[2] / "client/ccx/words"
    words = {file.stem: json.loads(file.read_text()) for file in folder.glob("*.json")}
    assert set(words) == {"en", "fr"}
    assert list(words["en"]) == list(words["fr"])
    gaps = {
        name: {key: sorted(re.findall(r"\{\w+\}", text)) for key, text in found.items()}
        for name, found in words.items()
    }
    assert gaps["en"] == gaps["fr"]


@pytest.mark.parametrize("width", [375, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_it_is_readable_for_everybody_in_both_themes(
    browser: Browser, session_node: NodeProcess, scheme: str, width: int
) -> None:
    async with page_of(
        browser, session_node.url, color_scheme=scheme, viewport={"width": width, "height": 800}
    ) as page:
        source = "import sys\nprint('x' * 300)\nprint('oh', file=sys.stderr)\nraise SystemExit(1)  # why\n"
        await write(
            page,
            "python",
            {"a_rather_long_name_of_a_file.py": source},
            cases=[{"name": "1", "stdin": "", "expected": "y"}],
        )
        await run(page, "It ended with an error.")
        link = await page.get_by_role("link", name=re.compile("Submission …")).get_attribute("href") or ""
        for view in (None, link, *VIEWS[1:]):
            if view is not None:
                await page.goto(view)
                await page.locator("h1").first.wait_for()
            found = await Axe().run(page, options={"resultTypes": ["violations"]})
            serious = [
                (rule["id"], [node["html"][:120] for node in rule["nodes"]][:3])
                for rule in found.response["violations"]
                if rule["impact"] in {"serious", "critical"}
            ]
            assert serious == [], view
            overflow = await page.evaluate(
                "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            )
            assert overflow <= 0, view


async def test_the_shell_is_small_and_the_rest_comes_when_it_is_asked_for(page: Page) -> None:
    sizes: dict[str, int] = {}

    async def weigh(response: Any) -> None:
        if "/assets/" in response.url:
            sizes[response.url.rsplit("/", 1)[1]] = len(zlib.compress(await response.body()))

    page.on("response", weigh)
    await page.goto("/submissions")
    await page.locator("h1").wait_for()
    assert not any(name.startswith(("editor", "terminal", "chart")) for name in sizes)
    assert 0 < sum(sizes.values()) < 250_000


async def test_what_the_page_may_do_is_said_without_exceptions(page: Page) -> None:
    answer = await page.goto("/")
    assert answer is not None
    policy = answer.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert answer.headers["cache-control"] == "no-cache"


async def test_a_hostile_name_and_output_are_text(page: Page) -> None:
    evil = "<img src=x onerror=alert(1)>"
    await write(page, "python", {"main.py": f"print({evil!r})\n"}, cases=[{"name": evil, "stdin": "", "expected": ""}])
    await run(page, "It ran and ended well.")
    await expect(page.get_by_role("log")).to_have_text(f"{evil}\n")
    assert await page.locator("img[src=x]").count() == 0
