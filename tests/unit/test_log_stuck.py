"""A log that nobody reads, or that takes nothing, holds nobody up."""

from __future__ import annotations

import collections
import contextlib
import fcntl
import logging
import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import until

from runner import log
from runner.http.access_log import AccessLog
from runner.http.recording import Exchanged
from runner.http.request_file import RequestFile
from runner.http.request_line import LineWriter
from runner.http.request_log import RequestLog
from runner.log import PatientHandler
from runner.record.requests import read

FULL = Path("/dev/full")  # every write fails: no space is left


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """A pipe of one page, whose writer waits."""
    read, write = os.pipe()
    fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, 4096)
    yield read, write
    os.close(write)
    with contextlib.suppress(OSError):
        os.close(read)


def event(text: str) -> logging.LogRecord:
    return logging.LogRecord("runner", logging.INFO, "", 0, text, None, None)


def add(access: AccessLog) -> None:
    access.add(client="c", method="GET", path="/" + "a" * 90, status=200, seconds=0.1)


def read_until(read: int, text: bytes) -> bytes:
    """Read a log until it has said something."""
    said = b""
    while text not in said:
        said += os.read(read, 65_536)
    return said


def test_who_logs_does_not_wait(pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not fit is dropped and counted, and the rest comes when it is read again."""
    monkeypatch.setattr(log, "_MOST_WAITING", 100)
    read, write = pipe
    handler = PatientHandler(write)
    for number in range(1_000):
        handler.emit(event(f"{number} " + "x" * 100))
    said = b""
    while said.count(b" xxx") + sum(map(int, re.findall(rb"(\d+) lines of the log", said))) < 1_000:
        said += os.read(read, 65_536)  # dropped more than once, if the thread came late
    assert b"lines of the log were dropped" in said
    assert said.startswith(b"0 x")
    handler.emit(event("last"))
    assert b"last" in read_until(read, b"last")
    handler.flush()


def test_a_forked_process_writes_its_own_lines(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a thread of its own, since no other is with it; what waits is its parent's to write."""
    read, write = pipe
    handler = PatientHandler(write)
    os.write(write, b"x" * 4096)  # so that nothing can be written
    for _ in range(3):
        handler.emit(event("of the parent"))
    parents, waiting = handler._writer.thread, handler._waiting
    monkeypatch.setattr(os, "getpid", lambda: 1)
    handler.emit(event("of the child"))
    assert handler._writer.thread not in {None, parents}
    assert handler._waiting is not waiting
    said = read_until(read, b"of the child")
    handler.flush()
    assert said.count(b"of the child") == 1


def test_whoever_flushes_waits_for_the_last_line(pipe: tuple[int, int]) -> None:
    """Also if the writer has done the one before just as it comes."""
    read, write = pipe
    handler = PatientHandler(write)

    class JustIdle(collections.deque[bytes]):
        def append(self, line: bytes) -> None:
            handler._is_idle.set()
            super().append(line)

    handler._waiting = JustIdle()
    os.write(write, b"x" * 4096)  # so that it cannot be written
    handler.emit(event("last"))
    assert not handler._is_idle.is_set()
    assert b"last" in read_until(read, b"last")
    handler.flush()


def test_a_log_that_takes_nothing_is_tried_again(tmp_path: Path) -> None:
    """Its disk was full: the next line says how many are missing."""
    out = tmp_path / "log"
    fd = os.open(FULL, os.O_WRONLY)
    handler = PatientHandler(fd)
    for _ in range(3):
        handler.emit(event("lost"))
    handler.flush()
    with out.open("w") as file:
        os.dup2(file.fileno(), fd)
    handler.emit(event("there"))
    handler.flush()
    os.close(fd)
    assert out.read_text() == "there\n3 lines of the log were dropped\n"


def test_a_log_that_must_not_wait_is_waited_for(pipe: tuple[int, int]) -> None:
    """Who shares it has made it so: nothing is lost by that."""
    read, write = pipe
    os.set_blocking(write, False)
    access = AccessLog(write)
    for _ in range(100):
        add(access)
    said = b""
    while said.count(b"\n") < 100:
        said += os.read(read, 65_536)
    access.close()


def test_the_access_log_outlives_a_full_disk(tmp_path: Path) -> None:
    """Its thread goes on, and says what is missing; it does not spin meanwhile."""
    out = tmp_path / "log"
    fd = os.open(FULL, os.O_WRONLY)
    access = AccessLog(fd)
    for _ in range(3):
        add(access)
    until(lambda: access._dropped == 3)
    with out.open("w") as file:
        os.dup2(file.fileno(), fd)
    add(access)
    access.close()
    os.close(fd)
    assert out.read_text().splitlines()[1].endswith(" WARNING 3 access log lines dropped")


def test_who_gets_no_thread_goes_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The system may give none for a while: what waits is written when it does."""

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    start = threading.Thread.start
    with (tmp_path / "log").open("wb") as file:
        handler, access = PatientHandler(file.fileno()), AccessLog(file.fileno())
        requests = RequestLog(1.0, lambda: RequestFile(tmp_path, "r", 10**6), LineWriter, 10**6)
        for given in (refuse, start):
            monkeypatch.setattr(threading.Thread, "start", given)
            handler.emit(event("said"))
            add(access)
            requests.add(
                Exchanged(b"", (), b"", (), b""), method="GET", path="/", status=200, seconds=0.1
            )
        for each in (access, requests):
            each.close()
        handler.flush()
    assert (tmp_path / "log").read_text().count("\n") == 4
    assert len([*read(tmp_path)]) == 2
