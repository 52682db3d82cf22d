"""The record says by what it was made, as far as that can be found out."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
import json
from pathlib import Path
from typing import Any

import pytest
from support import write_notebook

from runner.notebook import document as notebook
from runner.notebook.document import Notebook
from runner.record import facts


@pytest.fixture
def document(tmp_path: Path) -> Notebook:
    path = write_notebook(
        tmp_path / "notebooks/a.ipynb",
        "import json\nimport numpy as np, os.path\nfrom sklearn.svm import SVC\n%matplotlib inline",
        "def later():\n    import tqdm",
        "this is no Python",
        parameters='model_path: str = "model/m.joblib"\nother_path = 3\nport: int = 1',
    )
    return notebook.read(path)


def card_at(path: Path, **fields: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"sha256": "ab", "estimator": "SVC()"} | fields))
    return path


def test_the_models_card_is_recorded(document: Notebook, tmp_path: Path) -> None:
    """The card beside the model that a parameter names, found below the project's folder."""
    file = card_at(tmp_path / "model/m.json", metrics={"accuracy": 1.0}, secret="no")
    assert facts.model_cards(document, {}) == {
        "model_path": {
            "card": str(file),
            "sha256": "ab",
            "estimator": "SVC()",
            "metrics": {"accuracy": 1.0},
            "trained_at": None,
        }
    }


def test_a_given_path_goes_before_the_default(document: Notebook, tmp_path: Path) -> None:
    """The card is that of the model which the run uses."""
    card_at(tmp_path / "model/m.json")
    card_at(tmp_path / "model/n.json", sha256="cd")
    cards = facts.model_cards(document, {"model_path": "model/n.joblib"})
    assert cards["model_path"]["sha256"] == "cd"


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"a": 1}'])
def test_what_is_no_card_is_left_out(document: Notebook, tmp_path: Path, content: str) -> None:
    """Any JSON may lie beside a file."""
    card_at(tmp_path / "model/m.json").write_text(content)
    assert facts.model_cards(document, {}) == {}


def test_a_card_that_the_run_wrote_is_told_apart(document: Notebook, tmp_path: Path) -> None:
    """A server keeps the card of its start; that of the end is said beside it if it differs."""
    assert facts.cards_at_end(document, {}, None) == {}
    card_at(tmp_path / "model/m.json")
    later = facts.cards_at_end(document, {}, None)
    assert later["model_cards_at_end"]["model_path"]["sha256"] == "ab"
    assert facts.cards_at_end(document, {}, later["model_cards_at_end"]) == {}


@pytest.mark.parametrize(
    ("markdown", "expected"),
    [
        (["# Serve the `iris` model\n", "\n", "text"], "Serve the `iris` model"),
        (["text\n", "## Second\n", "# First"], "Second"),
        (["```sh\n", "# a comment\n", "```\n", "### Real ###"], "Real"),
        (["#hashtag\n", "    # code"], ""),
        (["#\n", "# Not empty"], "Not empty"),
    ],
)
def test_a_notebook_is_called_by_its_first_heading(
    document: Notebook, markdown: list[str], expected: str
) -> None:
    """The first heading that is no code and not empty is the title."""
    document.cells.insert(0, {"cell_type": "markdown", "metadata": {}, "source": markdown})
    assert facts.title(document) == expected


def test_a_models_hash_is_its_cards_else_its_files(document: Notebook, tmp_path: Path) -> None:
    """The card is believed, since who loads the model checks it; without one the file is read."""
    assert facts.model_sha256(document, {}) == ""
    (tmp_path / "model").mkdir()
    (tmp_path / "model/m.joblib").write_bytes(b"abc")
    assert facts.model_sha256(document, {}) == hashlib.sha256(b"abc").hexdigest()
    card_at(tmp_path / "model/m.json")
    assert facts.model_sha256(document, {}) == "ab"
    assert facts.model_sha256(document, {"model_path": "elsewhere"}) == ""


def test_what_it_asks_for_is_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The block of PEP 723, the lock by its hash, and the versions of what both are about."""
    monkeypatch.chdir(tmp_path)
    text = "# /// script\n# dependencies = ['NumPy>1']\n# requires-python = '>=3.11'\n# ///"
    document = notebook.read(write_notebook(Path("a.ipynb"), text))
    Path("a.ipynb.lock").write_text("version = 1")
    assert facts.asked_for(document) == {
        "script_metadata": {"dependencies": ["NumPy>1"], "requires_python": ">=3.11"},
        "lock": {"file": "a.ipynb.lock", "sha256": hashlib.sha256(b"version = 1").hexdigest()},
    }
    monkeypatch.setattr(facts, "git_facts", lambda *paths: {})
    found = facts.run_facts(document, {}, path=document.path, shown={}, with_packages=True)
    assert found["packages"] == {"NumPy": importlib.metadata.version("numpy")}
    # What lies beside a notebook does not lie beside the copy that is kept of it.
    copy = notebook.read(write_notebook(Path("runs/a/sources/b.ipynb"), text))
    found = facts.run_facts(copy, {}, path=document.path, shown={}, with_packages=False)
    assert found["lock"]["file"] == "a.ipynb.lock"


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["# Title\n\nTells *what*\nit does.\n\nAnd more."], "Tells *what* it does."),
        (["# Title", "It stands by itself."], "It stands by itself."),
        (["# Title\nright below"], "right below"),
        (["# T\n\n- a list\n\n| a | table |\n\n    code\n\n![a picture](x.png)\n\nLast."], "Last."),
        (["# T\n\n```\na fence\n\nin two\n```"], ""),
        (["# T", None, "Behind code."], ""),
        ([], ""),
    ],
)
def test_the_first_paragraph_introduces(
    document: Notebook, cells: list[str | None], expected: str
) -> None:
    """What a reader is told first, before any code; lists, tables and pictures are no prose."""
    kinds = {True: "code", False: "markdown"}
    made = [{"cell_type": kinds[each is None], "source": each or "1"} for each in cells]
    assert facts.introduction(dataclasses.replace(document, cells=made)) == expected


def test_a_long_introduction_is_cut(document: Notebook) -> None:
    """It goes into the environment of the kernel: at a word, and said so."""
    long = {"cell_type": "markdown", "source": "word " * 1_000}
    found = facts.introduction(dataclasses.replace(document, cells=[long]))
    assert len(found) <= 1_002
    assert found.endswith("word …")
