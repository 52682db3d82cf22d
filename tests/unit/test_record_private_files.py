"""What is left of runs can be read by who ran them, and by those they name."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.config import record_mode
from runner.errors import ConfigurationError
from runner.record.ledger import Ledger
from runner.record.out import OutFile, out_at
from runner.record.private_files import make_private_folder


def modes(root: Path) -> dict[str, int]:
    """The permissions of all that lies below a folder."""
    return {path.name: path.stat().st_mode & 0o777 for path in root.rglob("*")}


@pytest.mark.parametrize(
    ("said", "of_files", "of_folders"), [("", 0o600, 0o700), ("0640", 0o640, 0o750)]
)
@pytest.mark.usefixtures("usual_umask")
def test_records_and_their_folders_are_their_owners(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, of_files: int, of_folders: int
) -> None:
    """Whatever the umask lets others read; RUNNER_RECORD_MODE lets in more."""
    monkeypatch.setenv("RUNNER_RECORD_MODE", said)
    out = OutFile(tmp_path / "runs/serve/out.ipynb")
    with out.claimed():
        out.write("{}")
    Ledger(out.path.parent).add("a.ipynb")
    assert modes(tmp_path) == {
        "runs": of_folders,
        "serve": of_folders,
        "out.ipynb": of_files,
        ".ledger": of_files,
    }


@pytest.mark.usefixtures("usual_umask")
def test_a_folder_of_others_and_a_file_that_was_opened_to_them_stay_so(tmp_path: Path) -> None:
    """Only what we make is ours to close."""
    (tmp_path / "runs").mkdir()
    out = OutFile(tmp_path / "runs/out.ipynb")
    out.write("{}")
    out.path.chmod(0o644)
    out.write("{}")
    make_private_folder(tmp_path / "runs")
    assert modes(tmp_path) == {"runs": 0o755, "out.ipynb": 0o644}


@pytest.mark.parametrize("said", ["0400", "0888", "rw", "1777", "60"])
def test_permissions_that_are_none_are_refused_before_anything_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    """By the variable's name."""
    with pytest.raises(ConfigurationError, match=rf"RUNNER_RECORD_MODE={said}: no permissions"):
        record_mode({"RUNNER_RECORD_MODE": said})
    monkeypatch.setenv("RUNNER_RECORD_MODE", said)
    with pytest.raises(ConfigurationError, match="RUNNER_RECORD_MODE"):
        out_at(tmp_path / "out.ipynb")
