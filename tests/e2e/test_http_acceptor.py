"""Accepting connections in a loop, and leaving them to others."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import time
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest

from runner.http import acceptor
from runner.http.acceptor import Acceptor

FOR_EVER = float("inf")


class Listener(socket.socket):
    """Be a listener which the system may refuse a connection."""

    refuses = 0
    tried = 0

    def accept(self) -> Any:
        self.tried += 1
        if self.refuses:
            self.refuses -= 1
            raise OSError(errno.EMFILE, "too many")
        return super().accept()


@pytest.fixture
def listener() -> Iterator[Listener]:
    with Listener() as made:
        made.bind(("127.0.0.1", 0))
        made.listen()
        made.setblocking(False)
        yield made


@pytest.fixture
def clock() -> list[float]:
    return [100.0]


def run_by(clock: list[float], main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run in a loop whose time is moved by hand."""
    with asyncio.Runner() as runner:
        loop: Any = runner.get_loop()
        loop.time = lambda: clock[0]
        runner.run(main())


class Worker:
    """Hold an acceptor, and what it is told."""

    def __init__(self, listener: Listener) -> None:
        self.accepted = 0
        self.is_full, self.asked_for_room = False, 0
        self.listener = listener
        self.acceptor = Acceptor(
            self._connected,
            listener,
            is_full=lambda: self.is_full,
            make_room=self._make_room,
            may_pause=True,
        )

    def _connected(self) -> asyncio.Protocol:
        self.accepted += 1
        return asyncio.Protocol()

    def _make_room(self) -> bool:
        self.asked_for_room += 1
        return True

    def take(self, busy_for: float) -> bool:
        return self.acceptor.take(self.listener, busy_for=busy_for)

    async def has_accepted(self, count: int) -> bool:
        """Turn until so many were accepted, or for a moment."""
        end = time.monotonic() + 10
        while self.accepted < count and time.monotonic() < end:  # noqa: ASYNC110 - a count
            await asyncio.sleep(0)
        return self.accepted == count


async def turns() -> None:
    """Let the loop turn a few times."""
    for _ in range(20):
        await asyncio.sleep(0)


def connect(listener: Listener) -> socket.socket:
    return socket.create_connection(listener.getsockname())


def test_without_files_it_waits_a_moment_and_goes_on(
    listener: Listener, clock: list[float]
) -> None:
    """Meanwhile idle connections make room, and the loop has its turns for others."""

    async def main() -> None:
        worker = Worker(listener)
        listener.refuses = 1
        with connect(listener):
            await worker.acceptor.open()
            await turns()
            assert (listener.tried, worker.asked_for_room) == (1, 1)
            assert not worker.take(FOR_EVER)
            clock[0] += 1.0
            assert await worker.has_accepted(1)

    run_by(clock, main)


def test_a_worker_that_is_full_leaves_connections_in_its_queue(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until it has room, or it is told that nobody else has."""
    monkeypatch.setattr(acceptor, "_FULL", 0.001)

    async def main() -> None:
        worker = Worker(listener)
        worker.is_full = True
        await worker.acceptor.open()
        with connect(listener), connect(listener):
            assert not worker.take(0.0)
            assert not worker.take(0.05)
            assert worker.accepted == 0
            assert worker.take(FOR_EVER)
            assert await worker.has_accepted(1)
            await turns()
            assert worker.accepted == 1
            worker.is_full = False
            assert await worker.has_accepted(2)
        await worker.acceptor.drain()

    asyncio.run(main())


def test_a_busy_worker_accepts_if_its_calls_are_short(
    listener: Listener, clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By itself while they are; who is long at one does not, unless it is told that all are."""
    monkeypatch.setattr(acceptor, "_WINDOW", 60.0)

    async def main() -> None:
        worker = Worker(listener)
        await worker.acceptor.open()
        worker.acceptor.set_busy(is_busy=True)
        with contextlib.ExitStack() as opened:
            opened.enter_context(connect(listener))
            assert not worker.take(0.0)
            clock[0] += 1.0
            assert not worker.take(0.05)
            worker.acceptor.set_busy(is_busy=True)  # one call has ended, and another begun
            assert worker.take(0.05)
            opened.enter_context(connect(listener))
            assert await worker.has_accepted(2)
            clock[0] += 1.0
            opened.enter_context(connect(listener))
            await turns()
            assert worker.accepted == 2
            assert worker.take(FOR_EVER)
            assert await worker.has_accepted(3)

    run_by(clock, main)
