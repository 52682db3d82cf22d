"""A worker's side of the pipes."""

from __future__ import annotations

import fcntl
import os
import resource
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support import until

from runner import processes
from runner.config import Limits
from runner.liveness.readiness import Readiness
from runner.serving import worker
from runner.serving.orders import Order, Report
from runner.serving.worker import WorkerLoop


class Server:
    """Serve until drained."""

    requests, is_spent = 0, False

    def __init__(self) -> None:
        self.is_drained = threading.Event()

    def run(self, on_ready: Callable[[], None]) -> None:
        on_ready()
        self.is_drained.wait(10)

    def show(self, readiness: Readiness) -> None:
        self.shown = readiness

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


@pytest.mark.parametrize("end", [Order.DRAIN, Order.GIVE_WAY])
def test_an_order_that_comes_before_there_is_a_server_is_kept(end: Order) -> None:
    """A candidate may be superseded while its app is made: it would serve on until it is killed."""
    order, told = os.pipe()
    said, status = os.pipe()
    os.write(told, end.encode_for())
    server: Any = Server()

    def build() -> Any:
        until(lambda: not processes.readable([order], 0))  # the order is taken
        return server

    WorkerLoop(build, [], status, order, Limits()).run()
    assert server.is_drained.is_set()
    os.close(said)
    os.close(told)


def test_an_order_to_accept_that_comes_too_late_changes_nothing() -> None:
    """Who stops a service as it comes to serve has closed its listeners: it must still drain."""
    order, told = os.pipe()
    said, status = os.pipe()
    with socket.socket() as closed:
        pass
    os.write(told, Order.ACCEPT.encode_for(0) + Order.DRAIN.encode_for())
    server: Any = Server()
    WorkerLoop(lambda: server, [closed], status, order, Limits()).run()
    assert server.is_drained.is_set()
    os.close(said)
    os.close(told)


def test_only_memory_that_a_worker_has_gained_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it has from the kernel, such as the model, would have it replaced again and again."""
    order, told = os.pipe()
    said, status = os.pipe()
    held = iter([300e6, 310e6, 499e6, 501e6])
    seen: list[float] = []
    monkeypatch.setattr(worker, "_LOOK_EVERY", 0.01)
    monkeypatch.setattr(processes, "own_memory", lambda: seen.append(now := next(held)) or now)
    server: Any = Server()
    WorkerLoop(lambda: server, [], status, order, Limits(max_memory=200)).run()
    assert server.is_drained.is_set()
    assert seen == [300e6, 310e6, 499e6, 501e6]
    assert os.read(said, 9) == Report.READY.encode() + Report.HAS_GROWN.encode()
    os.close(said)
    os.close(told)


def test_a_worker_is_told_what_to_tell() -> None:
    """The second byte of the order is all that there is to tell."""
    order, told = os.pipe()
    said, status = os.pipe()
    server: Any = Server()
    both = Readiness.LAME_DUCK | Readiness.VERSION_FAILED
    words = Order.SHOW.encode_for(both) + Order.DRAIN.encode_for()
    threading.Thread(target=lambda: os.read(said, 1) and os.write(told, words)).start()
    WorkerLoop(lambda: server, [], status, order, Limits()).run()
    assert server.shown == both
    os.close(said)
    os.close(told)
