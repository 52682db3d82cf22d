"""Rules for the models that a notebook reads, and for their cards."""

from __future__ import annotations

import ast
import contextlib
import hashlib
import importlib.metadata
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from runner.doctor.findings import Breach, Rule, Severity
from runner.doctor.notebook_file import CodeCell, NotebookFile
from runner.notebook.names import collect, dotted

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


def _no_card(notebook: NotebookFile) -> Iterator[Breach]:
    for cell, line, path in _models(notebook):
        if path is None and not _looks_at_card(notebook):
            yield cell.breach("it unpickles a model without comparing its hash with a card", line)
        elif path is not None and not path.with_suffix(".json").is_file():
            card = path.with_suffix(".json").name
            yield cell.breach(f"{path.name} is unpickled, and has no card {card}", line)


def _not_its_card(notebook: NotebookFile) -> Iterator[Breach]:
    for cell, line, path in _models(notebook):
        described = _card_of(path).get("sha256") if path else None
        if path and described and described != _sha256(path):
            card = path.with_suffix(".json").name
            yield cell.breach(f"{path.name} is not the file that {card} describes", line)


def _other_version(notebook: NotebookFile) -> Iterator[Breach]:
    here = _installed("scikit-learn")
    for cell, line, path in _models(notebook):
        card = _card_of(path) if path else {}
        made = card.get("scikit-learn") or card.get("sklearn") or card.get("scikit_learn")
        if path and isinstance(made, str) and here and made != here:
            what = f"{path.name} was made by scikit-learn {made}, and {here} is to read it"
            yield cell.breach(what, line)


def _models(notebook: NotebookFile) -> Iterator[tuple[CodeCell, int, Path | None]]:
    """Give the first call that unpickles, with each model file that the notebook names."""
    names = collect(cell.tree for cell in notebook.cells)
    found = {path for name in _named(notebook) if (path := _found(name, notebook.path))}
    files: list[Path | None] = [*sorted(found)] or [None]
    for cell, node in notebook.nodes():
        if isinstance(node, ast.Call) and dotted(node.func, names) in _LOADS:
            for path in files:
                yield cell, node.lineno, path
            return


def _named(notebook: NotebookFile) -> list[str]:
    """List the texts of a notebook that name a pickle."""
    constants = [node.value for _, node in notebook.nodes() if isinstance(node, ast.Constant)]
    return [text for text in constants if isinstance(text, str) and text.endswith(_SUFFIXES)]


def _found(name: str, notebook: Path) -> Path | None:
    folders = (Path.cwd(), notebook.parent, notebook.parent.parent)
    with contextlib.suppress(OSError):  # a text that no file can be called
        return next((folder / name for folder in folders if (folder / name).is_file()), None)
    return None


def _looks_at_card(notebook: NotebookFile) -> bool:
    text = "\n".join(cell.source for cell in notebook.cells)
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


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _installed(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return ""


RULES: tuple[Rule[NotebookFile], ...] = (
    Rule(
        name="model-without-card",
        severity=Severity.WARNING,
        why="unpickling can run any code, and nothing says whose file it is or by which versions "
        "it was made",
        mend="write it by `save_model` and read it by `load_model`, which compares the hash first",
        check=_no_card,
    ),
    Rule(
        name="model-not-its-card",
        severity=Severity.WARNING,
        why="the model was replaced without its card, and `load_model` refuses it",
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
