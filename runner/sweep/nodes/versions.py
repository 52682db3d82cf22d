"""Compare what the nodes have installed with what is installed here."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping

from runner import __version__
from runner.notebook import packages
from runner.notebook.document import Notebook

Versions = dict[str, str]
MISSING = "missing"


def names_for(document: Notebook) -> tuple[str, ...]:
    """Name the distributions that a notebook imports."""
    if not document.is_python:
        return ()
    return tuple(sorted(packages.owners(packages.imported(document)) - {"notebook-runner"}))


def own_versions(names: Iterable[str]) -> Versions:
    """Say what is installed here: Python, this package, and distributions of these names."""
    names = tuple(names)
    ours = {"Python": platform.python_version(), "runner": __version__}
    return ours | dict.fromkeys(names, MISSING) | packages.versions(names)


def differences(theirs: Mapping[str, str], ours: Mapping[str, str]) -> list[str]:
    """Say in words what a node has otherwise."""
    found = ((name, theirs.get(name, MISSING), version) for name, version in ours.items())
    return [f"{name} {there} (here {here})" for name, there, here in found if there != here]
