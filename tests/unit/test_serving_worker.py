"""A worker's side of the pipes."""

from __future__ import annotations

import fcntl
import os
import resource
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from runner.config import Limits
from runner.serving.orders import Order
from runner.serving.worker import WorkerLoop


class Server:
    """Serve until drained."""

    requests, is_spent = 0, False

    def __init__(self) -> None:
        self.is_drained = threading.Event()

    def run(self, on_ready: Callable[[], None]) -> None:
        on_ready()
        self.is_drained.wait(30)

    def drain(self, *, is_replaced: bool = False) -> None:
        self.is_drained.set()


@pytest.fixture
def many_files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("many_files")
def test_a_worker_obeys_beside_a_thousand_open_files() -> None:
    """The notebook may have opened as many before it serves."""
    order, told = os.pipe()
    said, status = os.pipe()
    beyond = fcntl.fcntl(order, fcntl.F_DUPFD, 1500)
    os.close(order)
    server: Any = Server()
    threading.Thread(
        target=lambda: os.read(said, 1) and os.write(told, Order.DRAIN.encode_for())
    ).start()
    WorkerLoop(lambda: server, [], status, beyond, Limits()).run()
    assert server.is_drained.is_set()
    os.close(said)
    os.close(told)
