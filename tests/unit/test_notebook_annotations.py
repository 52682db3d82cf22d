"""Annotated cells: recognised, and put in place of their execution."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from support import write_notebook

from runner.errors import ConfigurationError
from runner.notebook import document as notebook
from runner.notebook.annotations import Annotation, annotation_of, is_annotated, take_over
from runner.notebook.signs import signs_of
from runner.supervise.plan import is_supervised

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
    ("sources", "serves"),
    [
        (["x = 1", GET], True),
        (["x = 1"], False),
        (["# ResponseInfo GET /a"], False),
        ([GET, "import uvicorn"], False),
        ([GET, "from runner import serve\nserve(app)"], False),
    ],
)
def test_annotations_count_where_nothing_else_serves(
    sources: list[str], serves: bool, tmp_path: Path
) -> None:
    """A notebook that calls its own server is left as it is."""
    document = notebook.read(write_notebook(tmp_path / "a.ipynb", *sources))
    assert is_annotated(document, signs_of(document)) == serves


def test_only_python_is_served(tmp_path: Path) -> None:
    """Cells run inside of the worker, which is Python's."""
    path = write_notebook(tmp_path / "a.ipynb", GET)
    path.write_text(path.read_text().replace('"language": "python"', '"language": "R"'))
    document = notebook.read(path)
    assert not is_annotated(document, signs_of(document))


def test_another_language_is_refused_in_words(tmp_path: Path) -> None:
    """Before anything starts; without annotations it is nobody's business."""
    path = write_notebook(tmp_path / "a.ipynb", GET)
    path.write_text(path.read_text().replace('"language": "python"', '"language": "R"'))
    with pytest.raises(ConfigurationError, match=r"a\.ipynb: its annotated cells are R"):
        is_supervised(path, wants_supervisor=False)
    path.write_text(path.read_text().replace("GET", "got"))
    assert not is_supervised(path, wants_supervisor=False)


def test_the_record_keeps_the_text_and_the_kernel_gets_the_registration(tmp_path: Path) -> None:
    """Cells are changed in what is sent only; the cell that serves comes last, visibly."""
    nb = nbformat.read(write_notebook(tmp_path / "a.ipynb", "x = 1", GET, "# later"), as_version=4)
    sources = take_over(nb, "it's")
    (source,) = sources.values()
    assert list(sources) == ["cell-1"]
    assert [cell.source for cell in nb.cells[:3]] == ["x = 1", GET, "# later"]
    assert source.endswith(f"register('GET', '/hello', {GET!r}, is_info=False)")
    last = nb.cells[-1]
    assert last.metadata.tags == ["injected-runner", "serve"]
    assert """serve_registered("it's")""" in last.source
    nbformat.validate(nb)
