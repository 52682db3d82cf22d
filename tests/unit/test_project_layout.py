"""A new project holds the doctor's rules, and nothing that was there is overwritten."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from support import ROOT

import runner
from runner.doctor.examine import examine, files_to_examine
from runner.project import base_image
from runner.project.layout import lay_out


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(base_image, "with_digest", lambda image: image)


def test_it_is_sound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Notebooks, requirements and dockerfile; all that is copied is there, and pinned."""
    found = lay_out(Path("new/irises"))
    assert found.kept == []
    assert found.written == sorted(found.written, key=found.written.index)
    assert {each.name for each in Path("new/irises").iterdir()} == {*found.written}
    monkeypatch.chdir(tmp_path / "new/irises")
    files = files_to_examine([])
    assert {"train.ipynb", "serve.ipynb", "requirements.txt", "dockerfile"} == {
        each.name for each in files
    }
    assert [one for each in files for one in examine(each)] == []
    asked = [line for line in Path("requirements.txt").read_text().splitlines() if line[0] != "#"]
    assert all("==" in line for line in asked)
    assert f"notebook-runner[serve]=={runner.__version__}" in asked
    dockerfile = Path("dockerfile").read_text()
    assert "COPY requirements.txt" in dockerfile
    assert 'CMD ["runner", "serve", "serve.ipynb"]' in dockerfile


def test_its_containers_are_confined_as_ours() -> None:
    """The compose file says of them what the repository's own does."""
    lay_out(Path())
    ours = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["serve"]
    services = yaml.safe_load(Path("docker-compose.yml").read_text())["services"]
    for service in services.values():
        for key in ("cap_drop", "security_opt", "read_only", "mem_limit", "pids_limit"):
            assert service[key] == ours[key]
    for key in ("ports", "depends_on", "stop_grace_period", "restart"):
        assert services["serve"][key] == ours[key]


def test_the_readme_is_short() -> None:
    """Whoever opens the folder reads it through."""
    lay_out(Path())
    assert len(Path("README.md").read_text().splitlines()) <= 15


def test_nothing_is_overwritten() -> None:
    """What is there is kept, a link that leads nowhere too; the rest is written around it."""
    Path("README.md").write_text("mine")
    Path("Dockerfile").write_text("FROM mine")
    Path(".gitignore").symlink_to("nowhere")
    found = lay_out(Path())
    assert {*found.kept} == {"README.md", "Dockerfile", ".gitignore"}
    assert Path("README.md").read_text() == "mine"
    assert not Path("nowhere").exists()
    assert not Path("dockerfile").exists()
    again = lay_out(Path())
    assert again.written == []
