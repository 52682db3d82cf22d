"""The house rules, checked on every notebook without running it."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from support import ROOT

NOTEBOOKS = sorted((ROOT / "notebooks").rglob("*.ipynb"))
IDS = [path.relative_to(ROOT / "notebooks").with_suffix("").as_posix() for path in NOTEBOOKS]


@pytest.fixture(params=NOTEBOOKS, ids=IDS)
def path(request: pytest.FixtureRequest) -> Path:
    return Path(request.param)


@pytest.fixture
def notebook(path: Path) -> Any:
    found = nbformat.read(path, as_version=4)
    nbformat.validate(found)
    return found


@pytest.fixture
def code(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def tags(cell: Any) -> list[str]:
    return list(cell.metadata.get("tags", []))


def test_there_are_notebooks() -> None:
    """The rules below would hold of nothing; and many are called alike, so their folder counts."""
    assert {"train", "serve", "serve_wsgi", "serve_asgi", "examples/petal/train"} <= set(IDS)
    assert len(set(IDS)) == len(IDS)


def test_the_first_cell_says_what_it_is(notebook: Any) -> None:
    """A title, what it does, and how to run it."""
    first = notebook.cells[0]
    assert first.cell_type == "markdown"
    assert re.match(r"# \w", first.source)
    assert "runner " in first.source


def test_nothing_executed_is_committed(code: list[Any]) -> None:
    """Outputs belong into runs/, not into the source."""
    assert not any(cell.outputs or cell.execution_count for cell in code)


def test_cell_ids_are_words(notebook: Any) -> None:
    """Tests and error messages name cells by their id."""
    for cell in notebook.cells:
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", cell.id), cell.id


def test_imports_come_first_and_once(code: list[Any]) -> None:
    """One cell of imports, the first one, and no import elsewhere."""
    importing = [
        cell.id
        for cell in code
        if any(isinstance(node, ast.Import | ast.ImportFrom) for node in ast.walk(parsed(cell)))
    ]
    assert importing == [code[0].id]


def test_one_cell_declares_the_parameters(code: list[Any]) -> None:
    """It holds annotated assignments and nothing else, each with a comment that explains it."""
    (cell,) = (cell for cell in code if "parameters" in tags(cell))
    assert cell is code[1]
    assert all(isinstance(node, ast.AnnAssign) for node in parsed(cell).body)
    assert all("  # " in line for line in cell.source.splitlines())


def test_cells_are_short(code: list[Any]) -> None:
    """One idea a cell: 15 lines at most; the imports may have more."""
    long = {cell.id: lines_of(cell) for cell in code[1:] if lines_of(cell) > 15}
    assert long == {}


def lines_of(cell: Any) -> int:
    return sum(bool(line.strip()) for line in cell.source.splitlines())


def test_nothing_ties_it_to_a_machine(code: list[Any]) -> None:
    """No shell, no magic, no absolute path, no input()."""
    for cell in code:
        assert not re.search(r"^\s*[!%]", cell.source, re.MULTILINE), cell.id
        strings = [n.value for n in ast.walk(parsed(cell)) if isinstance(n, ast.Constant)]
        paths = [text for text in strings if isinstance(text, str) and text.startswith(("/", "~"))]
        assert set(paths) <= {"/", "/predict"}, cell.id  # what a client asks for
        assert "input(" not in cell.source, cell.id


def test_no_name_means_two_things(code: list[Any]) -> None:
    """A name is assigned in one cell only, so that the order of cells tells the whole story."""
    owner: dict[str, str] = {}
    for cell in code[1:]:
        for name in assigned(cell):
            assert owner.setdefault(name, cell.id) == cell.id, name


def assigned(cell: Any) -> set[str]:
    """The names that a cell's top level binds."""
    names: set[str] = set()
    for node in parsed(cell).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found = [name for target in targets for name in ast.walk(target)]
            names |= {
                n.id for n in found if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
            }
    return names


def test_only_the_last_cell_serves(path: Path, code: list[Any]) -> None:
    """A notebook that serves does so in its last cell, which is tagged."""
    serving = [cell for cell in code if "serve" in tags(cell)]
    expected = [code[-1]] if path.stem.startswith("serve") else []
    assert serving == expected


def parsed(cell: Any) -> ast.Module:
    """A cell's code; a top-level await is allowed in notebooks."""
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT | ast.PyCF_ONLY_AST
    tree = compile(cell.source, cell.id, "exec", flags)
    assert isinstance(tree, ast.Module)
    return tree
