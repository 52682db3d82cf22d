"""``make lab``, really started: JupyterLab, TensorBoard, a terminal, and the end of them all."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from support import ROOT, RUNNER, Service, read_record, reserved_port, states, until
from support.lab_client import TOKEN, ask, log_a_scalar, type_in_a_terminal, wait_for_the_scalar

LAB = "notebooks/examples/lab"
PLOT = f"{LAB}/plot.ipynb"
NEEDED = (
    *("Makefile", "pyproject.toml", "locks/notebook.txt", "locks/lab.txt", "locks/cockpit.txt"),
    *(f"{LAB}/Procfile", f"{LAB}/bashrc"),
)


class Lab(Service):
    """``make lab`` in a folder, on ports of its own."""

    def __init__(self, folder: Path, port: int = 0) -> None:
        self.port, self.tensorboard_port = port or reserved_port(), reserved_port()
        super().__init__(
            f"LAB_PORT={self.port}",
            f"TENSORBOARD_PORT={self.tensorboard_port}",
            cwd=folder,
            program=["make", "lab"],
        )

    def wait_up(self) -> None:
        until(lambda: self._answers(self.port, "/api"), 60)
        until(lambda: self._answers(self.tensorboard_port, "/data/environment"), 60)

    def interrupt(self) -> int:
        """Press Ctrl-C: a terminal sends it to the whole group of processes."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.wait(20)

    def _answers(self, port: int, path: str) -> bool:
        assert self.process.poll() is None, self.said()
        return ask(port, path)[0] == 200


def addresses_of(lab: Lab) -> set[str]:
    """Where its two halves listen."""
    found = []
    for process in lab.family():
        with contextlib.suppress(psutil.NoSuchProcess):  # some are short: it has ended meanwhile
            found += process.net_connections()
    ports = (lab.port, lab.tensorboard_port)
    return {each.laddr.ip for each in found if each.status == "LISTEN" and each.laddr.port in ports}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What ``make lab`` needs of the project, with the environment that is already installed."""
    assert (ROOT / ".venv/lab").exists(), "make test installs what this needs into .venv"
    folder = tmp_path_factory.mktemp("lab")
    for name in NEEDED:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name)
        os.utime(folder / name, (0, 0))  # older than the environment: nothing is installed anew
    (folder / ".venv").symlink_to(ROOT / ".venv")
    return folder


@pytest.fixture
def start_lab(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Lab]]:
    """Start a lab; nothing that it started is left after the test, or the test fails."""
    monkeypatch.setenv("JUPYTER_TOKEN", TOKEN)
    monkeypatch.delenv("PORT", raising=False)
    labs: list[Lab] = []

    def start(port: int = 0) -> Lab:
        labs.append(Lab(folder, port))
        return labs[-1]

    yield start
    assert [process for lab in labs for process in lab.end()] == []


def test_the_lab_is_up_until_it_is_interrupted(folder: Path, start_lab: Callable[..., Lab]) -> None:
    """JupyterLab by its token, a terminal, a kernel, TensorBoard; Ctrl-C leaves nothing.

    Both listen on the loopback interface and nowhere else.
    """
    lab = start_lab()
    lab.wait_up()
    assert addresses_of(lab) == {"127.0.0.1"}
    assert ask(lab.port, "/api/contents")[0] == 403
    status, found = ask(lab.port, "/api/contents", token=TOKEN)
    assert status == 200
    assert {entry["name"] for entry in found["content"]} >= {"notebooks", "runs"}

    assert ask(lab.port, "/lab/extensions/notebook-runner/package.json", token=TOKEN)[0] == 200
    assert ask(lab.port, "/notebook-runner/service?path=no.ipynb", token=TOKEN)[0] == 404

    shown = type_in_a_terminal(
        lab.port, r"""python -c 'import sys; print(f"<{sys.prefix}> {1}")'; echo "<$PORT>" """, "<>"
    )
    (prefix,) = re.findall(r"<(/.*?)> 1", shown)
    assert Path(prefix).resolve() == (ROOT / ".venv").resolve()

    assert ask(lab.port, "/api/kernels", "POST", token=TOKEN)[0] == 201
    until(lab.kernels)
    log_a_scalar(folder / "runs/logs")
    wait_for_the_scalar(lab.tensorboard_port)

    lab.interrupt()
    assert lab.family() == []
    assert "sending SIGKILL" not in lab.said()


def test_termination_ends_the_lab(start_lab: Callable[..., Lab]) -> None:
    """As a supervisor of services ends it."""
    lab = start_lab()
    lab.wait_up()
    lab.stop(signal.SIGTERM)
    until(lambda: lab.family() == [], 20)


def test_a_lab_of_one_half_is_none(start_lab: Callable[..., Lab]) -> None:
    """Where a port is taken, no other is chosen: both end, and the log says which it was."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        lab = start_lab(port)
        assert lab.wait(60) != 0
    assert lab.family() == []
    assert re.search(rf"port {port} is (not available|already in use)", lab.said())


@pytest.mark.parametrize("backend", ["widget", "agg"])
def test_the_drawing_is_touched_without_hands(tmp_path: Path, backend: str) -> None:
    """Headless too its sliders fit anew, its click is answered, and a picture is kept."""
    (tmp_path / PLOT).parent.mkdir(parents=True)
    shutil.copy(ROOT / PLOT, tmp_path / PLOT)
    words = [*RUNNER, "run", PLOT, "-p", "backend", backend]
    subprocess.run(words, cwd=tmp_path, check=True, timeout=60)
    record = read_record(tmp_path / "runs/examples-lab-plot/out.ipynb")
    assert set(states(record).values()) == {"completed"}
    data = {
        cell.id: {key for output in cell.outputs for key in output.get("data", {})}
        for cell in record.cells
        if cell.cell_type == "code"
    }
    assert "image/png" in data["keep-picture"]
    assert "application/vnd.jupyter.widget-view+json" in data["show"]
    widgets = record.metadata.widgets["application/vnd.jupyter.widget-state+json"].state.values()
    names = {widget.model_name for widget in widgets}
    assert "FloatLogSliderModel" in names
    assert ("MPLCanvasModel" in names) == (backend == "widget")
