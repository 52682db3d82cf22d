"""What is asked for is read as pip reads it, and found where a project has it."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.doctor.environment import (
    brought_by,
    distributions_of,
    read_requirements,
    requirements_for,
    version_in_use,
)


def test_requirements_are_read(tmp_path: Path) -> None:
    """Comments, options, extras, markers, hashes and included files."""
    (tmp_path / "more.txt").write_text("-r requirements.txt\nScikit_Learn\n")
    path = tmp_path / "requirements.txt"
    path.write_text(
        "# a\n-r more.txt\n--no-binary :all:\nuvicorn[standard]==0.54.0 ; python_version>'3' # b\n"
        "numpy == 2.4.6 \\\n    --hash=sha256:00\nclick>=8\nbad line\n"
    )
    asked = read_requirements(path)
    assert asked.names() == {"uvicorn", "numpy", "click", "scikit-learn"}
    assert [asked.pin(name) for name in ("uvicorn", "numpy", "click")] == ["0.54.0", "2.4.6", ""]
    assert [line.number for line in asked.lines if line.wanted is None] == [8]


def test_requirements_are_those_of_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The nearest, from the notebook up to the working folder, and none from above that."""
    (tmp_path / "requirements.txt").write_text("outside\n")
    folder = tmp_path / "project"
    (folder / "notebooks/deep").mkdir(parents=True)
    monkeypatch.chdir(folder)
    notebook = folder / "notebooks/deep/a.ipynb"
    assert requirements_for(notebook) is None
    (folder / "requirements.txt").write_text("uvicorn==0.1\n")
    found = requirements_for(notebook)
    assert found is not None
    assert found.names() == {"uvicorn"}
    assert version_in_use("uvicorn", notebook) == "0.1"


def test_modules_have_distributions() -> None:
    """Installed or not, by the name that pip knows."""
    assert distributions_of("sklearn") == {"scikit-learn"}
    assert distributions_of("cv2") == {"opencv-python"}
    assert distributions_of("surely_not_installed") == {"surely-not-installed"}


def test_what_is_brought_along_counts() -> None:
    """Down to what needs need."""
    assert {"uvicorn", "click", "h11"} <= brought_by("uvicorn")
    assert brought_by("surely-not-installed") == {"surely-not-installed"}
