"""What becomes of a pool of workers when the system gives it no process."""

from __future__ import annotations

import os
import socket
from typing import Any

import pytest
from support.open_files import open_files

from runner import processes
from runner.config import Limits
from runner.serving import forking
from runner.serving.workers import WorkerPool


def test_a_worker_that_cannot_be_forked_leaves_no_file_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is tried again every second, for as long as there can be no further process."""

    def fork(*_: Any) -> int:
        raise BlockingIOError

    monkeypatch.setattr(forking, "fork", fork)
    monkeypatch.setattr(processes, "freeze_memory", lambda: None)
    before = open_files()
    pool = WorkerPool(
        build=lambda _: pytest.fail("it was not forked"),
        listeners=[socket.socket()],
        limits=Limits(),
        log_fd=os.dup(2),
        needs_processes=True,
    )
    with pytest.raises(BlockingIOError):
        pool.run()
    os.close(pool.log_fd)
    assert open_files() <= before
