"""Versions: what a node has otherwise is told by name."""

from __future__ import annotations

import platform
from pathlib import Path

from support import write_notebook

from runner.notebook import document
from runner.sweep.nodes.versions import differences, names_for, own_versions


def test_what_the_notebook_imports_is_compared(tmp_path: Path) -> None:
    """By the names of the distributions; Python and this package are compared always."""
    path = write_notebook(tmp_path / "a.ipynb", "import yaml, json\nfrom runner import serve")
    assert names_for(document.read(path)) == ("PyYAML",)
    ours = own_versions(["PyYAML", "no-such-thing"])
    assert ours["Python"] == platform.python_version()
    assert ours["no-such-thing"] == "missing"
    assert {"runner", "PyYAML"} <= ours.keys()


def test_differences_say_what_is_there_and_here() -> None:
    """Also of what one of them lacks."""
    ours = {"Python": "3.11.7", "numpy": "2.1", "pandas": "3.0"}
    assert differences({"Python": "3.12.1", "numpy": "2.1"}, ours) == [
        "Python 3.12.1 (here 3.11.7)",
        "pandas missing (here 3.0)",
    ]
    assert differences(ours, ours) == []
