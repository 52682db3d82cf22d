"""Rules for what a notebook's cells say: its form, its parameters, its habits."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from runner.doctor import names, output_secrets
from runner.doctor.findings import Rule, Severity, Spot, nothing
from runner.doctor.page import Cell, Page
from runner.notebook.document import PARAMETERS_TAG

_HOMES = re.compile(r"(/home/|/Users/|/root/)[\w.-]|[A-Za-z]:[\\/]+\w|~/\w")
_ROOTED = re.compile(
    r"/(mnt|media|content|Volumes)/\w.*"
    r"|/(data|workspace|srv|opt|var|usr)/.*\w\.\w{1,8}"
    r"|/(?!tmp/).+\.(csv|tsv|joblib|pkl|pickle|parquet|feather|npy|npz|h5|onnx|pt|xlsx|sqlite)"
)
_INSTALL = re.compile(
    r"[%!]+\s*(\w+\s+-m\s+)?(pip3?|conda|mamba|uv)\b.*\b(install|add|update|upgrade)\b"
)
_MOVE = re.compile(r"[%!]+\s*(cd|pushd|popd)\b")
_PERSON = {
    "input": "input() asks a person",
    "getpass.getpass": "getpass() asks a person",
    "breakpoint": "breakpoint() waits for a person",
    "pdb.set_trace": "set_trace() waits for a person",
    "IPython.core.debugger.set_trace": "set_trace() waits for a person",
}


def _unparsed(page: Page) -> Iterator[Spot]:
    for cell in page.cells:
        if cell.fault:
            yield Spot(cell=cell.name, line=cell.fault.lineno or 1, what=f"{cell.fault.msg}")


def _no_code(page: Page) -> Iterator[Spot]:
    if not any(cell.source.strip() for cell in page.cells):
        yield Spot(what="it has no code")


def _no_parameters(page: Page) -> Iterator[Spot]:
    is_plain = page.document.is_python and any(cell.tree.body for cell in page.cells)
    if is_plain and not page.parameters_cells:
        candidate = parameters_candidate(page)
        guess = f"; cell {candidate.name} looks like it" if candidate else ""
        yield Spot(
            what=f"no cell is tagged `parameters`{guess}", cell=getattr(candidate, "name", "")
        )


def parameters_candidate(page: Page) -> Cell | None:
    """Give the one cell that assigns nothing but literals and stands before any other work."""
    found = [cell for cell in page.cells if _is_literal(cell)]
    if len(found) != 1:
        return None
    before = page.cells[: page.cells.index(found[0])]
    is_early = all(
        isinstance(node, ast.Import | ast.ImportFrom | ast.Expr)
        for cell in before
        for node in cell.tree.body
    )
    return found[0] if is_early else None


def _is_literal(cell: Cell) -> bool:
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


def _several_parameters(page: Page) -> Iterator[Spot]:
    for cell in page.parameters_cells[1:]:
        what = (
            f"a second cell is tagged `parameters`; cell {page.parameters_cells[0].name} is first"
        )
        yield Spot(cell=cell.name, what=what)


def _reassigned(page: Page) -> Iterator[Spot]:
    if not page.parameters_cells:
        return
    declared, first = page.parameters, page.cells.index(page.parameters_cells[0])
    later = [cell for cell in page.cells[first + 1 :] if "injected-parameters" not in cell.tags]
    for cell in later:
        for line, name in (found for node in cell.tree.body for found in _overwritten(node)):
            if name in declared:
                yield Spot(cell=cell.name, line=line, what=f"parameter {name!r} is assigned again")


def _overwritten(node: ast.AST) -> Iterator[tuple[int, str]]:
    """Name what a statement binds without having used it, with the line."""
    if isinstance(node, names.Function | ast.ClassDef):
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
    scopes = ast.Lambda | names.Function | ast.ClassDef
    comprehensions = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
    for child in ast.iter_child_nodes(node):
        if isinstance(child, comprehensions):
            yield from (n for n in ast.walk(child) if isinstance(n, ast.Name) and not _is_bound(n))
        elif not isinstance(child, scopes):
            yield from _own_scope(child)


def _installs(page: Page) -> Iterator[Spot]:
    for cell in page.cells:
        for line, text in cell.magics.items():
            if _INSTALL.match(text):
                yield Spot(cell=cell.name, line=line, what=f"`{text[:60]}` installs packages")


def _moves(page: Page) -> Iterator[Spot]:
    found = names.collect(cell.tree for cell in page.cells)
    for cell in page.cells:
        for line, text in cell.magics.items():
            if _MOVE.match(text):
                yield Spot(cell=cell.name, line=line, what=f"`{text[:60]}` changes the folder")
    for cell, node in page.nodes():
        if isinstance(node, ast.Call) and found.of(node.func) == "os.chdir":
            yield Spot(cell=cell.name, line=node.lineno, what="os.chdir() changes the folder")


def _absolute_paths(page: Page) -> Iterator[Spot]:
    for cell in page.cells:
        documentation = {
            id(node.value) for node in ast.walk(cell.tree) if isinstance(node, ast.Expr)
        }
        for node in ast.walk(cell.tree):
            if isinstance(node, ast.Constant) and id(node) not in documentation:
                text = node.value if isinstance(node.value, str) else ""
                if _HOMES.match(text) or _ROOTED.fullmatch(text):
                    what = f"the absolute path {text[:60]!r}"
                    yield Spot(cell=cell.name, line=node.lineno, what=what)


def _asks(page: Page) -> Iterator[Spot]:
    found = names.collect(cell.tree for cell in page.cells)
    own = found.functions.keys() | found.classes.keys()
    for cell, node in page.nodes():
        name = found.of(node.func) if isinstance(node, ast.Call) else ""
        if name in _PERSON and name not in own and isinstance(node, ast.Call):
            yield Spot(cell=cell.name, line=node.lineno, what=_PERSON[name])


def _secrets_shown(page: Page) -> Iterator[Spot]:
    for cell in page.cells:
        for number, output in enumerate(cell.outputs, 1):
            for secret in output_secrets.within(output_secrets.text_of(output)):
                yield Spot(cell=cell.name, what=f"output {number} holds {secret}")


def _secrets_written(page: Page) -> Iterator[Spot]:
    for cell in page.cells:
        for number, line in enumerate(cell.source.splitlines(), 1):
            for secret in output_secrets.within(line, only_known=True):
                yield Spot(cell=cell.name, line=number, what=f"its source holds {secret}")


NOT_A_NOTEBOOK: Rule[Page] = Rule(
    name="not-a-notebook",
    severity=Severity.ERROR,
    why="neither Jupyter nor the runner can open it",
    mend="restore it from git, or save it anew in Jupyter",
    check=nothing,
)

RULES: tuple[Rule[Page], ...] = (
    Rule(
        name="syntax-error",
        severity=Severity.ERROR,
        why="the run fails at this cell",
        mend="correct the cell; it is Python with IPython's magic lines",
        check=_unparsed,
    ),
    Rule(
        name="no-code",
        severity=Severity.WARNING,
        why="there is nothing to run or to serve",
        mend="write the code cells, or move the file out of the way",
        check=_no_code,
    ),
    Rule(
        name="no-parameters",
        severity=Severity.WARNING,
        why="no value can be given by -p, and --host and --port do not reach the notebook",
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
        severity=Severity.ERROR,
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
    Rule(
        name="secret-in-output",
        severity=Severity.ERROR,
        why="whoever can read the file has it, and git keeps it for ever",
        mend="revoke it at its issuer, then clear the output",
        check=_secrets_shown,
        is_fixable=True,
    ),
    Rule(
        name="secret-in-source",
        severity=Severity.ERROR,
        why="whoever can read the notebook or its record has it, and git keeps it for ever",
        mend="revoke it at its issuer, and read it from os.environ",
        check=_secrets_written,
    ),
)
