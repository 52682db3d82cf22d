"""What the documentation says of each example is true: its row is executed as it stands."""

from __future__ import annotations

import dataclasses
import json
import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from support import ROOT, RUNNER, Service, is_ready, until

HEAD = ["example", "what it is", "train", "serve", "ask", "answer", "measured"]
NOTHING = "–"  # noqa: RUF001 - the page is typeset


@dataclasses.dataclass(frozen=True)
class Row:
    """One example, as the page's table has it, without the marks of Markdown."""

    example: str
    what: str
    train: str
    serve: str
    ask: str
    answer: str
    measured: str

    @property
    def name(self) -> str:
        """The name of its folder."""
        return re.findall(r"[\w-]+", self.example)[0]


def table() -> list[list[str]]:
    """The cells of the gallery's table, row by row."""
    section = re.split(r"^## ", (ROOT / "docs/gallery.md").read_text(), flags=re.MULTILINE)
    (text,) = (each for each in section if each.startswith("The gallery\n"))
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[plain(cell) for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def plain(cell: str) -> str:
    return cell.strip().strip("`").replace(r"\|", "|")


ROWS = [Row(*cells) for cells in table()[2:]]
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


def test_a_row_does_what_it_says(
    row: Row, gallery: Path, train_example: Callable[[str], Path], port: int
) -> None:
    """Train, serve by two workers, ask by curl: that is the answer."""
    if row.train != NOTHING:
        train_example(row.name)
    words = [*shlex.split(row.serve)[1:], "--port", str(port)]
    service = Service(*words, cwd=gallery)
    try:
        until(lambda: is_ready(port, service), 60)
        assert len(workers_of(gallery, words[1])) == 2
        said = asked(row.ask, port, gallery)
        assert is_answer(said, row.answer), said
        assert service.stop() == 0, service.said()
    finally:
        assert service.end() == []


def test_its_notebook_asks_as_the_row_does(row: Row) -> None:
    """The row is executed, so what the notebook proposes to its reader works too."""
    notebook = nbformat.read(ROOT / f"notebooks/examples/{row.name}/serve.ipynb", as_version=4)
    (curl,) = re.findall(r"^    curl .*(?:\n    .*)*", notebook.cells[0].source, re.MULTILINE)
    there = curl.replace("\\\n", " ")
    assert shlex.split(there.replace("http://", "")) == shlex.split(row.ask.replace("http://", ""))


def workers_of(folder: Path, notebook: str) -> list[int]:
    words = [*RUNNER, "status", notebook, "--format", "json"]
    said = subprocess.run(words, cwd=folder, capture_output=True, check=True, timeout=30).stdout
    workers: list[int] = json.loads(said)["serving"]["workers"]
    return workers


def asked(curl: str, port: int, folder: Path) -> str:
    """What a row's own command prints, asked of another port."""
    assert "localhost:8000" in curl
    words = shlex.split(curl.replace("localhost:8000", f"127.0.0.1:{port}"))
    done = subprocess.run(
        [*words, "-sS"], cwd=folder, capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.strip()


def is_answer(said: str, wanted: str) -> bool:
    """Compare JSON by what it means, text by the letter, and to … its beginning."""
    if wanted.endswith("…"):
        return said.startswith(wanted.removesuffix("…").rstrip())
    try:
        value, expected = json.loads(said), json.loads(wanted)
    except ValueError:
        return said == wanted
    return bool(value == expected and type(value) is type(expected))


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
    for name in ("notebooks", "Makefile", "requirements.txt", "pyproject.toml"):
        (tmp_path / name).symlink_to(ROOT / name)
    words = ["make", "--dry-run", "serve", f"NOTEBOOK={notebook}"]
    done = subprocess.run(
        words, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=30
    )
    commands = [line for line in done.stdout.splitlines() if line.startswith("runner ")]
    serve = f"runner serve {notebook} --port 8000 --reload"
    assert commands == ([f"runner run {trains}", serve] if trains else [serve])
