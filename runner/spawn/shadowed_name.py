"""Refuse a notebook that means a module of the user's by the name of our package.

The kernel of a service, or of a sweep's point, is forked from a process that has imported our
package: there the name is ours, whatever lies beside the notebook. So such a file is in nobody's
way unless the notebook, or a module beside it that it imports, asks for it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from importlib.machinery import PathFinder
from pathlib import Path

from runner.errors import ConfigurationError
from runner.notebook import document
from runner.notebook.document import Notebook
from runner.run.shadowing import shadow
from runner.spawn import preload

_NAME = "runner"
_MOST_NAMES = 1000
_LONGEST = 1_000_000  # characters


def refuse_shadow(folder: Path, path: Path, *, serves: bool) -> None:
    """Make sure that a notebook gets what it means by the name of our package.

    Args:
        folder: In which its kernel works.
        path: The notebook.
        serves: Its kernel needs our package.

    Raises:
        ConfigurationError: It would get another module; or there is no such notebook.
    """
    file = shadow(folder)
    if file is None:
        return
    notebook = document.read(path)
    if not preload.is_ours(notebook.kernel_name):
        if serves and notebook.is_python:
            raise ConfigurationError(
                f"{file}: the kernel {notebook.kernel_name!r} would import it instead of the"
                " package `runner`, which it needs to be served",
                hint="rename it",
            )
    elif importer := _importer(folder, notebook):
        raise ConfigurationError(
            f"{file}: {importer} imports it, and here the name `runner` is that of our package,"
            " which the notebook's process has imported before its first cell",
            hint="rename it; `runner run` takes the notebook as it is",
        )


def _importer(folder: Path, notebook: Notebook) -> str:
    """Name what imports a module of our name: the notebook, or a module beside it."""
    waiting: list[tuple[Path, ast.AST]] = [(notebook.path, each.tree) for each in notebook.codes]
    seen = set[str]()
    while waiting:
        path, tree = waiting.pop()
        roots = set(_imported(tree))
        if _NAME in roots:
            return str(path)
        files = _files_of(roots - seen, folder) if len(seen) < _MOST_NAMES else ()
        waiting += [(file, read) for file in files if (read := _tree_of(file)) is not None]
        seen |= roots
    return ""


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (each.name.partition(".")[0] for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def _files_of(names: Iterable[str], folder: Path) -> Iterator[Path]:
    """Find what of these lies in the folder, which is where Python looks first."""
    for name in names:
        spec = PathFinder.find_spec(name, [str(folder)])
        if spec is not None and spec.origin and spec.origin.endswith(".py"):
            yield Path(spec.origin)


def _tree_of(file: Path) -> ast.AST | None:
    try:
        text = file.read_text(encoding="utf-8")
        return ast.parse(text) if len(text) < _LONGEST else None
    except (OSError, ValueError, SyntaxError, RecursionError):
        return None  # whoever imports it will be told
