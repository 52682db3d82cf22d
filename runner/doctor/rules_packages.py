"""Rules for what a notebook asks for in a block of PEP 723 in its first code cell."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Iterator

from packaging.requirements import Requirement

from runner.doctor.findings import Breach, Rule, Severity
from runner.doctor.notebook_file import NotebookFile
from runner.notebook import script_metadata
from runner.notebook.script_metadata import ScriptMetadata


def _malformed(notebook: NotebookFile) -> Iterator[Breach]:
    if found := script_metadata.read(notebook.document):
        for fault in found.faults:
            yield _breach(notebook, found, fault.what, fault.line)
    for index, line in script_metadata.blocks_elsewhere(notebook.document):
        what = "the block of PEP 723 is not in the first code cell, and nobody reads it"
        yield next(cell for cell in notebook.cells if cell.number == index + 1).breach(what, line)


def _missing(notebook: NotebookFile) -> Iterator[Breach]:
    if found := _of_our_python(notebook):
        for wanted in found.dependencies:
            if said := _lacks(wanted):
                yield _breach(notebook, found, said)


def _lacks(wanted: Requirement) -> str:
    """Say what is missing for a requirement; empty if nothing is."""
    if wanted.marker and not wanted.marker.evaluate():
        return ""
    try:
        version = importlib.metadata.version(wanted.name)
    except importlib.metadata.PackageNotFoundError:
        return f"it asks for {wanted}, and that is not installed here"
    if wanted.specifier.contains(version, prereleases=True):
        return ""
    return f"it asks for {wanted}, and {version} is installed here"


def _other_python(notebook: NotebookFile) -> Iterator[Breach]:
    found = _of_our_python(notebook)
    here = platform.python_version()
    if found and not found.requires_python.contains(here, prereleases=True):
        what = f"it asks for Python {found.requires_python}, and this is {here}"
        yield _breach(notebook, found, what)


def _of_our_python(notebook: NotebookFile) -> ScriptMetadata | None:
    """Give what a notebook asks for; None if its kernel has another Python, which is not asked."""
    found = script_metadata.read(notebook.document)
    if not found or notebook.document.kernel_name == "python3":
        return found
    from runner.run import kernelspecs  # whose library takes a moment to be imported

    return found if kernelspecs.has_our_python(notebook.document.kernel_name) else None


def _breach(notebook: NotebookFile, found: ScriptMetadata, what: str, line: int = 0) -> Breach:
    cell = next(cell for cell in notebook.cells if cell.number == found.cell + 1)
    return cell.breach(what, line or found.line)


RULES: tuple[Rule[NotebookFile], ...] = (
    Rule(
        name="script-metadata",
        severity=Severity.WARNING,
        why="what is malformed in a block of PEP 723 is left out, by each tool that reads it",
        mend="write it as `# /// script`, lines of TOML behind `# `, and `# ///`, in the first code"
        " cell",
        check=_malformed,
    ),
    Rule(
        name="missing-package",
        severity=Severity.WARNING,
        why="the notebook is run by other packages than it says that it needs, and may fail",
        mend="install it here, or correct the block of PEP 723",
        check=_missing,
    ),
    Rule(
        name="python-version",
        severity=Severity.WARNING,
        why="the notebook is run by another Python than it says that it needs, and may fail",
        mend="run it by a Python of that version, or correct the block of PEP 723",
        check=_other_python,
    ),
)
