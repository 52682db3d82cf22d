"""What a standby imports ahead."""

from __future__ import annotations

import sys
import warnings
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
    assert notebook_imports.ahead(["json", "beside", "click"]) == ["json"]
    assert notebook_imports.ahead(["none", "click"]) == []
    notebook_imports.load(["beside", "json.tool"], ["this_is_none", "wsgiref.simple_server"])
    assert "beside" not in sys.modules
    assert "wsgiref.simple_server" in sys.modules


def test_filters_of_warnings_that_an_import_sets_stay_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cell that imports it finds it imported, and so what it has set; it has said nothing."""
    package = tmp_path / "site-packages/sets_filters.py"
    package.parent.mkdir()
    package.write_text(
        "import warnings\nwarnings.filterwarnings('ignore', 'as it likes')\n"
        "def warn(): warnings.warn('of something', UserWarning)\nwarn()"
    )
    monkeypatch.syspath_prepend(str(package.parent))
    with warnings.catch_warnings(record=True):
        warnings.resetwarnings()
        warnings.simplefilter("ignore")
        warnings.simplefilter("default", UserWarning)
        notebook_imports.load(["sets_filters"])
        assert any(each[1] and each[1].pattern == "as it likes" for each in warnings.filters)
        with pytest.warns(UserWarning, match="of something"):
            sys.modules["sets_filters"].warn()
