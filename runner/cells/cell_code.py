"""Compile an annotated cell once, and run it many times without IPython's bookkeeping.

What IPython does to a cell's text is done once: its magics and ``!`` lines work. What it
does around each execution is left out: no history, no ``Out``, no hooks but the one that
shows matplotlib's figures.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import linecache
import sys
from types import CodeType
from typing import Any

from runner.cells.capture import shell_of_ipython
from runner.telemetry import cell_places


class CellCode:
    """Hold the code of the cells that share an annotation.

    Args:
        name: Stands in tracebacks instead of a file's name.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._body: list[CodeType] = []
        self._value: CodeType | None = None
        self._last: str = ""
        self._cells = 0

    def add(self, source: str) -> None:
        """Add a cell.

        Raises:
            SyntaxError: It is no valid code.
        """
        if self._last:  # only the last cell's last expression is a result
            self._body[-1:] = [self._compiled(ast.parse(self._last), self._cells)]
        self._cells += 1
        transformed = _transformed(source)
        tree = ast.parse(transformed)
        self._remember(transformed)
        self._last, self._value = transformed, None
        last = tree.body[-1] if tree.body else None
        if isinstance(last, ast.Expr) and not _is_silenced(last, transformed):
            tree.body.pop()
            self._value = self._compiled(ast.Expression(last.value), self._cells)
        self._body.append(self._compiled(tree, self._cells))

    def run(self, names: dict[str, Any], loop: asyncio.AbstractEventLoop) -> Any:
        """Run the cells.

        Args:
            names: The notebook's names, in which they run.
            loop: Where top-level ``await`` happens; it belongs to this thread.

        Returns:
            The value of the last expression; None if the last statement is none.
        """
        for code in self._body:
            _evaluated(code, names, loop)
        value = None if self._value is None else _evaluated(self._value, names, loop)
        _show_figures()
        return value

    def _file(self, number: int) -> str:
        return f"<{self.name}>" if number == 1 else f"<{self.name}, cell {number}>"

    def _remember(self, source: str) -> None:
        """Let tracebacks show the lines of the cell."""
        file = self._file(self._cells)
        linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
        cell_places.name_file(file)

    def _compiled(self, tree: ast.Module | ast.Expression, number: int) -> CodeType:
        shell = shell_of_ipython()
        # The notebook's own `from __future__ import …` counts in the cells below it.
        flags = (shell.compile.flags if shell else 0) | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        mode = "exec" if isinstance(tree, ast.Module) else "eval"
        code: CodeType = compile(tree, self._file(number), mode, flags & ~ast.PyCF_ONLY_AST, True)
        return code


def names_of_notebook() -> dict[str, Any]:
    """Give the namespace in which the notebook's cells ran."""
    shell = shell_of_ipython()
    found: dict[str, Any] = vars(sys.modules["__main__"]) if shell is None else shell.user_ns
    return found


def _evaluated(code: CodeType, names: dict[str, Any], loop: asyncio.AbstractEventLoop) -> Any:
    value = eval(code, names)  # noqa: S307 - running the notebook's code is what we are for
    if not code.co_flags & inspect.CO_COROUTINE:
        return value
    task = loop.create_task(value)
    try:
        return loop.run_until_complete(task)
    finally:
        task.cancel()  # if it was interrupted: it must not go on with the next cell's await


def _transformed(source: str) -> str:
    shell = shell_of_ipython()
    return str(shell.transform_cell(source)) if shell else f"{source}\n"


def _is_silenced(last: ast.Expr, source: str) -> bool:
    """Tell whether a semicolon follows the last expression; then IPython shows no result."""
    line = source.splitlines()[(last.end_lineno or 1) - 1].encode()
    return line[last.end_col_offset :].lstrip().startswith(b";")


def _show_figures() -> None:
    """Display, and close, the figures that the cell has drawn, as a notebook does at its end."""
    inline = sys.modules.get("matplotlib_inline.backend_inline")
    if inline is not None and "matplotlib.pyplot" in sys.modules:
        inline.flush_figures()
