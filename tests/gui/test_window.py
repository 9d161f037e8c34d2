"""The window as a person uses it: every flow against a real node with real sandboxes."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QKeyEvent, QPalette
from PySide6.QtWidgets import QApplication, QTableWidget, QWidget
from pytestqt.qtbot import QtBot

from ccx.gui.editor import is_dark
from ccx.gui.main_page import MainPage
from ccx.gui.model import Case, Document, Workspace
from ccx.gui.window import Window
from ccx.wire import State, Verdict
from tests.gui.conftest import new_window, shown_node, until
from tests.support.node import NodeProcess, StartsNodes, ccx_command, ccx_environment, eventually
from tests.support.picture import png
from tests.support.tokens import token_of

pytestmark = [pytest.mark.docker, pytest.mark.timeout(120)]

Runs = Callable[[Coroutine[Any, Any, Any]], Any]
# Of processor time between two turns of the loop: what the clock says as well depends on who else uses the machine.
LONGEST_HOLD_SECONDS = 0.05


def answered(status: str, kind: str, document: dict[str, object]) -> bytes:
    body = json.dumps(document).encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode() + body


OLD_HEALTH = answered(
    "200 OK", "application/json", {"status": "ok", "node": "old", "engine": "ok", "running": 0, "queued": 0, "slots": 1}
)
OLD_REFUSAL = answered(
    "404 Not Found",
    "application/problem+json",
    {
        "type": "urn:ccx:problem:not-found",
        "title": "There is nothing at this address",
        "status": 404,
        "detail": "None.",
    },
)


def wrote(window: Window, language: str, files: dict[str, str], **fields: Any) -> None:
    documents = [Document(name, content) for name, content in files.items()]
    window.main.show_workspace(Workspace(language, documents, **fields))


async def ran(page: MainPage) -> Verdict | None:
    """Press the button, and wait for the end."""
    page.run_button.click()
    run = page.run
    assert run is not None
    await until(lambda: run.state is State.DONE and page.run_button.isEnabled(), "the run has ended")
    return run.result.verdict if run.result else None


def test_from_the_first_page_to_a_result(window: Window, qtbot: QtBot, session_node: NodeProcess, run: Runs) -> None:
    port = session_node.url.rsplit(":", 1)[1]

    async def flow() -> None:
        window.connection.host.setText("localhost")
        window.connection.port.setText(port)
        qtbot.keyClick(window.connection.port, Qt.Key.Key_Return)
        await until(lambda: window.stack.currentWidget() is window.pages, "it is connected")
        assert await ran(window.main) is Verdict.OK
        assert window.main.output.toPlainText() == "Hello, world!\n"
        assert window.main.verdict.text().startswith("It ran and ended well.")
        assert " of 256 MiB" in window.main.verdict.text()
        assert [window.history.item(0).text().split(" (")[0]] == ["main.py: ok"]
        await window.leave_node()
        assert window.connection.recent.item(0).text() == f"http://localhost:{port}"

    run(flow())


@pytest.mark.parametrize(
    ("host", "port", "sentence"),
    [
        ("no-such-host.invalid", "1", "There is no host of that name."),
        ("127.0.0.1", "FREE", "Nobody listens there"),
        ("127.0.0.1", "OTHER", "it is no ccx node"),
        ("127.0.0.1", "OLD", "of an older version"),
        ("http://", "", "not the address of a node"),
    ],
)
def test_each_way_to_fail_has_a_sentence(window: Window, run: Runs, host: str, port: str, sentence: str) -> None:
    async def flow() -> None:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
            await writer.drain()
            writer.close()

        async def answer_as_of_old(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            head = await reader.readuntil(b"\r\n\r\n")
            writer.write(OLD_HEALTH if b"/healthz" in head else OLD_REFUSAL)
            await writer.drain()
            writer.close()

        other = await asyncio.start_server(answer, "127.0.0.1", 0)
        old = await asyncio.start_server(answer_as_of_old, "127.0.0.1", 0)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            ports = {"FREE": free.getsockname()[1]}
            ports |= {"OTHER": other.sockets[0].getsockname()[1], "OLD": old.sockets[0].getsockname()[1]}
            window.connection.host.setText(host)
            window.connection.port.setText(str(ports.get(port, port)))
            window.connection.button.click()
            await until(lambda: sentence in window.connection.trouble.text(), sentence)
        assert window.stack.currentWidget() is window.connection
        other.close()
        old.close()

    run(flow())


def test_tokens_and_an_authority_that_is_compared_once(
    window: Window, starts_nodes: StartsNodes, tmp_path: Path, run: Runs
) -> None:
    node = starts_nodes(languages="python", CCX_ACCESS="true", CCX_TLS="true")
    token = token_of(node, tmp_path, "ada")
    told = node.line_with("authority's SHA-256 is").split()[-1]

    async def flow() -> None:
        page = window.connection
        page.go(node.url)
        await until(page.trust.isVisible, "it asks whether to trust")
        assert told in page.trouble.text()
        page.trust.click()
        await until(lambda: "asks for a token" in page.trouble.text(), "it asks for a token")
        page.token.setText("ccx_wrong")
        page.trust.click()
        await until(lambda: "does not know this token" in page.trouble.text(), "the token is wrong")
        page.token.setText(token)
        page.trust.click()
        await until(lambda: window.stack.currentWidget() is window.pages, "it is connected")
        assert await ran(window.main) is Verdict.OK
        await window.leave_node()
        page.go(node.url)
        await until(lambda: window.stack.currentWidget() is window.pages, "what was trusted is kept")

    run(flow())
    kept = tmp_path / "config/ccx/credentials.json"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert token not in (tmp_path / "settings.ini").read_text()


@pytest.mark.parametrize(
    ("language", "file", "source", "line"),
    [
        ("c", "main.c", "int main(void) {\n    return nothing;\n}\n", 2),
        ("java", "Main.java", "void main() {\n    IO.println(nothing);\n}\n", 2),
        ("python", "main.py", "print('so far')\n\n1 / 0\n", 3),
    ],
)
def test_what_is_wrong_leads_to_its_line(
    window: Window, session_node: NodeProcess, run: Runs, language: str, file: str, source: str, line: int
) -> None:
    async def flow() -> None:
        await shown_node(window, session_node.url)
        wrote(window, language, {file: source})
        assert await ran(window.main) in {Verdict.COMPILE_ERROR, Verdict.RUNTIME_ERROR}
        assert window.main.problems.count() == 1
        window.main.problems.itemClicked.emit(window.main.problems.item(0))
        assert window.main.editor.textCursor().blockNumber() == line - 1
        assert len(window.main.editor.extraSelections()) == 1

    run(flow())


def test_cases_show_their_verdicts(window: Window, session_node: NodeProcess, run: Runs) -> None:
    async def flow() -> None:
        await shown_node(window, session_node.url)
        cases = [Case("right", "1 2\n", "3\n"), Case("wrong", "1 2\n", "4\n")]
        wrote(window, "python", {"main.py": "print(sum(map(int, input().split())))\n"}, cases=cases)
        assert await ran(window.main) is Verdict.WRONG_ANSWER
        assert column(window.main.cases.table, 3) == ["ok", "wrong answer"]
        assert "is not the expected one" in window.main.verdict.text()

    run(flow())


def test_a_limit_that_is_typed_counts_and_nonsense_is_told(
    window: Window, qtbot: QtBot, session_node: NodeProcess, run: Runs
) -> None:
    async def flow() -> None:
        await shown_node(window, session_node.url)
        wrote(window, "python", {"main.py": "while True: pass\n"})
        qtbot.keyClicks(window.main.limits["cpu_seconds"], "0.3")
        assert await ran(window.main) is Verdict.CPU_TIME_LIMIT
        assert "of 0.3 s CPU" in window.main.verdict.text()
        window.main.limits["cpu_seconds"].clear()
        qtbot.keyClicks(window.main.limits["cpu_seconds"], "soon")
        window.main.run_button.click()
        assert "'soon' is not a number" in window.main.verdict.text()

    run(flow())


def test_a_program_is_stopped_and_what_it_wrote_stays(window: Window, session_node: NodeProcess, run: Runs) -> None:
    async def flow() -> None:
        await shown_node(window, session_node.url)
        wrote(window, "python", {"main.py": "import time\nprint('begun', flush=True)\ntime.sleep(60)\n"})
        window.main.run_button.click()
        await until(lambda: "begun" in window.main.output.toPlainText(), "it writes")
        assert not window.main.run_button.isEnabled()
        window.main.stop_button.click()
        await until(window.main.run_button.isEnabled, "it was stopped")
        assert window.main.verdict.text().startswith("It was stopped.")
        assert window.main.output.toPlainText() == "begun\n"

    run(flow())


def column(table: QTableWidget, at: int) -> list[str]:
    return [item.text() for row in range(table.rowCount()) if (item := table.item(row, at))]


def typed(widget: QWidget, text: str) -> None:
    for letter in text:
        key = Qt.Key.Key_Return if letter == "\n" else Qt.Key(0)
        QApplication.sendEvent(widget, QKeyEvent(QKeyEvent.Type.KeyPress, key, Qt.KeyboardModifier.NoModifier, letter))


def test_a_program_is_typed_to(window: Window, session_node: NodeProcess, run: Runs) -> None:
    async def flow() -> None:
        await shown_node(window, session_node.url)
        wrote(
            window,
            "python",
            {"main.py": "import sys\nname = input('name? ')\nprint('hello', name, sys.stdin.isatty())\n"},
        )
        window.main.in_terminal.setChecked(True)
        window.main.run_button.click()
        terminal = window.main.terminal
        await until(lambda: "name?" in terminal.text(), "it asks")
        typed(terminal, "Ada\n")
        await until(lambda: "hello Ada True" in terminal.text(), "it has heard")
        await until(window.main.run_button.isEnabled, "it has ended")
        assert window.main.verdict.text().startswith("It ran and ended well.")
        wrote(window, "python", {"main.py": "import time\nprint('begun', flush=True)\ntime.sleep(60)\n"})
        window.main.run_button.click()
        await until(lambda: "begun" in terminal.text(), "it runs")
        typed(terminal, "\x03")
        await until(window.main.run_button.isEnabled, "Ctrl-C has ended it")
        assert "KeyboardInterrupt" in terminal.text()

    run(flow())


def test_pictures_are_shown(window: Window, session_node: NodeProcess, run: Runs) -> None:
    async def flow() -> None:
        await shown_node(window, session_node.url)
        wrote(window, "python", {"main.py": png()}, artifacts="dot.png none.txt")
        assert await ran(window.main) is Verdict.OK
        assert [window.main.left_files.files.item(row).text().split(":")[0] for row in range(2)] == [
            "dot.png",
            "none.txt",
        ]
        assert window.main.left_files.picture.pixmap().width() == 1

    run(flow())


def test_the_window_lives_on_while_ten_megabytes_arrive(window: Window, session_node: NodeProcess, run: Runs) -> None:
    async def flow() -> float:
        await shown_node(window, session_node.url)
        wrote(window, "python", {"main.py": "for n in range(200_000): print(n, 'x' * 46)\n"})
        longest = 0.0
        is_over = asyncio.Event()

        async def watch() -> None:
            nonlocal longest
            while not is_over.is_set():
                began = time.thread_time()
                await asyncio.sleep(0)
                longest = max(longest, time.thread_time() - began)
                await asyncio.sleep(0.005)

        watching = asyncio.ensure_future(watch())
        assert await ran(window.main) in {Verdict.OK, Verdict.OUTPUT_LIMIT}
        is_over.set()
        await watching
        assert window.main.output.document().blockCount() <= 20_001
        return longest

    assert run(flow()) < LONGEST_HOLD_SECONDS


def test_curves_run_between_start_and_stop_and_show_where_things_are(
    window: Window, starts_nodes: StartsNodes, run: Runs
) -> None:
    slave = starts_nodes(max_tasks=1, languages="python")
    master = starts_nodes(max_tasks=1, languages="python", CCX_SLAVES=slave.url)

    async def flow() -> None:
        await shown_node(window, master.url)
        window.pages.setCurrentWidget(window.monitor)
        window.monitor.button.click()
        await until(lambda: set(window.monitor.nodes) == {master.name, slave.name}, "both nodes are known")
        assert window.main.client is not None
        for _ in range(3):
            request = Workspace(
                "python", [Document("a.py", "import time\ntime.sleep(30)\n")], wall_seconds="40"
            ).request()
            await window.main.client.submit(request, wait=False)

        def places() -> list[str]:
            return sorted(column(window.monitor.table, 0))

        await until(lambda: places() == sorted(["-", master.name, slave.name]), "each is where it is")
        await until(lambda: len(window.monitor.readings[slave.name]) >= 3, "readings come")
        window.monitor.node.setCurrentText(slave.name)
        assert window.monitor.cpu.getData()[0] is not None
        window.monitor.button.click()
        before = len(window.monitor.readings[slave.name])
        await asyncio.sleep(2)
        assert len(window.monitor.readings[slave.name]) == before
        for line in (await window.main.client.list()).submissions:
            await window.main.client.cancel(line.id)

    run(flow())


def test_a_connection_that_is_lost_is_told_and_the_run_is_taken_up_again(
    window: Window, starts_nodes: StartsNodes, run: Runs
) -> None:
    node = starts_nodes("gui-lost", languages="python", CCX_SHUTDOWN_SECONDS="0")
    port = node.url.rsplit(":", 1)[1]

    async def flow() -> None:
        await shown_node(window, node.url)
        wrote(window, "python", {"main.py": "import time\nprint('begun', flush=True)\ntime.sleep(3)\nprint('over')\n"})
        window.main.run_button.click()
        await until(lambda: "begun" in window.main.output.toPlainText(), "it runs")
        node.process.kill()
        await until(lambda: "connection is lost" in window.main.verdict.text(), "it is told")
        starts_nodes(
            "gui-lost", languages="python", CCX_PORT=port
        )  # not in a thread of qasync's: see ccx.gui.connection
        await until(window.main.run_button.isEnabled, "the next node of that name has gone on with it")
        assert window.main.verdict.text().startswith("It ran and ended well.")
        assert window.main.output.toPlainText() == "begun\nover\n"

    run(flow())


def test_a_node_of_this_computer(window: Window, run: Runs, suite: str) -> None:
    async def flow() -> None:
        window.connection.here.click()
        await until(lambda: window.stack.currentWidget() is window.pages, "it is started")
        assert await ran(window.main) is Verdict.OK
        await window.leave_node()

    run(flow())


def test_files_are_opened_saved_and_read_again(
    window: Window, session_node: NodeProcess, run: Runs, tmp_path: Path
) -> None:
    folder = tmp_path / "project"
    (folder / "lib").mkdir(parents=True)
    (folder / "main.py").write_bytes("# é\nfrom lib.tools import f\nprint(f())\n".encode("latin-1"))
    (folder / "lib/tools.py").write_text("def f(): return 7\n")
    (folder / "1.in").write_text("x")
    (folder / "1.out").write_text("7\n")

    async def flow() -> None:
        await shown_node(window, session_node.url)
        window.main.open_paths([folder])
        names = [window.main.tabs.tabText(at) for at in range(window.main.tabs.count())]
        assert sorted(names) == ["lib/tools.py", "main.py"]
        assert [case.name for case in window.main.workspace.cases] == ["1"]
        window.main.tabs.setCurrentIndex(names.index("main.py"))
        assert "é" in window.main.editor.toPlainText()
        window.main.editor.appendPlainText("# more")
        window.main.save()
        assert (folder / "main.py").read_bytes().decode("latin-1").endswith("# more")
        (folder / "main.py").write_text("print('from outside')\n")
        window.main._look_at_disk()
        assert window.main.editor.toPlainText() == "print('from outside')\n"
        window.main.editor.appendPlainText("mine")
        (folder / "main.py").write_text("print('again')\n")
        future = time.time() + 10
        os.utime(folder / "main.py", (future, future))
        window.main._look_at_disk()
        assert "has changed on the disk" in window.main.note.text()
        assert "mine" in window.main.editor.toPlainText()

    run(flow())


def test_what_was_typed_outlives_the_window(window: Window, run: Runs, tmp_path: Path) -> None:
    async def flow() -> None:
        window.main.editor.setPlainText("precious")
        await until((tmp_path / "window.json").exists, "it is kept beside")

    run(flow())
    assert json.loads((tmp_path / "window.json").read_text())["documents"][0]["content"] == "precious"
    window.close()
    again = new_window(tmp_path)
    assert again.main.editor.toPlainText() == "precious"
    assert again.offer.told.text() == "This is what you wrote last time."
    again.offer.button.click()
    assert again.main.editor.toPlainText() == 'print("Hello, world!")\n'
    again.offer.button.click()
    assert again.main.editor.toPlainText() == "precious"
    again.offer.close_button.click()
    assert again.offer.isHidden()
    again.close()


def test_files_that_are_opened_leave_the_text_of_last_time_to_be_brought_back(window: Window, tmp_path: Path) -> None:
    (tmp_path / "given.py").write_text("print('given')\n")
    window.main.editor.setPlainText("precious")
    window.close()
    killed = new_window(tmp_path)
    killed.open_files([tmp_path / "given.py"])
    assert killed.main.editor.toPlainText() == "print('given')\n"
    killed.close()
    again = new_window(tmp_path)
    assert again.main.editor.toPlainText() == "print('given')\n"
    assert again.offer.told.text() == "What you wrote last time is kept."
    again.offer.button.click()
    assert again.main.editor.toPlainText() == "precious"
    again.close()


def test_two_windows_keep_their_own_text(window: Window, tmp_path: Path) -> None:
    other = new_window(tmp_path)
    window.main.editor.setPlainText("one")
    other.main.editor.setPlainText("two")
    other.close()
    window.close()
    assert [
        json.loads((tmp_path / name).read_text())["documents"][0]["content"]
        for name in ("window.json", "window-2.json")
    ] == ["one", "two"]


def test_colours_follow_a_desktop_that_becomes_dark(window: Window, qapp: QApplication) -> None:
    light = qapp.palette()
    window.stack.setCurrentWidget(window.pages)
    before = window.main.editor.palette().base().color().name()
    qapp.setPalette(QPalette(QColor("#1b2226"), QColor("#20282d")))
    qapp.processEvents()
    try:
        assert is_dark(window.main.editor.palette())
        layout = window.main.editor.document().firstBlock().layout()
        assert layout is not None
        colours = {span.format.foreground().color().name() for span in layout.formats()}
        assert colours == {"#7fd0ea"}
        assert window.monitor.plot.backgroundBrush().color().name() != before
    finally:
        qapp.setPalette(light)


def test_keys_lead_from_pane_to_pane(window: Window, qtbot: QtBot) -> None:
    window.stack.setCurrentWidget(window.pages)
    with qtbot.waitActive(window):
        window.activateWindow()
    window.main.editor.setFocus()
    found = []
    for _ in range(4):
        qtbot.keyClick(window.main, Qt.Key.Key_F6)
        found.append(window.focusWidget().accessibleName())
    assert found == ["Input", "Arguments", "Output", "Source code"]


@pytest.mark.parametrize("kept", ["", "{}", '{"documents": 3}', "nonsense"])
def test_what_was_kept_and_is_broken_does_not_keep_the_window_from_starting(
    qapp: QApplication, loop: object, tmp_path: Path, kept: str
) -> None:
    (tmp_path / "window.json").write_text(kept)
    window = new_window(tmp_path)
    assert window.main.editor.toPlainText() == 'print("Hello, world!")\n'
    window.close()


def test_it_speaks_french_when_it_is_told_to(window: Window, session_node: NodeProcess, run: Runs) -> None:
    async def flow() -> None:
        await shown_node(window, session_node.url)
        window._speak("fr")
        assert window.main.run_button.text() == "▶ Exécuter"
        assert window.stack.currentWidget() is window.pages
        assert await ran(window.main) is Verdict.OK
        assert window.main.verdict.text().startswith("Le programme s\u2019est bien terminé.")

    run(flow())


def test_whoever_hears_instead_of_sees_is_told_names(window: Window) -> None:
    kinds = ("QLineEdit", "QPlainTextEdit", "QListWidget", "QTableWidget", "QComboBox", "Editor", "TerminalView")
    nameless = [
        f"{type(widget).__name__} {widget.placeholderText() if hasattr(widget, 'placeholderText') else ''}"
        for widget in window.findChildren(QWidget)
        if type(widget).__name__ in kinds
        and not widget.accessibleName()
        and widget.objectName() != "qt_spinbox_lineedit"
    ]
    assert nameless == []


def test_it_starts_with_a_node_and_files_and_ends_in_good_order(session_node: NodeProcess, tmp_path: Path) -> None:
    (tmp_path / "given.py").write_text("print('given')\n")
    code = f"""
from pathlib import Path
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
from ccx.gui import app

def look():
    window, = [one for one in application.topLevelWidgets() if type(one).__name__ == "Window"]
    if window.stack.currentWidget() is not window.pages:
        QTimer.singleShot(100, look)
        return
    print(window.main.tabs.tabText(0), window.told.text())
    window.close()

application = QApplication(["ccx"])
QTimer.singleShot(100, look)
raise SystemExit(app.run({session_node.url!r}, [Path("given.py")]))
"""
    folders = {"XDG_CONFIG_HOME": str(tmp_path / "config"), "XDG_STATE_HOME": str(tmp_path / "state")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=ccx_environment(QT_QPA_PLATFORM="offscreen", QT_LOGGING_RULES="*=false", **folders),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"given.py Connected to {session_node.name} ({session_node.url})\n"


@contextmanager
def screen() -> Iterator[str]:
    """A screen without a monitor; its name."""
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", "1280x900x24", "-nolisten", "tcp"]
    server = subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL)
    os.close(write)
    try:
        with os.fdopen(read) as told:
            yield f":{told.readline().strip()}"
    finally:
        server.terminate()
        server.wait()


@contextmanager
def window_on(display: str, folder: Path, *arguments: str) -> Iterator[Callable[..., str]]:
    """`ccx gui` on that screen, and a hand that moves its mouse and presses its keys."""
    folders = {"XDG_CONFIG_HOME": str(folder / "config"), "XDG_STATE_HOME": str(folder / "state")}
    environment = ccx_environment(DISPLAY=display, QT_QPA_PLATFORM="xcb", **folders)
    window = subprocess.Popen(ccx_command("gui", *arguments), env=environment, cwd=folder, stderr=subprocess.PIPE)

    def by_hand(*keys: str) -> str:
        done = subprocess.run(["xdotool", *keys], env=environment, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    try:
        yield by_hand
    finally:
        window.terminate()
        window.communicate(timeout=20)


async def test_a_person_at_a_real_screen(starts_nodes: StartsNodes, tmp_path: Path) -> None:
    node = starts_nodes(languages="python")
    with screen() as display, window_on(display, tmp_path, node.url) as by_hand:
        found = await asyncio.to_thread(by_hand, "search", "--sync", "--onlyvisible", "--name", "^ccx$")
        by_hand("windowfocus", found.splitlines()[0])
        await asyncio.sleep(2)  # until it is connected, which nothing outside of it tells
        by_hand("key", "ctrl+a")
        by_hand("type", "--delay", "20", "print(6 * 7)")
        by_hand("key", "ctrl+Return")
        async with node.client() as client:

            async def has_ended() -> bool:
                return any(line.state is State.DONE for line in (await client.list()).submissions)

            await eventually(has_ended, "what was typed has run")
            line, *more = (await client.list()).submissions
            result = await client.wait(line.id)
    assert (more, result.verdict, result.cases[0].stdout) == ([], Verdict.OK, "42\n")
