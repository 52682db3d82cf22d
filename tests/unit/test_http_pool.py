"""A bounded pool of threads, and its count of what is in flight."""

from __future__ import annotations

import threading

from support import until

from runner.http.exchange import _Flight
from runner.http.pool import Pool

PATIENCE = 30.0


def test_so_many_may_enter() -> None:
    """Beyond the size none may, until one has left; what had to come back is counted too."""
    pool = Pool(2)
    assert [pool.enter() for _ in range(3)] == [True, True, False]
    pool.leave()
    assert pool.done == 1
    pool.enter_again()
    assert (pool.done, pool.enter()) == (0, False)


def test_threads_are_started_up_to_the_size_and_used_again() -> None:
    """What finds no thread waits for one; a pool is full when the next call would."""
    pool, gate, names = Pool(2), threading.Event(), []
    done = threading.Semaphore(0)

    def call() -> None:
        names.append(threading.current_thread())
        assert gate.wait(PATIENCE)
        done.release()

    assert not pool.is_full
    pool.start(call)
    assert not pool.is_full
    for _ in range(4):
        pool.start(call)
    assert pool.is_full
    gate.set()
    for _ in range(5):
        assert done.acquire(timeout=PATIENCE)
    assert len(set(names)) <= 2
    until(lambda: not pool.is_full)
    pool.close()


def test_a_place_is_free_before_the_answer_is_out() -> None:
    """A client that has its answer finds the place of its request free."""
    pool = Pool(1)
    assert pool.enter()
    entered: list[bool] = []

    class Taking:
        def send_some(self, data: bytes) -> bytes:
            entered.append(pool.enter())
            return b""

    flight = _Flight(pool, Taking())  # type: ignore[arg-type]
    flight.finish(b"x")
    flight.end()
    assert entered == [True]
    assert pool.done == 1


def test_an_answer_that_does_not_fit_keeps_its_place() -> None:
    """While a thread waits for a slow client, the request is in flight."""
    pool = Pool(1)
    assert pool.enter()
    entered: list[bool] = []

    class Slow:
        def send_some(self, data: bytes) -> bytes:
            return data

        def send(self, data: bytes) -> None:
            entered.append(pool.enter())

    flight = _Flight(pool, Slow())  # type: ignore[arg-type]
    flight.finish(b"x")
    flight.end()
    assert entered == [False]
    assert (pool.done, pool.enter()) == (1, True)
