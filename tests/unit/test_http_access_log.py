"""The access log: short lines, and few that wait."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from runner.http import access_log
from runner.http.access_log import AccessLog


def written(tmp_path: Path, path: str, *, is_json: bool) -> list[bytes]:
    """The lines for a request of a path."""
    out = tmp_path / "log"
    fd = os.open(out, os.O_CREAT | os.O_WRONLY)
    log = AccessLog(fd, is_json=is_json)
    log.add(client="c", method="GET", path=path, status=200, seconds=0.1)
    log.close()
    os.close(fd)
    return out.read_bytes().splitlines()


@pytest.mark.parametrize("is_json", [False, True])
@pytest.mark.parametrize("letter", ["a", "\n", "é", "\U0001f600"])
def test_a_line_is_cut(tmp_path: Path, letter: str, *, is_json: bool) -> None:
    """Whatever its path is made of, it has 2 KB at most, and stays one line."""
    (line,) = written(tmp_path, "/" + letter * 60_000, is_json=is_json)
    assert len(line) <= 2048
    if is_json:
        assert json.loads(line)["path"].startswith("/" + letter * 100)


def test_what_waits_is_bounded_in_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not fit is dropped and counted."""
    monkeypatch.setattr(access_log, "_MOST_BYTES", 5_000)
    out = tmp_path / "log"
    fd = os.open(out, os.O_CREAT | os.O_WRONLY)
    log = AccessLog(fd)
    log._has_some.set()  # so no thread begins to write
    for _ in range(8):
        log.add(client="c", method="GET", path="/" + "a" * 999, status=200, seconds=0.1)
    log._write_some()
    os.close(fd)
    lines = out.read_bytes().splitlines()
    assert len(lines) == 6
    assert lines[-1] == b"3 access log lines dropped"
