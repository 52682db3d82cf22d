"""Which models a notebook reads is known before it runs, as far as its text says it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from runner.notebook.document import Notebook
from runner.notebook.models import loaded_models, model_paths

IMPORTS = """\
import os, pathlib, runner
from pathlib import Path
from runner import load_model, save_model
"""


def declaring(*sources: str, parameters: str = "x = 1") -> Notebook:
    cells = [{"cell_type": "code", "source": text, "metadata": {}} for text in (IMPORTS, *sources)]
    cells[0]["metadata"] = {}
    declared = {"cell_type": "code", "source": parameters, "metadata": {"tags": ["parameters"]}}
    return Notebook(
        path=Path("a.ipynb"), cells=[declared, *cells], kernel_name="python3", language="python"
    )


@pytest.mark.parametrize(
    "source",
    [
        "model, card = load_model('model/a.joblib')",
        "runner.load_model(path='model/a.joblib')",
        "load_model(Path('model') / 'a.joblib')",
        "load_model(pathlib.Path('model', 'a.joblib'))",
        "load_model(os.path.join('model', 'a.joblib'))",
        "MODEL = 'model/a.joblib'\nload_model(MODEL)",
        "FOLDER: Path = Path('model')\nNAME = 'a'\nload_model(FOLDER / f'{NAME}.joblib')",
        "load_model('model/' + 'a.joblib')",
        "%matplotlib inline\ndef get():\n    return load_model('model/a.joblib')",
        "load_model(f'model/{name}.joblib')",
        "load_model(str(file))",
    ],
)
def test_what_is_made_of_texts_is_known(source: str) -> None:
    """Names and parameters, too."""
    document = declaring(source, parameters="name = 'b'\nfile: Path = Path('b')")
    values = {"name": "a", "file": "model/a.joblib"}
    assert loaded_models(document, values) == ["model/a.joblib"]
    assert model_paths(document, values) == {"model/a.joblib": "model/a.joblib"}


@pytest.mark.parametrize(
    "source",
    [
        "load_model(choose())",
        "load_model(f'{a!r}')",
        "a = 'b'\nload_model(f'{a!r}')",
        "a = 'b'\nload_model(f'{a:>9}')",
        "from pathlib import Path\nload_model(Path('a', **names))",
        "load_model()",
        "A = B\nB = A\nload_model(A)",
        "import mlflow\nmlflow.pyfunc.load_model('models:/a/3')",
        "load_model(*args)",
        "load_model(",
    ],
)
def test_what_is_known_only_when_it_runs_is_left_out(source: str) -> None:
    """And so is the function of another library."""
    assert loaded_models(declaring(source), {}) == []


def test_a_parameter_comes_first() -> None:
    """And what it names is listed under its name, not under its path."""
    declared = "model_path = 'm'\nother_path = 'o'\nn_path = 3"
    document = declaring("load_model('a')\nload_model(model_path)", parameters=declared)
    assert loaded_models(document, {}) == ["m", "a"]
    assert loaded_models(document, {"model_path": "given"}) == ["given", "a"]
    assert model_paths(document, {}) == {"model_path": "m", "other_path": "o", "a": "a"}


def test_what_a_notebook_saves_itself_is_not_what_it_waits_for() -> None:
    """A service that trains at its start would be started anew for ever."""
    document = declaring("save_model(model, 'a')\nload_model('a')\nload_model('b')")
    assert loaded_models(document, {}) == ["b"]
    assert set(model_paths(document, {})) == {"a", "b"}


def test_nothing_is_known_of_another_language() -> None:
    """Its cells are not read."""
    document = declaring("load_model('a')")
    assert loaded_models(document, {}) == ["a"]
    assert loaded_models(dataclasses.replace(document, language="R"), {}) == []
