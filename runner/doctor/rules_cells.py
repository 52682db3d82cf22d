"""Rules for what a notebook's cells say: its form, its parameters, its habits."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from runner.doctor.findings import Breach, Rule, Severity, nothing
from runner.doctor.notebook_file import CodeCell, NotebookFile
from runner.notebook import code
from runner.notebook.document import PARAMETERS_TAG, tags
from runner.notebook.names import Function, collect, dotted

_HOMES = re.compile(r"(/home/|/Users/|/root/)[\w.-]|[A-Za-z]:[\\/]+\w|~/\w")
_ROOTED = re.compile(
    r"/(mnt|media|content|Volumes)/\w.*"
    r"|/(data|workspace|srv|opt|var|usr)/.*\w\.\w{1,8}"
    r"|/(?!tmp/).+\.(csv|tsv|joblib|pkl|pickle|parquet|feather|npy|npz|h5|onnx|pt|xlsx|sqlite)"
)
_INSTALL = re.compile(
    r"[%!]+\s*(\w+\s+-m\s+)?(pip3?|conda|mamba|uv)\b.*\b(install|add|update|upgrade)\b"
)
_MOVE = re.compile(r"%+\s*(cd|pushd|popd)\b")  # `!cd` moves a shell that ends at once
_PERSON = {
    "input": "input() asks a person",
    "getpass.getpass": "getpass() asks a person",
    "breakpoint": "breakpoint() waits for a person",
    "pdb.set_trace": "set_trace() waits for a person",
    "IPython.core.debugger.set_trace": "set_trace() waits for a person",
}


def _unparsed(notebook: NotebookFile) -> Iterator[Breach]:
    for cell in notebook.cells:
        error = cell.error or code.compile_error(cell.tree)
        if error and not cell.may_fail:
            yield cell.breach(error.msg, error.lineno or 1)


def _no_parameters(notebook: NotebookFile) -> Iterator[Breach]:
    has_code = notebook.document.is_python and any(cell.tree.body for cell in notebook.cells)
    is_tagged = any(PARAMETERS_TAG in tags(cell) for cell in notebook.document.cells)
    if not has_code or notebook.parameters_cells:
        return
    if is_tagged:
        yield Breach(what="what is tagged `parameters` is a text, no code")
        return
    candidate = parameters_candidate(notebook)
    what = "no cell is tagged `parameters`"
    yield candidate.breach(f"{what}; this one looks like it") if candidate else Breach(what=what)


def parameters_candidate(notebook: NotebookFile) -> CodeCell | None:
    """Give the one cell that assigns nothing but literals and stands before any other work."""
    found = [cell for cell in notebook.cells if _is_literal(cell)]
    if len(found) != 1:
        return None
    before = notebook.cells[: notebook.cells.index(found[0])]
    is_early = all(
        isinstance(node, ast.Import | ast.ImportFrom | ast.Expr)
        for cell in before
        for node in cell.tree.body
    )
    return found[0] if is_early else None


def _is_literal(cell: CodeCell) -> bool:
    return bool(cell.tree.body) and not cell.magics and all(map(_assigns_literal, cell.tree.body))


def _assigns_literal(node: ast.stmt) -> bool:
    if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
        return False
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    try:
        ast.literal_eval(node.value)
    except (ValueError, TypeError):
        return False
    return all(isinstance(target, ast.Name) for target in targets)


def _several_parameters(notebook: NotebookFile) -> Iterator[Breach]:
    for cell in notebook.parameters_cells[1:]:
        first = notebook.parameters_cells[0].number
        yield cell.breach(f"a second cell is tagged `parameters`; cell {first} is the first")


def _reassigned(notebook: NotebookFile) -> Iterator[Breach]:
    if not notebook.parameters_cells:
        return
    first = notebook.parameters_cells[0].number
    later = [cell for cell in notebook.cells if cell.number > first]
    for cell in (cell for cell in later if "injected-parameters" not in cell.tags):
        for line, name in (found for node in cell.tree.body for found in _overwritten(node)):
            if name in notebook.parameters:
                yield cell.breach(f"parameter {name!r} is assigned again", line)


def _overwritten(node: ast.AST) -> Iterator[tuple[int, str]]:
    """Name what a statement binds without having used it, with the line."""
    if isinstance(node, Function | ast.ClassDef):
        yield node.lineno, node.name
        return
    if isinstance(node, ast.Import | ast.ImportFrom):
        yield from ((node.lineno, alias.asname or alias.name) for alias in node.names)
        return
    inner = list(_own_scope(node))
    found = [name for name in inner if isinstance(name, ast.Name)]
    used = {name.id for name in found if not _is_bound(name)}
    for name in found if not isinstance(node, ast.AugAssign) else []:
        if _is_bound(name) and name.id not in used:
            yield name.lineno, name.id


def _is_bound(name: ast.Name) -> bool:
    return isinstance(name.ctx, ast.Store)


def _own_scope(node: ast.AST) -> Iterator[ast.AST]:
    """Walk through a statement, but not into functions and comprehensions."""
    yield node
    scopes = ast.Lambda | Function | ast.ClassDef
    comprehensions = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
    for child in ast.iter_child_nodes(node):
        if isinstance(child, comprehensions):
            yield from (n for n in ast.walk(child) if isinstance(n, ast.Name) and not _is_bound(n))
        elif not isinstance(child, scopes):
            yield from _own_scope(child)


def _installs(notebook: NotebookFile) -> Iterator[Breach]:
    for cell, line, text in _magics(notebook):
        if _INSTALL.match(text):
            yield cell.breach(f"`{text[:60]}` installs packages", line)


def _moves(notebook: NotebookFile) -> Iterator[Breach]:
    names = collect(cell.tree for cell in notebook.cells)
    for cell, line, text in _magics(notebook):
        if _MOVE.match(text):
            yield cell.breach(f"`{text[:60]}` changes the folder", line)
    for cell, node in notebook.nodes():
        if isinstance(node, ast.Call) and dotted(node.func, names) == "os.chdir":
            yield cell.breach("os.chdir() changes the folder", node.lineno)


def _magics(notebook: NotebookFile) -> Iterator[tuple[CodeCell, int, str]]:
    for cell in notebook.cells:
        for line, text in cell.magics.items():
            yield cell, line, text


def _absolute_paths(notebook: NotebookFile) -> Iterator[Breach]:
    for cell in notebook.cells:
        texts = {id(node.value) for node in ast.walk(cell.tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(cell.tree):
            if isinstance(node, ast.Constant) and id(node) not in texts:
                text = node.value if isinstance(node.value, str) else ""
                if _HOMES.match(text) or _ROOTED.fullmatch(text):
                    yield cell.breach(f"the absolute path {text[:60]!r}", node.lineno)


def _asks(notebook: NotebookFile) -> Iterator[Breach]:
    """Find what is asked whenever the cell is run; what a function asks may never be."""
    names = collect(cell.tree for cell in notebook.cells)
    own = {node.name for _, node in notebook.nodes() if isinstance(node, Function | ast.ClassDef)}
    for cell in notebook.cells:
        for call in (call for node in cell.tree.body for call in _certain_calls(node)):
            name = dotted(call.func, names)
            if name in _PERSON and name not in own and not cell.may_fail:
                yield cell.breach(_PERSON[name], call.lineno)


def _certain_calls(node: ast.AST) -> Iterator[ast.Call]:
    """Walk through the calls that a statement makes whenever it is run."""
    if isinstance(node, Function | ast.ClassDef | ast.Lambda | ast.If | ast.Try | ast.IfExp):
        return
    if isinstance(node, ast.For | ast.While | ast.BoolOp | ast.With):
        return
    if isinstance(node, ast.Call):
        yield node
    for child in ast.iter_child_nodes(node):
        yield from _certain_calls(child)


NOT_A_NOTEBOOK: Rule[NotebookFile] = Rule(
    name="not-a-notebook",
    severity=Severity.ERROR,
    why="neither Jupyter nor the runner can open it",
    mend="restore it from git, or save it anew in Jupyter",
    check=nothing,
)

RULES: tuple[Rule[NotebookFile], ...] = (
    Rule(
        name="syntax-error",
        severity=Severity.ERROR,
        why="the run fails at this cell",
        mend="correct the cell; it is Python with IPython's magic lines",
        check=_unparsed,
    ),
    Rule(
        name="no-parameters",
        severity=Severity.HINT,
        why="no value can be given by -p",
        mend="tag the cell that assigns the defaults: Jupyter, Property Inspector, Cell Tags",
        check=_no_parameters,
        is_fixable=True,
    ),
    Rule(
        name="parameters-twice",
        severity=Severity.WARNING,
        why="papermill reads the first such cell only, so that -p does not know these names",
        mend=f"have one cell tagged `{PARAMETERS_TAG}`",
        check=_several_parameters,
    ),
    Rule(
        name="parameter-reassigned",
        severity=Severity.WARNING,
        why="a value given by -p is overwritten, so that -p has no effect",
        mend="remove the assignment, or give it another name",
        check=_reassigned,
    ),
    Rule(
        name="installs-packages",
        severity=Severity.WARNING,
        why="each start needs the network, takes longer, and may get other versions",
        mend="list the package in requirements.txt and remove the line",
        check=_installs,
    ),
    Rule(
        name="changes-folder",
        severity=Severity.WARNING,
        why="what relative paths mean then depends on which cells ran, and how often",
        mend="build paths from one root folder, which is a parameter",
        check=_moves,
    ),
    Rule(
        name="absolute-path",
        severity=Severity.WARNING,
        why="another machine or a container has no such folder",
        mend="make it a parameter, relative to the project's folder",
        check=_absolute_paths,
    ),
    Rule(
        name="asks-a-person",
        severity=Severity.ERROR,
        why="nobody is there to answer, and the run fails at this cell",
        mend="make the answer a parameter, or a variable of the environment",
        check=_asks,
    ),
)
