"""What `runner init` lays out runs as it stands."""

from __future__ import annotations

import subprocess
from pathlib import Path

from support import RUNNER, Service, post


def test_a_new_project_trains_and_serves(tmp_path: Path, port: int) -> None:
    """By the commands that it says come next; then an image has the model that was trained."""
    laid = run("init", "irises", folder=tmp_path)
    steps = laid.partition("next:\n")[2].split("\n")
    assert [step.strip() for step in steps[:3]] == [
        "cd irises",
        "runner run train.ipynb",
        "runner serve serve.ipynb --reload",
    ]
    project = tmp_path / "irises"
    run(*steps[1].split()[1:], folder=project)
    service = Service(*steps[2].split()[1:], "--port", str(port), cwd=project)
    try:
        service.wait_ready(port, 60)
        assert post(port) == (200, {"prediction": 0, "class": "setosa"})
        assert service.stop() == 0, service.said()
    finally:
        assert service.end() == []
    run("image", "serve.ipynb", "train.ipynb", "--write", folder=project)
    assert "model/model.joblib model/model.json model/" in (project / "dockerfile").read_text()


def run(*words: str, folder: Path) -> str:
    done = subprocess.run(
        [*RUNNER, *words], cwd=folder, capture_output=True, text=True, check=False, timeout=100
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
