"""Find out which packages a notebook uses or asks for, and which versions are installed."""

from __future__ import annotations

import ast
import importlib.metadata
import importlib.util
import re
import sys
from collections.abc import Iterable
from pathlib import Path

from runner.notebook.document import Notebook

_REQUIREMENT = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")


def imported(document: Notebook) -> set[str]:
    """List the packages that the code cells import outside of any function."""
    found: set[str] = set()
    for node in (node for read in document.codes for node in read.tree.body):
        if isinstance(node, ast.Import):
            found |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found - sys.stdlib_module_names


def owners(modules: set[str]) -> set[str]:
    """Name the distributions that top-level modules come from: ``sklearn``, scikit-learn.

    ``importlib.metadata.packages_distributions`` reads every file list there is, which takes
    a third of a second; these are only searched, and only those in the module's own folder.
    """
    return {name for module in modules for name in [_owner(module)] if name}


def required(notebook: Path) -> set[str]:
    """Name what the nearest requirements.txt at or above a notebook asks for."""
    file = requirements_of(notebook)
    return named_in(file) if file else set()


def named_in(file: Path) -> set[str]:
    """Name what a requirements file asks for, without versions, extras and options."""
    lines = _text(file).splitlines()
    return {found[1] for line in lines if (found := _REQUIREMENT.match(line))}


def requirements_of(notebook: Path) -> Path | None:
    """Give the nearest requirements.txt at or above a notebook, in its repository."""
    for folder in notebook.absolute().parents:
        if (folder / "requirements.txt").is_file():
            return folder / "requirements.txt"
        if (folder / ".git").exists():
            break
    return None


def versions(names: Iterable[str]) -> dict[str, str]:
    """Say which versions are installed, of those that are."""
    found = {}
    for name in sorted(names, key=str.lower):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _owner(module: str) -> str:
    """Name the distribution that a module comes from; empty if none or not to be found."""
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return ""
    if spec is None or not spec.origin or not spec.has_location:
        return ""
    file = Path(spec.origin)
    folder = file.parent.parent if spec.submodule_search_locations else file.parent
    named = [module, module.replace("_", "-")]
    for name in named:  # most are called like their module
        try:
            files = importlib.metadata.distribution(name).read_text("RECORD") or ""
        except importlib.metadata.PackageNotFoundError:
            continue
        if _lists(files, file.relative_to(folder)):
            return name
    for record in folder.glob("*.dist-info/RECORD"):
        if _lists(_text(record), file.relative_to(folder)):
            return importlib.metadata.Distribution.at(record.parent).metadata["Name"] or ""
    return ""


def _lists(files: str, file: Path) -> bool:
    wanted = f"{file.as_posix()},"
    return files.startswith(wanted) or f"\n{wanted}" in files


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
