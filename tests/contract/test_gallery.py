"""What the documentation says of each example is true; `tests/e2e` serves it as its row says."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from support import ROOT
from support.gallery import HEAD, NOTHING, ROWS, Row, table

MEASURED = [row for row in ROWS if row.measured != NOTHING]


@pytest.fixture(params=ROWS, ids=[row.name for row in ROWS])
def row(request: pytest.FixtureRequest) -> Row:
    assert isinstance(request.param, Row)
    return request.param


def test_every_example_has_its_row() -> None:
    """And no row is without its notebooks."""
    assert table()[0] == HEAD
    served = (ROOT / "notebooks/examples").glob("*/serve.ipynb")
    assert {row.name for row in ROWS} == {notebook.parent.name for notebook in served}
    for row in ROWS:
        folder = Path("notebooks/examples") / row.name
        train = folder / "train.ipynb"
        assert row.train == (f"runner run {train}" if (ROOT / train).exists() else NOTHING)
        assert row.serve.startswith(f"runner serve {folder / 'serve.ipynb'} --workers 2")


def test_its_notebook_asks_as_the_row_does(row: Row) -> None:
    """The row is executed, so what the notebook proposes to its reader works too."""
    notebook = nbformat.read(ROOT / f"notebooks/examples/{row.name}/serve.ipynb", as_version=4)
    (curl,) = re.findall(r"^    curl .*(?:\n    .*)*", notebook.cells[0].source, re.MULTILINE)
    there = curl.replace("\\\n", " ")
    assert shlex.split(there.replace("http://", "")) == shlex.split(row.ask.replace("http://", ""))


@pytest.mark.parametrize("measured", MEASURED, ids=[row.name for row in MEASURED])
def test_a_figure_is_what_the_notebook_measured(
    measured: Row, train_example: Callable[[str], Path]
) -> None:
    """It stands in the record of the executed train notebook, in per cent or as a share."""
    record = nbformat.read(train_example(measured.name), as_version=4)
    assert stands_in(measured.measured, shown_in(record)), shown_in(record)


def shown_in(record: Any) -> str:
    """All text that a notebook's cells have shown."""
    outputs = [each for cell in record.cells for each in cell.get("outputs", ())]
    texts = [each.get("text", each.get("data", {}).get("text/plain", "")) for each in outputs]
    return "\n".join(texts)


def stands_in(measured: str, text: str) -> bool:
    """Find what was measured in a text, its figure to one part in a hundred.

    Another processor's linear algebra may move a row or two.
    """
    found = re.search(r"\d+\.\d+", measured)
    assert found, f"{measured}: there is no figure with decimals"
    before, after = map(re.escape, measured.split(found[0], 1))
    figures = re.findall(rf"{before}(?<![\d.])(\d+\.\d+){after}", text)
    return any(float(each) == pytest.approx(float(found[0]), rel=0.01) for each in figures)


@pytest.mark.parametrize(
    ("measured", "text", "is_there"),
    [
        ("88.9 % of 45", "88.9 % of 45 held-out", True),
        ("88.9 % of 45", "88.4 % of 45 held-out", True),
        ("R² 0.991 on 150", "R² 0.991 on 150", True),
        ("88.9 % of 45", "86.7 % of 45", False),
        ("88.9 % of 45", "88.9 % of 46, 0.889", False),
        ("88.9 %", "188.9 %", False),
    ],
)
def test_a_figure_is_compared(measured: str, text: str, *, is_there: bool) -> None:
    """With the words around it."""
    assert stands_in(measured, text) is is_there


@pytest.mark.parametrize(
    ("notebook", "trains"),
    [
        ("notebooks/examples/petal/serve.ipynb", "notebooks/examples/petal/train.ipynb"),
        ("notebooks/examples/square/serve.ipynb", ""),
        ("notebooks/serve_wsgi.ipynb", "notebooks/train.ipynb"),
    ],
)
def test_make_trains_what_it_serves(notebook: str, trains: str, tmp_path: Path) -> None:
    """If it has not been trained; an example that learns nothing needs no model."""
    for name in ("notebooks", "Makefile", "locks", "pyproject.toml"):
        (tmp_path / name).symlink_to(ROOT / name)
    words = ["make", "--dry-run", "serve", f"NOTEBOOK={notebook}"]
    done = subprocess.run(
        words, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=30
    )
    commands = [line for line in done.stdout.splitlines() if line.startswith("runner ")]
    serve = f"runner serve {notebook} --port 8000 --reload"
    assert commands == ([f"runner run {trains}", serve] if trains else [serve])
