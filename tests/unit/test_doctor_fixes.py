"""--fix mends what it is plain how to mend, and not a byte besides."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from support import ROOT

from runner.cli import main

INDENTS: list[int | None] = [1, 2, None]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def fix(name: str) -> Result:
    return CliRunner().invoke(main.commands, ["doctor", name, "--fix"], standalone_mode=False)


def code(source: str, **more: Any) -> dict[str, Any]:
    cell = {"cell_type": "code", "execution_count": None, "id": "a", "metadata": {}}
    return cell | {"outputs": [], "source": source} | more


def text_of(cells: list[dict[str, Any]], indent: int | None = 1, end: str = "\n") -> str:
    document = {"nbformat_minor": 5, "cells": cells, "metadata": {"z": "é"}, "nbformat": 4}
    return json.dumps(document, indent=indent, ensure_ascii=indent == 2) + end


@pytest.mark.parametrize("indent", INDENTS)
@pytest.mark.parametrize("end", ["", "\n"])
def test_the_parameters_cell_is_tagged(indent: int | None, end: str, folder: Path) -> None:
    """The one cell of literals gets the tag; formatting, key order and end stay as they were."""
    cells = [code("import os"), code("rows = 8\nname: str = 'é'", id="p"), code("rows", id="c")]
    (folder / "a.ipynb").write_text(text_of(cells, indent, end))
    result = fix("a.ipynb")
    cells[1]["metadata"] = {"tags": ["parameters"]}
    assert (folder / "a.ipynb").read_text() == text_of(cells, indent, end)
    assert "mended: a.ipynb [cell 2 (p)] no-parameters" in result.stderr
    assert "nothing found" in result.stdout


@pytest.mark.parametrize(
    "sources",
    [
        ["a = 1", "b = 2", "print(a)"],  # two could be it
        ["x = f()", "a = 1"],  # it stands below work
        ["a = f()"],  # no literals
        ["def f(): ...", "a = 1"],
        ["a, b = 1, 2"],
    ],
)
def test_what_is_ambiguous_is_left(sources: list[str], folder: Path) -> None:
    """A guess could be wrong, so the file stays as it is, byte for byte."""
    before = text_of([code(source, id=f"c{n}") for n, source in enumerate(sources)])
    (folder / "a.ipynb").write_text(before)
    fix("a.ipynb")
    assert (folder / "a.ipynb").read_text() == before


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("numpy==2.0\nsklearn\n", "numpy==2.0\nscikit-learn\n"),
        ("sklearn==0.0.post1 # why\r\n", "scikit-learn # why\r\n"),
        ("  Sklearn >= 1.0", "  scikit-learn >= 1.0"),
        (
            "sklearn-pandas\n# sklearn\nsklearn==1.5.0\n",
            "sklearn-pandas\n# sklearn\nscikit-learn==1.5.0\n",
        ),
    ],
)
def test_sklearn_is_renamed(before: str, after: str, folder: Path) -> None:
    """The name is replaced, and the placeholder's version; nothing else of the file."""
    (folder / "requirements.txt").write_bytes(before.encode())
    assert fix("requirements.txt").exit_code == 0
    assert (folder / "requirements.txt").read_bytes() == after.encode()


def test_an_unusual_formatting_is_left_alone(folder: Path) -> None:
    """Where the file could not be written back as it was, nothing is written."""
    before = text_of([code("a = 1")], None).replace('"cells": ', '"cells"  :')
    (folder / "a.ipynb").write_text(before)
    result = fix("a.ipynb")
    assert result.stderr.startswith("not mended: a.ipynb: is formatted in an unusual way")
    assert "no-parameters" in result.stdout
    assert (folder / "a.ipynb").read_text() == before


def test_the_right_one_of_two_cells_is_mended(folder: Path) -> None:
    """An id that two cells have names neither; then the number does."""
    cells = [code("port = 8000"), code("print(port)")]
    (folder / "a.ipynb").write_text(text_of(cells))
    fix("a.ipynb")
    cells[0]["metadata"] = {"tags": ["parameters"]}
    assert (folder / "a.ipynb").read_text() == text_of(cells)


def test_a_link_stays_a_link(folder: Path) -> None:
    """The file that it points to is mended."""
    (folder / "real.txt").write_text("sklearn\n")
    (folder / "requirements.txt").symlink_to("real.txt")
    fix("requirements.txt")
    assert (folder / "requirements.txt").is_symlink()
    assert (folder / "real.txt").read_text() == "scikit-learn\n"


def test_a_silenced_finding_is_not_mended(folder: Path) -> None:
    """Who said that it is meant so gets it left so."""
    before = text_of([code("a = 1\n# doctor: ignore-notebook[no-parameters]")])
    (folder / "a.ipynb").write_text(before)
    fix("a.ipynb")
    assert (folder / "a.ipynb").read_text() == before


@pytest.mark.parametrize("name", ["train", "serve", "serve_asgi", "serve_wsgi"])
def test_a_mend_is_undone_by_taking_it_back(name: str, folder: Path) -> None:
    """Of a real notebook without its tag, --fix makes the real notebook, byte for byte."""
    real = (ROOT / f"notebooks/{name}.ipynb").read_text()
    tag = '{\n    "tags": [\n     "parameters"\n    ]\n   }'
    assert real.count(tag) == 1
    (folder / "a.ipynb").write_text(real.replace(tag, "{}"))
    fix("a.ipynb")
    assert (folder / "a.ipynb").read_text() == real
