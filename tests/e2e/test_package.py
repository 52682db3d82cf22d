"""The package as pip gives it to a stranger: one wheel, an empty environment, an empty folder."""

from __future__ import annotations

import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest
from support import ROOT, Service, post, reserved_port, write_notebook

pytestmark = pytest.mark.timeout(900)  # it installs 70 packages

LOAD = """
from sklearn.datasets import load_iris
iris = load_iris()
"""
TRAIN = """
from sklearn.svm import SVC
model = SVC().fit(iris.data, iris.target)
"""
SERVE = """
from runner import serve
serve(model, example=dict.fromkeys(iris.feature_names, 1), answer="val")
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built as for an upload: from the source distribution."""
    folder = tmp_path_factory.mktemp("dist")
    words = [sys.executable, "-m", "build", "--outdir", str(folder), str(ROOT)]
    subprocess.run(words, check=True, capture_output=True, timeout=300)
    assert len(list(folder.glob("notebook_runner-*.tar.gz"))) == 1
    (built,) = folder.glob("notebook_runner-*-py3-none-any.whl")
    return built


def test_the_wheel_holds_every_file_of_the_package_and_none_besides(wheel: Path) -> None:
    """What is not code comes along too, and no test or notebook of the repository does."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "runner"],
        cwd=ROOT, capture_output=True, text=True, check=True, timeout=30,
    )  # fmt: skip
    ours = {
        name.removeprefix("runner/run/entry_point/")
        for name in listed.stdout.split()
        if (ROOT / name).exists()
    }
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert packed == ours


def test_the_wheel_serves_a_notebook_in_an_empty_environment(wheel: Path, tmp_path: Path) -> None:
    """``pip install 'notebook-runner[serve]'`` is all that serving a model takes."""
    programs = tmp_path / "venv" / "bin"
    venv.create(programs.parent)
    # The constraint saves pip its search, and the test from whatever was uploaded today.
    known = ["--constraint", str(ROOT / "requirements.txt")]
    pip = [sys.executable, "-m", "pip", "--python", programs / "python", "install"]
    words = [*pip, "--no-compile", *known, f"{wheel}[serve]"]
    subprocess.run(words, check=True, capture_output=True, timeout=600)
    folder = tmp_path / "empty"
    write_notebook(folder / "serve.ipynb", LOAD, TRAIN, SERVE)
    port = reserved_port()
    service = Service(
        "serve", "serve.ipynb", "--port", str(port), cwd=folder, program=[str(programs / "runner")]
    )
    try:
        service.wait_ready(port, 60)
        assert post(port) == (200, {"val": 0})
        assert service.stop() == 0, service.said()
    finally:
        left = service.end()
    assert left == []
