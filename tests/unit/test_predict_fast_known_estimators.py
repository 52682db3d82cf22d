"""Only a scikit-learn that was tested is trusted."""

from __future__ import annotations

import pytest
import sklearn

from runner.predict.fast.known_estimators import untested_version


def test_the_pinned_version_was_tested() -> None:
    """What requirements.txt brings has fast predictions."""
    assert untested_version() == ""


@pytest.mark.parametrize("version", ["1.5.0", "1.7.2", "1.4.1.post1", "1.9", "1.9.1"])
def test_releases_of_a_tested_series_count(version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bugfix release does not change what lies within; a series before the first may."""
    monkeypatch.setattr(sklearn, "__version__", version)
    assert untested_version() == ("" if not version.startswith("1.4") else version)


@pytest.mark.parametrize("version", ["1.10.0", "2.0", "1.9.0rc1", "1.9.dev0", "", "nonsense"])
def test_other_versions_are_named(version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A newer series, a release candidate and a development version are not trusted."""
    monkeypatch.setattr(sklearn, "__version__", version)
    assert untested_version() == version or (version == "" and untested_version() == "")
