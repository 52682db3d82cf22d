"""The access log: short lines, and few that wait."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from runner.http import access_log
from runner.http.access_log import AccessLog
from runner.telemetry.request_trace import RequestTrace


def written(tmp_path: Path, path: str, *, is_json: bool) -> list[bytes]:
    """The lines for a request of a path."""
    out = tmp_path / "log"
    fd = os.open(out, os.O_CREAT | os.O_TRUNC | os.O_WRONLY)
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
    fd = os.open(out, os.O_CREAT | os.O_TRUNC | os.O_WRONLY)
    log = AccessLog(fd)
    log._has_some.set()  # so no thread begins to write
    for _ in range(8):
        log.add(client="c", method="GET", path="/" + "a" * 999, status=200, seconds=0.1)
    log._write_some()
    os.close(fd)
    lines = out.read_bytes().splitlines()
    assert len(lines) == 6
    assert lines[-1].endswith(b" WARNING 3 access log lines dropped")


def lines_of(tmp_path: Path, asked: list[tuple[str, str, int]], **settings: Any) -> list[str]:
    """The lines for requests, each a method, a path and the answer's status."""
    out = tmp_path / "log"
    fd = os.open(out, os.O_CREAT | os.O_TRUNC | os.O_WRONLY)
    log = AccessLog(fd, **settings)
    for method, path, status in asked:
        log.add(client="c", method=method, path=path, status=status, seconds=0.1)
    log.close()
    os.close(fd)
    return out.read_text().splitlines()


def test_health_checks_and_static_files_are_left_out(tmp_path: Path) -> None:
    """Not a static file that is missing, nor what is POSTed to such a path."""
    asked = [
        *(("GET", "/healthz", 200), ("HEAD", "/healthz", 503), ("GET", "/static/a.css", 200)),
        *(("GET", "/static/b.css", 404), ("POST", "/healthz", 200), ("GET", "/a", 200)),
    ]
    shown = lines_of(tmp_path, asked, left_out={"/healthz"})
    assert [line.split(" c ")[1].split(" ")[:3] for line in shown] == [
        ["GET", "/static/b.css", "404"],
        ["POST", "/healthz", "200"],
        ["GET", "/a", "200"],
    ]
    assert len(lines_of(tmp_path, asked)) == len(asked)


def test_a_failure_of_the_service_is_an_error(tmp_path: Path) -> None:
    """And all that is left, where only errors are asked for; what a client asks amiss is none."""
    asked = [("GET", "/", status) for status in (200, 404, 501, 505, 500, 503)]
    levels = [line.split()[1] for line in lines_of(tmp_path, asked)]
    assert levels == [*["INFO"] * 4, "ERROR", "ERROR"]
    shown = lines_of(tmp_path, asked, is_json=True, only_errors=True)
    assert [(json.loads(line)["level"], json.loads(line)["status"]) for line in shown] == [
        ("error", 500),
        ("error", 503),
    ]


def test_a_line_names_the_request(tmp_path: Path) -> None:
    """By the trace that the client has named, and by a name of its own."""
    trace = RequestTrace(b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    out = tmp_path / "log"
    fd = os.open(out, os.O_CREAT | os.O_TRUNC | os.O_WRONLY)
    for is_json in (False, True):
        log = AccessLog(fd, is_json=is_json, facts=lambda: {"run": "r", "worker": 7})
        log.add(client="c", method="GET", path="/", status=200, seconds=0.1, trace=trace)
        for _ in range(2):
            log.add(client="c", method="GET", path="/", status=200, seconds=0.1)
        log.close()
    os.close(fd)
    text, own, other, *rest = out.read_text().splitlines()
    assert text.endswith(" trace=0af7651916cd43dd8448eb211c80319c")
    assert all(re.search(r" id=[0-9a-f]{16}$", line) for line in (own, other))
    assert own[-16:] != other[-16:]
    traced, named, another = map(json.loads, rest)
    assert (traced["trace_id"], traced["id"]) == (trace.trace_id, trace.id)
    assert (named["run"], named["worker"], "trace_id" in named) == ("r", 7, False)
    assert len({named["id"], traced["id"], another["id"]}) == 3
