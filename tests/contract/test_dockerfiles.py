"""Our own dockerfile and those that are printed say the same in the same words, and well."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support import ROOT, write_notebook

from runner.doctor.dockerfile import Stage, read_dockerfile
from runner.project import base_image
from runner.project.image import Shown, image_of


@pytest.fixture
def printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(base_image, "with_digest", lambda image: image)
    for name in ("model.joblib", "model.json", "a b.csv"):
        Path(name).touch()
    source = (
        "import numpy\nfrom runner import load_model\nload_model('model.joblib')\nopen('a b.csv')"
    )
    image = image_of([write_notebook(Path("nb/serve.ipynb"), source)])
    file = tmp_path / "dockerfile"
    file.write_text(image.text(Shown.DOCKERFILE))
    return file


def slim() -> Stage:
    return next(one for one in read_dockerfile(ROOT / "dockerfile").stages if one.name == "slim")


@pytest.mark.parametrize("word", ["WORKDIR", "USER", "ENV", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT"])
def test_what_is_printed_is_our_own_slim_image(word: str, printed: Path) -> None:
    """Whoever mends the one mends the other."""
    (stage,) = read_dockerfile(printed).stages
    ours, theirs = slim().last(word), stage.last(word)
    assert ours
    assert theirs
    assert theirs.value == ours.value


def test_the_system_is_prepared_alike(printed: Path) -> None:
    """The same packages, the same user, the same bytecode."""
    (stage,) = read_dockerfile(printed).stages
    ours, theirs = (
        next(each.value.split() for each in one.instructions if each.word == "RUN")
        for one in (slim(), stage)
    )
    assert theirs == ours


@pytest.mark.skipif(sys.platform != "linux", reason="hadolint is installed on Linux only")
def test_hadolint_finds_nothing(printed: Path) -> None:
    """Neither in what is printed, nor in our own but for versions of the system's packages."""
    hadolint = shutil.which("hadolint", path=str(Path(sys.executable).parent))
    assert hadolint
    for words in ([str(printed)], ["--ignore", "DL3008", str(ROOT / "dockerfile")]):
        done = subprocess.run(
            [hadolint, "--no-color", *words],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert (done.stdout, done.returncode) == ("", 0)
