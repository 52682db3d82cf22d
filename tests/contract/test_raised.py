"""What is raised is made when it is raised."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import runner

ROOT = Path(runner.__file__).parent


def raised_constants(tree: ast.Module) -> Iterator[int]:
    """Give the lines on which an object of the module is raised."""
    made = {
        target.id
        for each in tree.body
        if isinstance(each, ast.Assign) and isinstance(each.value, ast.Call)
        for target in each.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Name) and node.exc.id in made:
            yield node.lineno


def test_no_exception_is_raised_twice() -> None:
    """Each time it would keep one more traceback, and with that a request and its buffers."""
    found = [
        f"{path}:{line}"
        for path in ROOT.rglob("*.py")
        for line in raised_constants(ast.parse(path.read_text()))
    ]
    assert found == []
