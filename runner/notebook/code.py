"""Read a code cell as Python: the one place that knows what IPython makes of a cell's text.

The rules of this file:

1. What is Python already is read as it is, and IPython is imported for the rest only: it takes
   a quarter of a second and up to 36 MB, and a supervisor reads cells too.
2. Each statement keeps the line that it has in the cell.
3. Nothing is raised, whatever the text: what cannot be read has no statements, and an error.
4. Reading is bounded: a text that is too long, and a statement that is nested so deep that
   those who walk through it would run out of stack, count as if they were not there.
"""

from __future__ import annotations

import ast
import contextlib
import dataclasses
import functools
import re
import warnings
from typing import Any

_LONGEST = 1_000_000  # characters of a cell; its syntax tree takes a hundred times as much
_LONGEST_OF_IPYTHON = 100_000  # likewise
_MOST_READ = 50_000  # lines; its transformer reads the whole text again for each magic
_DEEPEST = 100  # levels of a statement's syntax tree
_MOST_NESTED = 10  # cell magics, each the first line of the other's body

# The body of these runs in the notebook's own namespace; that of others is no Python, or runs
# in another process, or where its names are lost.
_PYTHON_BODIES = {"capture", "debug", "prun", "pyinstrument", "scalene", "snakeviz", "time"}
_PYTHON_BODIES |= {"memit", "timeit"}

# What may be a line of IPython's own.
_MAGIC = re.compile(r"^[^\S\n]*[%!?/,;]|=[^\S\n]*[%!]|\?[^\S\n]*$", re.MULTILINE)

_LINE_END = re.compile(r"\r\n?|\n")

# Python that IPython before 9.2 or so changes all the same: it removes the first line's
# indentation, which can only be a comment's, and prompts in the second line, within a string.
_CLEANED = re.compile(
    r"(?:[^\S\n]*\n)*(?:[^\S\n]+#|[^\n]*\n(?:>>>|\.\.\.|[^\S\n]*\.{3,}:|In \[\d+\]:))"
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Code:
    """Hold what a cell's text says.

    Attributes:
        tree: Its Python, in which IPython's lines are calls of ``get_ipython()``; without
            statements if there is none. It is shared: nobody may change it.
        magics: IPython's lines, as they were written, by their number.
        error: Why neither Python nor IPython can read it.
        is_whole: Whether nothing was left out, for it is too long or too deep.
    """

    tree: ast.Module
    magics: dict[int, str]
    error: SyntaxError | None = None
    is_whole: bool = True


NOTHING = Code(tree=ast.Module(body=[], type_ignores=[]), magics={})


def read(text: str) -> Code:
    """Read the text of a code cell."""
    if len(text) > _LONGEST:
        return dataclasses.replace(NOTHING, is_whole=False)
    bodies: dict[int, str] = {}
    above = 0
    for _ in range(_MOST_NESTED):
        try:
            tree = _parsed(text, above)
        except SyntaxError as error:
            return Code(tree=NOTHING.tree, magics=bodies, error=error)
        call = _cell_magic(tree)
        if call is None:
            shallow = _shallow(tree)
            return Code(tree=shallow, magics=bodies | _magics(tree), is_whole=shallow is tree)
        name, line, body = call
        first = above + len(text.splitlines()) - len(body.splitlines())
        bodies[first] = f"%%{name} {line}".strip()
        if name not in _PYTHON_BODIES:
            break
        text, above = body, first
    return Code(tree=NOTHING.tree, magics=bodies)


def compile_error(tree: ast.Module) -> SyntaxError | None:
    """Say what else Python refuses before it runs a cell, such as a `return` at its top."""
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            compile(tree, "<cell>", "exec", flags, dont_inherit=True)
        except SyntaxError as error:
            return error
        except (ValueError, RecursionError, MemoryError):  # the run will say
            return None
    return None


def automagic(text: str) -> str:
    """Read a cell of one line, which is no Python, as a magic without its ``%``.

    Returns:
        The magic, such as ``%pip install numpy``; empty if it is none.
    """
    line = text.strip()
    name = line.partition(" ")[0]
    is_one = "\n" not in line and name.isidentifier()
    return f"%{line}" if is_one and name in _names_of_magics() else ""


def lines_of(text: str) -> list[str]:
    """Part a text where Python does; `str.splitlines` does at form feeds and separators, too."""
    *lines, rest = _LINE_END.split(text)
    return [*lines, rest] if rest else lines


def line_as_written(text: str, line: int) -> int:
    """Give the line of a cell that IPython means by the one that its traceback names.

    It counts after it has removed the empty lines above, and joined those of continued magics.
    """
    number = 0
    with contextlib.suppress(SyntaxError, ValueError):  # ValueError: no such line
        kept = lines_of(_transformed(text))
        for shown in lines_of(_transformed(text, keeps_lines=False))[:line]:
            number = kept.index(shown, number) + 1
    return number or line


def _parsed(text: str, above: int) -> ast.Module:
    """Parse a text that has so many lines above it in its cell.

    Raises:
        SyntaxError: It is neither Python nor IPython's.
    """
    moved = "\n" * above
    if not _CLEANED.match(text):
        try:
            return _compiled(moved + text)
        except SyntaxError as error:
            if not _is_quickly_transformed(text):
                raise error
    elif not _is_quickly_transformed(text):
        return _compiled(moved + text)
    return _compiled(moved + _transformed(text, above))


def _is_quickly_transformed(text: str) -> bool:
    if text.lstrip().startswith("%%"):  # the rest is not looked at
        return True
    if len(text) > _LONGEST_OF_IPYTHON:
        return False
    return len(_MAGIC.findall(text)) * text.count("\n") <= _MOST_READ


def _compiled(python: str) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the author's escapes, which Python reports when run
        try:
            return ast.parse(python, "<cell>")
        except (ValueError, RecursionError, MemoryError) as error:  # null bytes; depth
            raise SyntaxError(str(error) or "too deep", ("<cell>", 1, 0, "")) from error


def _transformed(text: str, above: int = 0, *, keeps_lines: bool = True) -> str:
    """Have IPython transform a text, and put back the lines that it removes."""
    from IPython.core.inputtransformer2 import TransformerManager

    lines = text.splitlines(keepends=True)
    empty = next((number for number, line in enumerate(lines) if line.strip()), 0)
    transformer = TransformerManager()
    if keeps_lines:
        transformer.token_transformers = _keeping_lines()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return "\n" * (empty * keeps_lines) + str(transformer.transform_cell(text))
    except SyntaxError as error:
        line = (error.lineno or 1) + empty + above
        raise SyntaxError(error.msg, ("<cell>", line, 0, "")) from error
    except (RuntimeError, ValueError, LookupError, AssertionError, MemoryError) as error:
        # What it raises for endless magics and malformed ones; IPython reports the same.
        raise SyntaxError(str(error) or "IPython cannot read it", ("<cell>", 1, 0, "")) from error


@functools.cache
def _keeping_lines() -> list[type]:
    """Give IPython's transformers of tokens, made to keep the number of lines.

    They join the lines of a continued magic; empty ones stand for those that went.
    """
    from IPython.core.inputtransformer2 import TransformerManager

    def keeping(kind: Any) -> Any:
        class Keeping(kind):  # type: ignore[misc] # one of IPython's
            """Put empty lines below the one that took the place of several."""

            def transform(self, lines: list[str]) -> list[str]:
                changed: list[str] = super().transform(lines)
                below = self.start_line + 1
                changed[below:below] = ["\n"] * (len(lines) - len(changed))
                return changed

        return Keeping

    return [keeping(kind) for kind in TransformerManager().token_transformers]


@functools.cache
def _names_of_magics() -> frozenset[str]:
    """Name the magics of a line that IPython brings, and its aliases of commands."""
    from IPython.core import alias, magic, magics

    found = [getattr(magics, name) for name in dir(magics)]  # some are imported only when asked for
    kinds = [kind for kind in found if isinstance(kind, type)]
    named = {name for kind in kinds if issubclass(kind, magic.Magics) for name in _lines_of(kind)}
    return frozenset(named) | {name for name, _ in alias.default_aliases()}


def _lines_of(kind: Any) -> list[str]:
    return list(getattr(kind, "magics", {}).get("line", ()))


def _cell_magic(tree: ast.Module) -> tuple[str, str, str] | None:
    """Give the name, the line and the body of the cell magic that a cell is; None if none."""
    statement = tree.body[0] if len(tree.body) == 1 else None
    if not isinstance(statement, ast.Expr) or _called(statement.value) != "run_cell_magic":
        return None
    given = _texts(statement.value)
    return (given[0], given[1], given[2]) if len(given) == 3 else None


def _magics(tree: ast.Module) -> dict[int, str]:
    return {
        node.lineno: shown
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and (shown := _as_written(node))
    }


def _as_written(call: ast.Call) -> str:
    """Give a call that stands for a line of IPython's as that line; empty for other calls."""
    marks = {"run_line_magic": "%", "run_cell_magic": "%%", "system": "!", "getoutput": "!"}
    mark = marks.get(_called(call))
    given = _texts(call)
    return f"{mark}{' '.join(given[:2])}".strip() if mark and given else ""


def _called(node: ast.AST) -> str:
    """Name the method of ``get_ipython()`` that is called; empty if it is something else."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return ""
    shell = node.func.value
    is_shell = isinstance(shell, ast.Call) and isinstance(shell.func, ast.Name)
    return node.func.attr if is_shell and shell.func.id == "get_ipython" else ""  # type: ignore[attr-defined] # see above


def _texts(node: ast.AST) -> list[str]:
    given = node.args if isinstance(node, ast.Call) else []
    return [
        part.value
        for part in given
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    ]


def _shallow(tree: ast.Module) -> ast.Module:
    """Leave out what is nested too deep to be walked through by a recursive function."""
    body = [statement for statement in tree.body if not _is_deep(statement)]
    return tree if len(body) == len(tree.body) else ast.Module(body=body, type_ignores=[])


def _is_deep(statement: ast.stmt) -> bool:
    level: list[ast.AST] = [statement]
    for _ in range(_DEEPEST):
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        if not level:
            return False
    return True
