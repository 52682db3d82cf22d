"""Find the files, hold every rule against them, and leave out what the author silenced."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from runner.doctor import (
    rules_cells,
    rules_dockerfile,
    rules_models,
    rules_packages,
    rules_requirements,
    rules_run,
    rules_serving,
    rules_start,
)
from runner.doctor.dockerfile import read_dockerfile
from runner.doctor.findings import Breach, Finding, Rule
from runner.doctor.fixes import can_mend
from runner.doctor.notebook_file import NotebookFile, read_notebook
from runner.doctor.requirements_file import REQUIREMENTS, read_requirements
from runner.errors import ConfigurationError

DOCKERFILES = ("dockerfile", "Dockerfile")

NOTEBOOK_RULES = (
    *rules_start.RULES,
    *rules_packages.RULES,
    *rules_cells.RULES,
    *rules_serving.RULES,
    *rules_models.RULES,
)
ALL_RULES: tuple[Rule[Any], ...] = (
    rules_cells.NOT_A_NOTEBOOK,
    *NOTEBOOK_RULES,
    *rules_run.RULES,
    *rules_requirements.RULES,
    *rules_dockerfile.RULES,
)

_SILENCED = re.compile(
    r"#\s*doctor:\s*ignore(?P<everywhere>-notebook|-file)?\[(?P<rules>[\w\s,-]+)\]"
)
_LEFT_OUT = {".ipynb_checkpoints", "runs", ".venv", "node_modules"}


def files_to_examine(given: Iterable[Path]) -> list[Path]:
    """List what to examine: what was given, or all that there is in the working folder.

    Raises:
        ConfigurationError: There is nothing, or what was given does not exist.
    """
    named = list(given)
    if not named:
        return _everything()
    for path in named:
        if not path.exists():
            read_notebook(path)  # which says what else there is
    return [file for path in named for file in (_notebooks(path) if _is_folder(path) else [path])]


def _is_folder(path: Path) -> bool:
    return path.is_dir() and path.suffix != ".ipynb"


def _notebooks(folder: Path) -> list[Path]:
    found = sorted(folder.rglob("*.ipynb"))
    return [path for path in found if not _LEFT_OUT & set(path.relative_to(folder).parts)]


def _everything() -> list[Path]:
    folder = Path("notebooks")
    found = _notebooks(folder) if folder.is_dir() else sorted(Path().glob("*.ipynb"))
    beside = {path.name: path for path in Path().iterdir() if path.is_file()}
    found += [beside[name] for name in (REQUIREMENTS, *DOCKERFILES) if name in beside]
    if not found:
        raise ConfigurationError(
            "there is no notebook here, and no notebooks/", hint="runner doctor NOTEBOOK"
        )
    return found


def examine(path: Path) -> list[Finding]:
    """Hold the rules for this kind of file against it.

    Raises:
        ConfigurationError: It cannot be read at all.
    """
    try:
        if path.name == REQUIREMENTS or (path.suffix == ".txt" and "require" in path.name):
            requirements = read_requirements(path)
            return _broken(path, requirements, requirements.text, rules_requirements.RULES)
        if path.name.lower() == "dockerfile" or path.suffix.lower() == ".dockerfile":
            dockerfile = read_dockerfile(path)
            return _broken(path, dockerfile, dockerfile.text, rules_dockerfile.RULES)
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror}") from error
    return _examine_notebook(path)


def _examine_notebook(path: Path) -> list[Finding]:
    try:
        notebook = read_notebook(path)
    except ConfigurationError as error:
        what = str(error).removeprefix(f"{path}: ")
        return [Finding(file=path, rule=rules_cells.NOT_A_NOTEBOOK, breach=Breach(what=what))]
    found = without_silenced(notebook, _broken(path, notebook, "", NOTEBOOK_RULES))
    return sorted(found, key=lambda one: (one.breach.cell, one.breach.line))


def without_silenced(notebook: NotebookFile, found: list[Finding]) -> list[Finding]:
    """Leave out what comments in the notebook's cells silence."""
    cells = notebook.cells
    silenced = {(cell.number, rule) for cell in cells for rule in _silenced(cell.source, "")}
    everywhere = {rule for cell in cells for rule in _silenced(cell.source, "-notebook")}
    return [
        finding
        for finding in found
        if finding.rule.name not in everywhere
        and (finding.breach.cell, finding.rule.name) not in silenced
    ]


def _broken(path: Path, subject: Any, text: str, rules: Iterable[Rule[Any]]) -> list[Finding]:
    silenced = set(_silenced(text, ""))
    return [
        Finding(file=path, rule=rule, breach=breach, is_fixable=can_mend(rule, subject))
        for rule in rules
        if rule.name not in silenced
        for breach in rule.check(subject)
    ]


def _silenced(text: str, where: str) -> Iterator[str]:
    for match in _SILENCED.finditer(text):
        if (match["everywhere"] or "") == where:
            yield from re.split(r"[\s,]+", match["rules"].strip())
