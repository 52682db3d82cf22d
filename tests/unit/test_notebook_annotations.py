"""Annotated cells: recognised, and put in place of their execution."""

from __future__ import annotations

import ast
from pathlib import Path

import nbformat
import pytest
from support import write_notebook

from runner.errors import ConfigurationError
from runner.notebook import document as notebook
from runner.notebook.annotations import (
    Annotation,
    annotation_of,
    check_language,
    is_annotated,
    preparation,
    registrations,
)

GET = "# GET /hello\nprint('hello')"


@pytest.mark.parametrize(
    ("text", "annotation"),
    [
        ("# GET /hello/:name\n1", Annotation(verb="GET", path="/hello/:name")),
        ("#  POST\t/predict  ", Annotation(verb="POST", path="/predict")),
        ("\n# PATCH /a\r\n1", Annotation(verb="PATCH", path="/a")),
        ("# ResponseInfo GET /a", Annotation(verb="GET", path="/a", is_info=True)),
    ],
)
def test_an_annotation_is_a_cells_first_line(text: str, annotation: Annotation) -> None:
    """Verb and path, and ResponseInfo before them."""
    assert annotation_of(text) == annotation


@pytest.mark.parametrize(
    "text",
    [
        "1\n# GET /a",
        "#GET /a",
        "# get /a",
        "# GET a",
        "# GET /a returns all there is",
        "# CONNECT /a",
        "## GET /a",
        "'''# GET /a'''",
        "",
    ],
)
def test_other_comments_are_comments(text: str) -> None:
    """Prose about a path is not its annotation."""
    assert annotation_of(text) is None


@pytest.mark.parametrize(("language", "mark"), [("scala", "//"), ("R", "#"), ("bash", "#")])
def test_each_language_has_its_comments(language: str, mark: str) -> None:
    """As in Kernel Gateway."""
    assert annotation_of(f"{mark} GET /a", language) == Annotation(verb="GET", path="/a")
    assert annotation_of(f"{'#' if mark == '//' else '//'} GET /a", language) is None


@pytest.mark.parametrize(
    ("sources", "is_so"),
    [(["x = 1", GET], True), (["x = 1"], False), (["# ResponseInfo GET /a"], False)],
)
def test_a_notebook_is_annotated_if_a_cell_answers(
    sources: list[str], is_so: bool, tmp_path: Path
) -> None:
    """A cell that only sets headers answers nothing."""
    document = notebook.read(write_notebook(tmp_path / "a.ipynb", *sources))
    assert is_annotated(document) == is_so


def in_r(path: Path) -> notebook.Notebook:
    path.write_text(path.read_text().replace('"language": "python"', '"language": "R"'))
    return notebook.read(path)


def test_only_python_is_served(tmp_path: Path) -> None:
    """Cells run inside of the worker, which is Python's."""
    assert not is_annotated(in_r(write_notebook(tmp_path / "a.ipynb", GET)))


def test_another_language_is_refused_in_words(tmp_path: Path) -> None:
    """Before anything starts; without annotations it is nobody's business."""
    with pytest.raises(ConfigurationError, match=r"a\.ipynb: its annotated cells are R"):
        check_language(in_r(write_notebook(tmp_path / "a.ipynb", GET)))
    check_language(in_r(write_notebook(tmp_path / "b.ipynb", "# got /a")))


def test_the_kernel_gets_the_registration_instead_of_the_text(tmp_path: Path) -> None:
    """Of annotated cells only, which keep their text."""
    nb = nbformat.read(write_notebook(tmp_path / "a.ipynb", "x = 1", GET, "# later"), as_version=4)
    sources = registrations(nb)
    (source,) = sources.values()
    assert list(sources) == ["cell-1"]
    assert [cell.source for cell in nb.cells] == ["x = 1", GET, "# later"]
    assert source.endswith(f"register('GET', '/hello', {GET!r}, is_info=False)")


def test_the_preparation_is_one_statement_line() -> None:
    """Whatever the notebook is called."""
    ast.parse(preparation("it's"))
    assert """begin("it's")""" in preparation("it's")
