"""What a standby imports ahead."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from runner.spawn import notebook_imports


def test_only_what_is_installed_is_imported_ahead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A module beside the notebook may be edited before the run starts."""
    (tmp_path / "beside.py").write_text("raise SystemExit")
    monkeypatch.syspath_prepend(str(tmp_path))
    found = {
        name: notebook_imports.is_installed(name)
        for name in ("json", "click.core", "runner", "beside")
    }
    assert found == {"json": True, "click.core": True, "runner": True, "beside": False}
    notebook_imports.load(["beside", "none", "json.tool"])
    assert "beside" not in sys.modules
    assert "json.tool" in sys.modules
