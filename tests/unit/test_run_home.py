"""Where notebooks find a home, if the system has none for them."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import pytest

from runner import files
from runner.errors import ConfigurationError
from runner.run.home import writable_home


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def refuse(monkeypatch: pytest.MonkeyPatch, *refused: Path) -> None:
    """Have some folders, and what is in them, not be ours to write: root may write all."""
    may_write = files.may_write

    def may(path: Path) -> bool:
        return not any(path.is_relative_to(each) for each in refused) and may_write(path)

    monkeypatch.setattr(files, "may_write", may)


def test_a_home_that_can_be_written_is_left_alone(tmp_path: Path) -> None:
    """Nothing is made, and nothing is set."""
    environ = {"HOME": str(tmp_path)}
    with writable_home(environ):
        assert environ == {"HOME": str(tmp_path)}
        assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("home", ["/", "/nowhere/at/all"])
def test_who_has_no_home_gets_one_that_goes(home: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The root is the home of a user id that no list has."""
    may_write = files.may_write
    monkeypatch.setattr(files, "may_write", lambda path: path != Path("/") and may_write(path))
    environ = {"HOME": home}
    with writable_home(environ):
        made = Path(environ["HOME"])
        assert os.access(made, os.W_OK)
    assert not made.exists()


def test_a_home_that_can_be_read_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Packages may lie in it; what IPython and Jupyter write goes elsewhere unless it was said."""
    home = tmp_path / "home"
    home.mkdir()
    refuse(monkeypatch, home)
    environ = {"HOME": str(home), "JUPYTER_RUNTIME_DIR": "/said"}
    with writable_home(environ):
        assert environ["HOME"] == str(home)
        assert environ["JUPYTER_RUNTIME_DIR"] == "/said"
        assert files.can_be_made(Path(environ["IPYTHONDIR"]))


def test_a_user_that_no_list_has_gets_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Libraries ask for it, and fail if there is none."""
    monkeypatch.setattr(os, "geteuid", lambda: 54321)
    environ = {"HOME": str(tmp_path)}
    refuse(monkeypatch)
    with writable_home(environ):
        assert environ["LOGNAME"] == "user-54321"
    environ = {"HOME": str(tmp_path), "USER": "said"}
    with writable_home(environ):
        assert "LOGNAME" not in environ


def test_temporary_files_go_into_memory_or_are_said_to_be_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python's own choice fails then, in the middle of something."""

    def fail() -> Any:
        raise FileNotFoundError

    monkeypatch.setattr(tempfile, "gettempdir", fail)
    environ = {"HOME": str(tmp_path)}
    with writable_home(environ):
        assert environ["TMPDIR"] == tempfile.tempdir == "/dev/shm"
    refuse(monkeypatch, Path("/dev/shm"))
    with pytest.raises(ConfigurationError, match="temporary"), writable_home({}):
        pass
