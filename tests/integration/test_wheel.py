"""What is installed elsewhere: a wheel and a source distribution, without the folder that they were made in."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

from tests.support.node import ccx_environment

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.docker
DEADLINE_SECONDS = 110


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    command: list[str | Path] = [sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT]
    subprocess.run(command, check=True, capture_output=True, timeout=DEADLINE_SECONDS)
    return folder


def test_hello_runs_from_an_installed_wheel(images: None, dist: Path, tmp_path: Path) -> None:
    environment = tmp_path / "environment"
    venv.create(environment, with_pip=False)
    python = environment / "bin/python"
    (wheel,) = dist.glob("*.whl")
    pip: list[str | Path] = [sys.executable, "-m", "pip", "--quiet", "--python", python]
    subprocess.run([*pip, "install", "--no-deps", "--no-index", wheel], check=True, timeout=DEADLINE_SECONDS)
    # The dependencies are those of the suite. A .pth file in their folder, such as that of this checkout, counts not.
    (site,) = environment.glob("lib/*/site-packages")
    (site / "dependencies.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    (tmp_path / "hello.c").write_text('#include <stdio.h>\nint main(void) { puts("hello"); }\n')
    without_checkout = {name: value for name, value in ccx_environment().items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [environment / "bin/ccx", "run", "-q", "hello.c"],
        cwd=tmp_path,
        env=without_checkout,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
        check=False,
    )
    assert (done.stdout, done.stderr, done.returncode) == ("hello\n", "", 0)


def test_a_wheel_brings_the_page_along(dist: Path) -> None:
    (wheel,) = dist.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    page = "ccx_orchestrator/dashboard/static"
    assert f"{page}/index.html" in names
    assert any(name.startswith(f"{page}/assets/index-") for name in names)
    assert not any("node_modules" in name for name in names)


def test_a_source_distribution_has_what_a_wheel_is_made_of(dist: Path) -> None:
    (source,) = dist.glob("*.tar.gz")
    with tarfile.open(source) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    wanted = {"pyproject.toml", "LICENSE", "README.md", "client/ccx/cli/main.py", "images/c/language.toml"}
    assert wanted <= names
