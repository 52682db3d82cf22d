"""What a notebook needs is what it names that is there, and what it imports of one's own."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import write_notebook

from runner.masking.file_names import is_secret_file
from runner.notebook import document as notebook
from runner.project import needs

CELL = """
import json, numpy, mine
from far import thing
text = open("notebooks/data.csv").read() + open("words/") .read() if 0 else "README"
secret = open(".env").read(), open("keys/server.pem"), open("../above.csv"), "words/no.txt"
page = "page.html"
def later():
    import pandas
"""


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "above.csv").touch()
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    files = ["notebooks/data.csv", "notebooks/page.html", "words/a.txt", ".env", "keys/server.pem"]
    files += ["model/m.joblib", "model/m.json", "README", "far/__init__.py", "runs/a/out.ipynb"]
    for name in files:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()
    Path("notebooks/mine.py").write_text("import yaml\nfrom deep import x\n")
    Path("deep.py").write_text("import mine\nimport requests\n")
    Path("far/inner.py").write_text("import scipy.stats\nthis is = no Python")


def found(*cells: str, parameters: str = "") -> needs.Needs:
    path = write_notebook(Path("notebooks/a.ipynb"), *cells, parameters=parameters)
    return needs.needs_of(notebook.read(path))


def test_models_data_and_modules() -> None:
    """A model with its card; files by a path or an ending; modules, and what these import."""
    had = found(
        f"from runner import load_model\nmodel, card = load_model(model_path)\n{CELL}",
        parameters='model_path = "./model/m.joblib"',
    )
    data = ("model/m.joblib", "model/m.json", "notebooks/data.csv", "notebooks/page.html", "words/")
    assert had.data == data
    assert had.modules == ("deep.py", "far/", "notebooks/mine.py")
    assert had.imports == {"numpy", "yaml", "requests", "pandas", "runner"}


def test_secrets_and_what_lies_outside_are_told() -> None:
    """Neither is in an image; what is not there is no word of a path."""
    had = found(CELL)
    said = {remark.partition(" is not put in")[0] for remark in had.remarks}
    assert said == {".env", "keys/server.pem", "../above.csv"}


def test_a_model_that_is_not_there_is_told() -> None:
    """It can be mounted; else the image does not serve."""
    had = found("from runner import load_model\nload_model('model/later.joblib')")
    assert had.data == ()
    (remark,) = had.remarks
    assert remark.startswith("model/later.joblib, which notebooks/a.ipynb loads, is not there")


@pytest.mark.parametrize("text", ["notebooks/", "./", "runs/a/out.ipynb", "/etc/hosts", "a\0/b"])
def test_what_is_no_file_of_the_project_is_left_out(text: str) -> None:
    """The notebook's own folder, what is made anew, what is the machine's."""
    assert found(f"x = {text!r}").data == ()


@pytest.mark.parametrize(
    ("path", "is_secret"),
    [
        (".env", True),
        ("a/.env.local", True),
        ("prod.ENV", True),
        ("id_ed25519", True),
        ("gcp-credentials.json", True),
        (".aws/config", True),
        ("environment.yml", False),
        ("keys.csv", False),
        ("model/iris.joblib", False),
    ],
)
def test_secrets_are_known_by_their_names(path: str, is_secret: bool) -> None:
    """Or by that of a folder they are in."""
    assert is_secret_file(path) is is_secret
