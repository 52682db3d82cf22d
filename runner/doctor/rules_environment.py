"""Rules for what a notebook needs around it: packages, and the model that it reads."""

from __future__ import annotations

import ast
import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from runner.doctor import environment
from runner.doctor.findings import Rule, Severity, Spot
from runner.doctor.names import Names, collect
from runner.doctor.page import Cell, Page
from runner.serving import model_versions

_OURS = {"runner"}
_OPTIONAL = {"ImportError", "ModuleNotFoundError", "Exception"}
_LOADS = {
    "joblib.load",
    "pickle.load",
    "pickle.loads",
    "cloudpickle.load",
    "cloudpickle.loads",
    "dill.load",
    "dill.loads",
    "pandas.read_pickle",
    "skops.io.load",
}
_SUFFIXES = (".joblib", ".pkl", ".pickle")
_BIGGEST_CARD = 2**20


def _imports(page: Page) -> Iterator[tuple[Cell, int, str]]:
    """Give each third-party module that is imported, once, where it is not optional."""
    seen: set[str] = set()
    for cell in page.cells:
        optional = {id(node) for part in ast.walk(cell.tree) for node in _tried(part)}
        for node in ast.walk(cell.tree):
            for module in _modules(node) if id(node) not in optional else ():
                if module not in seen and module not in sys.stdlib_module_names | _OURS:
                    seen.add(module)
                    yield cell, node.lineno, module  # type: ignore[attr-defined] # an import


def _modules(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name.partition(".")[0] for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        return [node.module.partition(".")[0]]
    return []


def _tried(node: ast.AST) -> Iterator[ast.AST]:
    """Walk through what a ``try`` does without: its failed import is caught."""
    if not isinstance(node, ast.Try):
        return
    caught = {
        getattr(name, "id", "")
        for clause in node.handlers
        for name in (ast.walk(clause.type) if clause.type else [ast.Name("Exception")])
    }
    for part in node.body + node.handlers if caught & _OPTIONAL else []:
        yield from ast.walk(part)


def _absent(page: Page) -> Iterator[Spot]:
    folders = [Path.cwd(), page.path.parent]
    if page.document.kernel_name not in ("", "python3", "python"):
        return  # a kernel of another environment, which we do not see
    for cell, line, module in _imports(page):
        if not environment.is_importable(module, folders):
            (name,) = list(environment.distributions_of(module))[:1]
            what = f"{module!r} is not installed here (its package is {name})"
            yield Spot(cell=cell.name, line=line, what=what)


def _not_required(page: Page) -> Iterator[Spot]:
    asked = environment.requirements_for(page.path)
    if asked is None:
        return
    brought: set[str] = set().union(*(environment.brought_by(name) for name in asked.names()))
    for cell, line, module in _imports(page):
        names = environment.distributions_of(module)
        is_own = environment.is_local(module, [Path.cwd(), page.path.parent])
        if not is_own and not names & brought:
            what = (
                f"{module!r} is imported, but {'/'.join(sorted(names))} is not in {asked.path.name}"
            )
            yield Spot(cell=cell.name, line=line, what=what)


def _no_card(page: Page) -> Iterator[Spot]:
    for cell, line, path in _models(page):
        if path is None and not _looks_at_card(page):
            what = "it unpickles a model without comparing its hash with a card"
            yield Spot(cell=cell.name, line=line, what=what)
        elif path is not None and not path.with_suffix(".json").is_file():
            what = f"{path.name} is unpickled, and has no card {path.with_suffix('.json').name}"
            yield Spot(cell=cell.name, line=line, what=what)


def _not_its_card(page: Page) -> Iterator[Spot]:
    for cell, line, path in _models(page):
        asked = _card_of(path).get("sha256") if path else None
        if path and asked and asked != _sha256(path):
            what = f"{path.name} is not the file that {path.with_suffix('.json').name} describes"
            yield Spot(cell=cell.name, line=line, what=what)


def _other_version(page: Page) -> Iterator[Spot]:
    used = environment.version_in_use("scikit-learn", page.path)
    for cell, line, path in _models(page):
        made = _made_by(path) if path else ""
        if made and used and made != used:
            what = f"{path.name} was made by scikit-learn {made}, and {used} is to read it"  # type: ignore[union-attr] # see above
            yield Spot(cell=cell.name, line=line, what=what)


def _models(page: Page) -> Iterator[tuple[Cell, int, Path | None]]:
    """Give each call that unpickles, with each model file that the notebook names."""
    names = collect(cell.tree for cell in page.cells)
    files = sorted({path for path in map(_found(page), _named(page)) if path})
    loads = [(cell, node) for cell, node in page.nodes() if _is_load(node, names)]
    for cell, node in loads[:1]:
        for path in files or [None]:
            yield cell, node.lineno, path  # type: ignore[attr-defined] # a call


def _is_load(node: ast.AST, names: Names) -> bool:
    return isinstance(node, ast.Call) and names.of(node.func) in _LOADS


def _named(page: Page) -> list[str]:
    """List the texts of a notebook that name a pickle."""
    constants = [node.value for _, node in page.nodes() if isinstance(node, ast.Constant)]
    return [text for text in constants if isinstance(text, str) and text.endswith(_SUFFIXES)]


def _found(page: Page) -> Any:
    places = [Path.cwd(), page.path.parent, page.path.parent.parent]
    return lambda text: next((place / text for place in places if (place / text).is_file()), None)


def _looks_at_card(page: Page) -> bool:
    text = "\n".join(cell.source for cell in page.cells)
    return "sha256" in text or "hashlib" in text


def _card_of(path: Path) -> dict[str, Any]:
    card = path.with_suffix(".json")
    try:
        if card.stat().st_size > _BIGGEST_CARD:
            return {}
        content = json.loads(card.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _made_by(path: Path) -> str:
    """Name the scikit-learn that made a model, by its card or by the pickle itself."""
    card = _card_of(path)
    said = card.get("scikit-learn") or card.get("sklearn") or card.get("scikit_learn")
    if isinstance(said, str):
        return said
    with path.open("rb") as file:
        return model_versions.sklearn_version(file)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


RULES: tuple[Rule[Page], ...] = (
    Rule(
        name="import-absent",
        severity=Severity.ERROR,
        why="the run fails at this cell",
        mend="install the package, and list it in requirements.txt",
        check=_absent,
    ),
    Rule(
        name="import-not-required",
        severity=Severity.ERROR,
        why="an image or an environment that is made from requirements.txt lacks it, and the run "
        "fails there",
        mend="add the package, with its version, to requirements.txt",
        check=_not_required,
    ),
    Rule(
        name="model-without-card",
        severity=Severity.WARNING,
        why="unpickling can run any code, and nothing says whose file it is or by which versions "
        "it was made",
        mend="write a card beside it, as notebooks/train.ipynb does (sha256, versions, feature "
        "names), and compare the hash before loading",
        check=_no_card,
    ),
    Rule(
        name="model-not-its-card",
        severity=Severity.ERROR,
        why="the model was replaced without its card, and a notebook that compares them refuses it",
        mend="train it again, so that both are written",
        check=_not_its_card,
    ),
    Rule(
        name="model-version",
        severity=Severity.WARNING,
        why="a pickle read by another version may answer differently, or break",
        mend="train it again with the version that serves, or pin the version that trained it",
        check=_other_version,
    ),
)
