"""Find the models that a notebook reads or writes by paths that can be known before it runs."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any

from runner.errors import ConfigurationError
from runner.notebook.document import Notebook, source
from runner.notebook.names import Names, collect, dotted
from runner.notebook.parameter_types import plain

MODEL_PATH = "model_path"
_LOADS = ("runner.load_model", "runner.model.artefacts.load_model")
_SAVES = ("runner.save_model", "runner.model.artefacts.save_model")
_PATHS = ("pathlib.Path", "pathlib.PurePath", "str", "os.fspath", "os.path.join")
_DEEPEST = 20


def model_paths(document: Notebook, values: dict[str, Any]) -> dict[str, str]:
    """List the models of a notebook by the parameter that names them, else by their path.

    A parameter ``…_path`` names one, and so does what ``load_model`` and ``save_model`` are called
    with, if that is a text, or made of texts, names assigned at the top, and parameters.

    Args:
        document: The notebook; nothing is known of one that is not Python.
        values: The parameters given.
    """
    given = {**_defaults(document), **plain(values)}
    found = {name: path for name, path in given.items() if name.endswith("_path") and path}
    found = {name: path for name, path in found.items() if isinstance(path, str)}
    called = _called_with(document, given)
    return found | {path: path for path in called if path not in found.values()}


def loaded_models(document: Notebook, values: dict[str, Any]) -> list[str]:
    """List what a notebook loads and does not itself save: ``model_path``'s model first."""
    given = {**_defaults(document), **plain(values)}
    named = given.get(MODEL_PATH)
    found = [named] if isinstance(named, str) and named else []
    loaded = dict.fromkeys(found + _called_with(document, given, _LOADS))
    saved = _called_with(document, given, _SAVES)
    return [path for path in loaded if path not in saved]


def _called_with(
    document: Notebook, given: dict[str, Any], functions: tuple[str, ...] = _LOADS + _SAVES
) -> list[str]:
    if not any("_model" in source(cell) for cell in document.cells):
        return []  # then nothing has to be parsed
    trees = [code.tree for code in document.codes]
    names = collect(trees)
    texts = _Texts(names, given, dict(_assigned(trees)))
    calls = (node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call))
    found = (texts.of(path) for call in calls if (path := _path_of(call, names, functions)))
    return list(dict.fromkeys(path for path in found if path))


def _path_of(call: ast.Call, names: Names, functions: tuple[str, ...]) -> ast.expr | None:
    """Give the argument of a call that says where a model is."""
    name = dotted(call.func, names)
    if name not in functions:
        return None
    place = 0 if name in _LOADS else 1
    named = [keyword.value for keyword in call.keywords if keyword.arg == "path"]
    return next(iter(call.args[place : place + 1] + named), None)


def _assigned(trees: list[ast.Module]) -> Iterator[tuple[str, ast.expr]]:
    for node in (node for tree in trees for node in tree.body):
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        value = getattr(node, "value", None)
        for target in targets:
            if isinstance(target, ast.Name) and isinstance(value, ast.expr):
                yield target.id, value


class _Texts:
    """Read expressions that are made of texts.

    Args:
        names: What the notebook imports.
        given: The values of parameters.
        assigned: What else is assigned at the top of a cell, by name.
    """

    def __init__(self, names: Names, given: dict[str, Any], assigned: dict[str, ast.expr]) -> None:
        self._names, self._given, self._assigned = names, given, assigned

    def of(self, node: ast.expr, depth: int = 0) -> str:
        """Give the text; empty if it is not known before the notebook runs."""
        if depth > _DEEPEST:
            return ""
        parts = self._parts(node)
        texts = [part if isinstance(part, str) else self.of(part, depth + 1) for part in parts]
        if not all(texts):
            return ""
        is_path = isinstance(node, ast.Call) or (
            isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)
        )
        return str(PurePath(*texts)) if is_path and texts else "".join(texts)

    def _parts(self, node: ast.expr) -> list[str | ast.expr]:
        """Give what an expression is made of; an empty text if that is not known."""
        match node:
            case ast.Constant() | ast.Name():
                return [self._known(node)]
            case ast.BinOp(left=left, op=ast.Add() | ast.Div(), right=right):
                return [left, right]
            case ast.JoinedStr(values=values):
                return list(values)
            case ast.FormattedValue(value=value, conversion=-1, format_spec=None):
                return [value]
            case ast.Call(func=func, args=args, keywords=[]) if dotted(func, self._names) in _PATHS:
                return list(args)
        return [""]

    def _known(self, node: ast.Constant | ast.Name) -> str | ast.expr:
        value = node.value if isinstance(node, ast.Constant) else self._given.get(node.id)
        if value is None and isinstance(node, ast.Name):
            return self._assigned.get(node.id, "")
        return str(value) if isinstance(value, str | int | float) else ""


def _defaults(document: Notebook) -> dict[str, Any]:
    """List the parameters whose defaults are literals."""
    try:
        declared = document.parameters()
    except ConfigurationError:
        return {}
    return {name: one.default for name, one in declared.items() if one.default is not None}
