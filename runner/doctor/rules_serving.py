"""The rules for a notebook that seems meant to serve, and cannot."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import runner
from runner.doctor.findings import Breach, Rule, Severity
from runner.doctor.notebook_file import CodeCell, NotebookFile
from runner.errors import NOTHING_SERVES
from runner.notebook.annotations import annotation_of
from runner.notebook.document import SERVE_TAG
from runner.notebook.names import Function
from runner.run.shadowing import shadow

_APPS = {"app", "application"}
# Which server it is does not matter here: what is called so may serve.
_SERVES = re.compile(r"serve|run|listen|start|launch|bind|accept|main", re.IGNORECASE)
_MAGICS = re.compile(r"!|%+(run|load|script|python|bash|sh)\b")


def _no_sign_of_serving(notebook: NotebookFile) -> Iterator[Breach]:
    if _is_meant_to_serve(notebook) and not any(
        _may_serve(cell, notebook.path) for cell in notebook.cells
    ):
        yield Breach(what=NOTHING_SERVES)


def _is_meant_to_serve(notebook: NotebookFile) -> bool:
    tagged = any(SERVE_TAG in cell.tags for cell in notebook.cells)
    return tagged or bool({"host", "port"} & notebook.parameters.keys())


def _may_serve(cell: CodeCell, path: Path) -> bool:
    """Tell whether a cell has any sign of serving; what cannot be read may well."""
    return bool(
        cell.error
        or annotation_of(cell.source)
        or any(map(_MAGICS.match, cell.magics.values()))
        or any(_is_sign(node, path) for node in ast.walk(cell.tree))
    )


def _is_sign(node: ast.AST, path: Path) -> bool:
    if isinstance(node, ast.Call):
        called = node.func
        name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
        return bool(_SERVES.search(name))
    if isinstance(node, ast.Name):
        return isinstance(node.ctx, ast.Store) and node.id in _APPS
    if isinstance(node, ast.alias):
        return (node.asname or node.name) in _APPS or _is_beside(node.name, path)
    if isinstance(node, ast.ImportFrom):
        return bool(node.level) or _is_beside(node.module or "", path)
    return isinstance(node, Function) and node.name in _APPS


def _is_beside(module: str, path: Path) -> bool:
    """Tell whether a module lies beside the notebook, or in the working folder: it may serve."""
    top = module.partition(".")[0]
    return any(
        (folder / f"{top}.py").is_file() or (folder / top / "__init__.py").is_file()
        for folder in (path.parent, Path())
        if top and top != "runner"
    )


def _shadowed_package(notebook: NotebookFile) -> Iterator[Breach]:
    file = shadow(Path.cwd())
    for cell, node in notebook.nodes() if file else ():
        if _imports_ours(node):
            yield cell.breach(f"`runner` is imported from {file} here", getattr(node, "lineno", 0))


def _imports_ours(node: ast.AST) -> bool:
    if not isinstance(node, ast.ImportFrom) or node.module != "runner" or node.level:
        return False
    return any(name.name in runner.PUBLIC for name in node.names)


RULES: tuple[Rule[NotebookFile], ...] = (
    Rule(
        name="no-sign-of-serving",
        severity=Severity.WARNING,
        why="it is tagged to serve, or has the parameter host or port, but `runner serve` would "
        "find nothing to serve",
        mend="end it with what serves; --dry-run says for certain",
        check=_no_sign_of_serving,
    ),
    Rule(
        name="shadowed-runner",
        severity=Severity.ERROR,
        why="Python looks into the working folder first, and that module is not this package",
        mend="rename the module in the working folder",
        check=_shadowed_package,
    ),
)
