"""A worker's files of the request log: whole lines, whatever the disk does."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path
from typing import Any

import pytest

from runner.http import request_file
from runner.http.request_file import RequestFile

LINE = b'{"a": 1}\n'


def written(folder: Path) -> bytes:
    """All that is in the files, in the order of their names."""
    return b"".join(path.read_bytes() for path in sorted(folder.glob("*.jsonl")))


def test_only_the_owner_may_read(tmp_path: Path) -> None:
    """The files, and the folder, also one that was there."""
    for folder in (tmp_path / "new" / "requests", tmp_path / "old"):
        if folder.name == "old":
            folder.mkdir(mode=0o755)
        RequestFile(folder, "r", 1_000).write(LINE)
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        (path,) = folder.iterdir()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_full_file_is_followed_by_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None has more than its bound, nor is open for longer than an hour."""
    seconds = iter(range(100))
    monkeypatch.setattr(
        request_file.time, "gmtime", lambda: (2026, 1, 1, 0, 0, next(seconds), 0, 1, 0)
    )
    file = RequestFile(tmp_path, "r", 2 * len(LINE))
    for _ in range(5):
        file.write(LINE)
    assert [path.stat().st_size for path in sorted(tmp_path.iterdir())] == [18, 18, 9]
    later = request_file.time.monotonic() + 3_601
    monkeypatch.setattr(request_file.time, "monotonic", lambda: later)
    file.write(LINE)
    assert [path.stat().st_size for path in sorted(tmp_path.iterdir())] == [18, 18, 9, 9]


@pytest.mark.parametrize("how", ["removed", "moved", "pruned"])
def test_a_folder_that_goes_is_made_again(tmp_path: Path, how: str) -> None:
    """And what is written goes there."""
    folder = tmp_path / "requests"
    file = RequestFile(folder, "r", 1_000)
    file.write(LINE)
    if how == "moved":
        folder.rename(tmp_path / "elsewhere")
    elif how == "removed":
        shutil.rmtree(folder)
    else:
        next(folder.iterdir()).unlink()
    file.write(b'{"b": 1}\n')
    assert written(folder) == b'{"b": 1}\n'


@pytest.mark.parametrize("at_once", [0, 1, 5, 8])
def test_what_the_disk_refuses_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    """Also when it took a part of it: no file ends with half a line."""
    file = RequestFile(tmp_path, "r", 1_000)
    file.write(LINE)
    write, taken = os.write, iter([at_once])

    def full(fd: int, data: bytes) -> int:
        size = next(taken, 0)
        if not size:
            raise OSError(28, "No space left on device")
        return write(fd, data[:size])

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        with pytest.raises(OSError, match="No space"):
            file.write(b'{"b": 1}\n')
    file.write(b'{"c": 1}\n')
    assert written(tmp_path) == LINE + b'{"c": 1}\n'


def test_nothing_is_written_through_a_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever may put one there would have us write elsewhere."""
    monkeypatch.setattr(request_file.time, "strftime", lambda *_: "now")
    other: Any = tmp_path / "other"
    other.touch()
    (tmp_path / f"now-r-{os.getpid()}.jsonl").symlink_to(other)
    with pytest.raises(OSError, match="symbolic"):
        RequestFile(tmp_path, "r", 1_000).write(LINE)
    assert other.read_bytes() == b""
