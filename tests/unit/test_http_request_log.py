"""The request log: bounded, and nobody waits for it."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from support import until

from runner.http import request_log
from runner.http.recording import Exchanged
from runner.http.request_file import RequestFile
from runner.http.request_line import LineWriter
from runner.http.request_log import RequestLog, request_log_of
from runner.record import request_files
from runner.record.requests import read
from runner.telemetry.raised import MOST as MOST_RAISED
from runner.telemetry.request_trace import RequestTrace

ASKED = Exchanged(b"", (), b"1", (), b"2")
FACTS: dict[str, Any] = {"method": "POST", "path": "/", "status": 200, "seconds": 0.1}


class Disk:
    """Be the file of a disk that may be full.

    Attributes:
        taken: What was written.
    """

    def __init__(self) -> None:
        self.taken = b""
        self.is_full = False

    def write(self, lines: bytes) -> None:
        if self.is_full:
            raise OSError(28, "No space left on device")
        self.taken += lines

    def close(self) -> None:
        pass


def log_on(disk: Disk, rate: float = 1.0, most: int = 10**9) -> RequestLog:
    """A request log on a disk."""
    file: Any = disk
    return RequestLog(rate, lambda: file, LineWriter, most)


def test_what_was_added_is_written(tmp_path: Path) -> None:
    """When the worker ends at the latest."""
    log = RequestLog(1.0, lambda: RequestFile(tmp_path, "r", 10**6), LineWriter, 10**6)
    for number in range(100):
        log.add(ASKED, **(FACTS | {"path": f"/{number}"}))
    log.close()
    assert [found.path for found in read(tmp_path)] == [f"/{n}" for n in reversed(range(100))]


def test_what_waits_is_bounded_in_bytes(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What does not fit is dropped, counted, and told once."""
    monkeypatch.setattr(request_log, "_MOST_WAITING", 10_000)
    monkeypatch.setattr(request_log, "_EVERY", 30.0)
    disk, dropped = Disk(), []
    log = log_on(disk)
    log.on_dropped = dropped.append
    for _ in range(4):
        log.add(ASKED._replace(body=b"x" * 4_000), **FACTS)
    log.close()
    assert disk.taken.count(b"\n") == 1
    assert dropped == [3]
    assert [record.getMessage() for record in caplog.records] == ["3 requests were not recorded"]


def test_a_full_disk_is_told_once_and_tried_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Requests are recorded when it takes some again."""
    for name in ("_EVERY", "_RETRY_AFTER"):
        monkeypatch.setattr(request_log, name, 0.001)
    disk, dropped = Disk(), []
    disk.is_full = True
    log = log_on(disk)
    log.on_dropped = dropped.append
    for number in range(1, 6):
        log.add(ASKED, **FACTS)
        until(lambda number=number: sum(dropped) == number)  # type: ignore[misc]
    disk.is_full = False
    until(lambda: log.add(ASKED, **FACTS) or disk.taken)
    log.close()
    said = [record.getMessage() for record in caplog.records]
    assert [text.partition(":")[0] for text in said if "not recorded" not in text] == [
        "requests cannot be recorded",
        "requests are recorded again",
    ]


def test_no_more_waits_than_is_soon_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where little may be written, what is new is not dropped for what has waited for long."""
    monkeypatch.setattr(request_log, "_EVERY", 3_600.0)
    disk = Disk()
    log = log_on(disk, most=1_000)
    for _ in range(100):
        log.add(ASKED._replace(body=b"x" * 60_000), **FACTS)
    log.close()
    assert disk.taken.count(b"\n") == 4


def test_a_failure_counts_for_as_much_as_may_be_told_of_it() -> None:
    """Whether by its status or behind its head; that it is told later changes nothing."""
    log, trace = log_on(Disk()), RequestTrace()
    trace.failure_id = "0123456789ab"
    for facts in (FACTS | {"status": 500}, FACTS | {"trace": trace}):
        before = log._added
        log.add(ASKED, **facts)
        assert log._added - before > MOST_RAISED
    log.close()
    assert log._added == log._taken


def test_all_that_a_client_chooses_is_counted() -> None:
    """So that what waits is bounded by it."""
    log, accept = log_on(Disk()), (b"accept", b"a" * 60_000)
    exchanged = Exchanged(b"q" * 8_000, [accept], b"b" * 100, [accept], b"c" * 100)
    log.add(exchanged, **(FACTS | {"path": "/" * 50}))
    assert log._added >= 128_250
    log.close()


def test_a_line_that_cannot_be_written_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """It is dropped, and told of once."""
    disk, dropped = Disk(), []
    log = log_on(disk)
    log.on_dropped = dropped.append
    for body in (b"1", "no bytes", "no bytes", b"2"):
        log.add(ASKED._replace(body=body), **FACTS)  # type: ignore[arg-type]
    log.close()
    assert [json.loads(line)["body"] for line in disk.taken.splitlines()] == ["1", "2"]
    assert sum(dropped) == 2
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]


def test_much_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else there would soon be no room for more."""
    monkeypatch.setattr(request_log, "_EVERY", 3_600.0)
    disk = Disk()
    log = log_on(disk)
    for _ in range(20):
        log.add(ASKED._replace(body=b"x" * 60_000), **FACTS)
    until(lambda: disk.taken)
    log.close()
    assert disk.taken.count(b"\n") == 20


def test_a_worker_writes_its_share_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is beyond waits, so that whoever prunes keeps up."""
    for name in ("_EVERY", "_ROOM_EVERY"):
        monkeypatch.setattr(request_log, name, 0.01)
    disk = Disk()
    log = log_on(disk, most=1_000)
    monkeypatch.setattr(log._written, "_until", time.monotonic() + 3_600)
    monkeypatch.setattr(log._written, "_left", 1_000)
    monkeypatch.setattr(request_log, "_MOST_AT_ONCE", 1)
    for _ in range(20):
        log.add(ASKED, **FACTS)
    until(lambda: len(disk.taken) >= 1_000)
    log.add(ASKED, **FACTS)
    assert len(disk.taken) < 2_000
    log.close()
    until(lambda: disk.taken.count(b"\n") == 21)


def test_busy_answers_are_bounded() -> None:
    """All others of 500 and above are not."""
    log = log_on(Disk(), rate=0.0)
    assert all(log.wants(500) for _ in range(5_000))
    assert 100 <= sum(log.wants(503) for _ in range(5_000)) <= 300
    assert not log.wants(399)


@pytest.mark.parametrize("status", [400, 501, 505])
def test_what_clients_ask_amiss_is_bounded(status: int) -> None:
    """Else who asks at random would push out what has failed."""
    log = log_on(Disk(), rate=0.0)
    assert 10 <= sum(log.wants(status) for _ in range(5_000)) <= 30


def test_it_is_off_unless_asked_for(tmp_path: Path) -> None:
    """And where no supervisor says where."""
    asked = {"RUNNER_RECORD_REQUESTS": "0.5"}
    folder = {"RUNNER_REQUEST_LOG_FOLDER": str(tmp_path)}
    assert request_log_of(1, {}) is None
    assert request_log_of(1, asked) is None
    assert request_log_of(1, folder) is None
    log = request_log_of(1, asked | folder)
    assert log is not None
    assert log.rate == 0.5
    assert list(tmp_path.iterdir()) == []


def test_fields_are_named_by_options(tmp_path: Path) -> None:
    """Those of the request log alone, and secrets among the parameters."""
    environ = {
        "RUNNER_RECORD_REQUESTS": "1",
        "RUNNER_RECORD_MASK": "name, email",
        "RUNNER_SECRET": "login door",
        "RUNNER_REQUEST_LOG_FOLDER": str(tmp_path),
    }
    log = request_log_of(1, environ)
    assert log is not None
    names = ("name", "email", "login", "door", "street")
    body = json.dumps(dict.fromkeys(names, "t0p")).encode()
    log.add(ASKED._replace(body=body, fields=[(b"content-type", b"application/json")]), **FACTS)
    log.close()
    (found,) = read(tmp_path)
    assert json.loads(found.body or b"") == {**dict.fromkeys(names, "***"), "street": "t0p"}


def test_no_run_writes_more_than_is_pruned(tmp_path: Path) -> None:
    """Two runs fill the room that is left within a second, and no more."""
    (tmp_path / "requests").mkdir()
    environ = {
        "RUNNER_RECORD_REQUESTS": "1",
        "RUNNER_RECORD_BYTES": "800000",
        "RUNNER_REQUEST_LOG_FOLDER": str(tmp_path / "requests"),
    }
    log = request_log_of(4, environ)
    assert log is not None
    assert log._written._most * 4 * 2 == 800_000 * (1 - request_files._FULL)
