"""Fixtures that every test may ask for."""

from __future__ import annotations

import fcntl
import functools
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from leftovers import leave_nothing
from support import ROOT, RUNNER, Service, reserved_port

from runner.record import git
from runner.record.folders import default_out

# Several workers share the cores: threads that wait for each other must not spin.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# What a platform or a developer's shell says of another service is none of ours.
for name in ("PORT", "AIP_HTTP_PORT", "AIP_HEALTH_ROUTE", "K_SERVICE", "RUNNER_NOTEBOOK"):
    os.environ.pop(name, None)

# Who started us by `nohup` meant us, and none of the processes whose terminals tests close.
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_configure() -> None:
    """Let no test's process outlive us, also where no fixture comes to end it."""
    leave_nothing()


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the workers of this session share."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


def made_once(folder: Path, make: Callable[[Path], None]) -> Path:
    """Make a folder unless another worker has; wait while one does, and try again if it failed."""
    done = folder.with_suffix(".done")
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)
            make(folder)
            done.touch()
    return folder


def new_project(folder: Path) -> None:
    """Make a folder like the project's, without a model."""
    shutil.copytree(ROOT / "notebooks", folder / "notebooks")
    (folder / "model").mkdir()


def run_in(folder: Path, notebook: str) -> None:
    """Run a notebook where a download would fail."""
    nowhere = f"http://127.0.0.1:{reserved_port()}"
    environ = {**os.environ, "http_proxy": nowhere, "https_proxy": nowhere}
    subprocess.run([*RUNNER, "run", notebook], cwd=folder, env=environ, check=True, timeout=100)


@pytest.fixture(scope="session")
def trained(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like the project's, with a model that its own train notebook has made."""

    def make(folder: Path) -> None:
        new_project(folder)
        run_in(folder, "notebooks/train.ipynb")

    own = tmp_path_factory.mktemp("trained")
    return shutil.copytree(made_once(shared / "trained", make), own, dirs_exist_ok=True)


@pytest.fixture(scope="session")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like the project's, for its examples; no model is there until it is trained."""
    new_project(folder := tmp_path_factory.mktemp("gallery"))
    return folder


@pytest.fixture(scope="session")
def train_example(shared: Path, gallery: Path) -> Callable[[str], Path]:
    """Execute an example's train notebook, once in all tests, and give its record."""

    @functools.cache
    def train(name: str) -> Path:
        notebook = f"notebooks/examples/{name}/train.ipynb"

        def make(folder: Path) -> None:
            new_project(folder)
            run_in(folder, notebook)

        made = made_once(shared / f"example-{name}", make)
        for part in ("model", "runs"):
            shutil.copytree(made / part, gallery / part, symlinks=True, dirs_exist_ok=True)
        return gallery / default_out(Path(notebook))

    return train


@pytest.fixture(scope="session")
def digits(gallery: Path, train_example: Callable[[str], Path]) -> Path:
    """A folder with the model of handwritten digits, as their train notebook has made it."""
    train_example("digits")
    return gallery


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium as the system has it; nothing is downloaded."""
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium") or shutil.which("google-chrome")
    assert program, "Chromium is missing; Debian and Ubuntu have it: apt-get install chromium"
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def project(trained: Path, tmp_path: Path) -> Path:
    """A copy of ``trained`` that a test may spoil."""
    folder = tmp_path / "project"
    shutil.copytree(trained, folder, ignore=shutil.ignore_patterns("runs"))
    return folder


@pytest.fixture
def patient_git(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for git as long as a busy machine makes it take."""
    monkeypatch.setattr(git, "_DEADLINE", 30.0)


@pytest.fixture
def port() -> int:
    """A TCP port that nobody else gets."""
    return reserved_port()


@pytest.fixture
def start(project: Path) -> Iterator[type[Service]]:
    """``Service``, whose processes are all gone after the test or the test fails."""
    started: list[Service] = []

    class Started(Service):
        def __init__(
            self, *words: str, cwd: Path = project, program: Sequence[str] = RUNNER
        ) -> None:
            super().__init__(*words, cwd=cwd, program=program)
            started.append(self)

    try:
        yield Started
    finally:
        left = [process for service in started for process in service.end()]
        assert not left, f"processes were left behind: {left}"
