"""Tell what a name in a notebook stands for, as far as its imports say it."""

from __future__ import annotations

import ast
from collections.abc import Iterable

Function = ast.FunctionDef | ast.AsyncFunctionDef
Names = dict[str, str]


def collect(trees: Iterable[ast.Module]) -> Names:
    """List what the cells import, also within functions: dotted names, by the name used here."""
    names: Names = {}
    for node in (node for tree in trees for node in ast.walk(tree)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                names[alias.asname or top] = alias.name if alias.asname else top
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return names


def dotted(node: ast.AST, names: Names) -> str:
    """Give the dotted name of an expression; empty for what is no name.

    ``chdir`` after ``from os import chdir`` is ``os.chdir``.
    """
    if isinstance(node, ast.Attribute):
        owner = dotted(node.value, names)
        return f"{owner}.{node.attr}" if owner else ""
    return names.get(node.id, node.id) if isinstance(node, ast.Name) else ""
