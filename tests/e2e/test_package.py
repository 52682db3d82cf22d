"""The package as pip gives it to a stranger: one wheel, an empty environment, an empty folder.

Of the environment's 70 packages only ours is unpacked: the others are linked from where pip has put
them for the tests, those that our metadata ask for and none besides.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Iterable, Set
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from support import ROOT, RUNNER, Service, is_ready, post, reserved_port, until, write_notebook

LOAD = """
from sklearn.datasets import load_iris
iris = load_iris()
"""
TRAIN = """
from sklearn.svm import SVC
model = SVC().fit(iris.data, iris.target)
"""
FUNCTION = """
import yaml

def parsed(text: str) -> dict[str, int]:
    return yaml.safe_load(text)
"""
SERVE = """
from runner import serve
serve(model, example=dict.fromkeys(iris.feature_names, 1), answer="val")
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built as for an upload: from the source distribution."""
    folder = tmp_path_factory.mktemp("dist")
    words = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(words, check=True, capture_output=True, timeout=100)
    assert len(list(folder.glob("notebook_runner-*.tar.gz"))) == 1
    (built,) = folder.glob("notebook_runner-*-py3-none-any.whl")
    return built


def test_the_wheel_holds_every_file_of_the_package_and_none_besides(wheel: Path) -> None:
    """What is not code comes along too, and no test or notebook of the repository does."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "runner"],
        cwd=ROOT, capture_output=True, text=True, check=True, timeout=30,
    )  # fmt: skip
    ours = {packed_as(name) for name in listed.stdout.split() if (ROOT / name).exists()}
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert packed == ours


def packed_as(name: str) -> str:
    """The name that a file of the package has in the wheel."""
    data = f"notebook_runner-{metadata.version('notebook-runner')}.data/data/"
    placed = name.replace("runner/lab/data/", data)  # goes where Jupyter looks
    return placed.removeprefix("runner/run/entry_point/")


def needed(requirements: Iterable[str], extra: str = "", known: Set[str] = frozenset()) -> set[str]:
    """The packages that some requirements ask for on this system, and those that these ask for."""
    found = set(known)
    for each in map(Requirement, requirements):
        name = canonicalize_name(each.name)
        if name not in found and (each.marker is None or each.marker.evaluate({"extra": extra})):
            assert each.specifier.contains(metadata.version(name)), each
            found.add(name)
            for wanted in each.extras or [""]:
                found |= needed(metadata.requires(name) or (), wanted, found)
    return found


def link(name: str, site: Path) -> None:
    """Link what a package has put into this environment's folder into another's."""
    files = metadata.files(name) or []
    for top in {file.parts[0] for file in files} - {"..", "__pycache__"}:
        if not (site / top).exists():
            (site / top).symlink_to(Path(sysconfig.get_path("platlib")) / top)


def environment(wheel: Path, folder: Path) -> tuple[Path, Path]:
    """An environment with nothing but our wheel: its programs, and where its packages go."""
    programs = folder / "bin"
    venv.create(folder)
    (site,) = folder.glob("lib/python*/site-packages")
    pip = [sys.executable, "-m", "pip", "--python", str(programs / "python")]
    words = [*pip, "install", "--no-compile", "--no-deps", "--no-index", str(wheel)]
    subprocess.run(words, check=True, capture_output=True, timeout=100)
    return programs, site


def test_the_wheel_serves_a_notebook_in_an_empty_environment(wheel: Path, tmp_path: Path) -> None:
    """``pip install 'notebook-runner[serve]'`` is all that serving a model takes."""
    programs, site = environment(wheel, tmp_path / "venv")
    (ours,) = metadata.distributions(path=[str(site)])
    for name in needed(ours.requires or (), "serve"):
        link(name, site)
    assert not (site / "pandas").exists()
    folder = tmp_path / "empty"
    write_notebook(folder / "serve.ipynb", LOAD, TRAIN, SERVE)
    assert answer_of(programs, folder, None) == {"val": 0}


def test_what_an_image_pins_is_all_that_its_notebook_takes(wheel: Path, tmp_path: Path) -> None:
    """One that serves a function and imports a library: neither numpy nor scikit-learn is there."""
    programs, site = environment(wheel, tmp_path / "venv")
    folder = tmp_path / "project"
    write_notebook(folder / "serve.ipynb", FUNCTION, "from runner import serve\nserve(parsed)")
    printed = subprocess.run(
        [*RUNNER, "image", "serve.ipynb", "--show", "requirements"],
        cwd=folder, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    pins = [Requirement(line) for line in printed.stdout.splitlines() if line[0] != "#"]
    for name in {canonicalize_name(pin.name) for pin in pins} - {"notebook-runner"}:
        link(name, site)
    assert not (site / "numpy").exists()
    assert answer_of(programs, folder, b'{"text": "a: 1"}') == {"a": 1}


def answer_of(programs: Path, folder: Path, body: bytes | None) -> Any:
    """What the notebook of a folder answers that an environment serves."""
    port = reserved_port()
    service = Service(
        "serve", "serve.ipynb", "--port", str(port), cwd=folder, program=[str(programs / "runner")]
    )
    try:
        until(lambda: is_ready(port, service), 60)
        status, answer = post(port, body)
        assert status == 200
        assert service.stop() == 0, service.said()
    finally:
        assert service.end() == []
    return answer
