"""Calls in threads, and who waits for them, without a server."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator

import pytest
from support import until

from runner.http import thread_pool
from runner.http.thread_pool import Answer, Pipe, ThreadPool

PATIENCE = 30.0


@pytest.fixture
def pool() -> Iterator[ThreadPool]:
    pool = ThreadPool(1)
    yield pool
    pool.close()


def test_calls_wait_for_a_thread_in_their_order(pool: ThreadPool) -> None:
    """There are as many threads as are allowed, and what waits for one is told."""
    gate, seen = threading.Event(), list[int]()
    assert pool.start(lambda: gate.wait(PATIENCE) and seen.append(0))
    until(lambda: not pool.has_calls_waiting)
    assert [pool.start(lambda n=n: seen.append(n)) for n in (1, 2)] == [False, False]
    assert pool.has_calls_waiting
    gate.set()
    until(lambda: seen == [0, 1, 2])
    assert not pool.has_calls_waiting


def test_what_has_waited_is_no_free_thread(pool: ThreadPool) -> None:
    """Who is told of one may wait for it: calls that found none leave nothing behind."""
    gates, begun = [threading.Event() for _ in range(4)], list[int]()
    calls = [lambda n=n: (begun.append(n), gates[n].wait(PATIENCE)) for n in range(4)]
    assert [pool.start(calls[n]) for n in (0, 1)] == [True, False]
    gates[0].set()
    until(lambda: begun == [0, 1])
    assert [pool.start(calls[n]) for n in (2, 3)] == [False, False]
    for gate in gates:
        gate.set()
    until(lambda: begun == [0, 1, 2, 3])


def test_each_idle_thread_is_given_something_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """None takes what is another's, however quick it is; who has something to do is left alone."""
    monkeypatch.setattr(thread_pool, "_GATE", PATIENCE)
    pool, gates, seen = ThreadPool(4), [threading.Event() for _ in range(4)], list[int]()
    for gate in gates:
        pool.start(lambda gate=gate: gate.wait(PATIENCE))
    for gate in gates[:3]:
        gate.set()
    for _ in range(50):  # one that is too quick is so now and then
        until(lambda: len(pool._unfinished) == 1)
        seen.clear()
        pool.for_each_idle(lambda: seen.append(threading.get_ident()))
        until(lambda: len(seen) == 3)
        assert len(set(seen)) == 3
    gates[3].set()
    pool.close()


def test_a_closed_pool_does_what_it_was_given_and_nothing_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its threads end, and then its pipe is closed."""
    closed: list[int] = []
    close = os.close
    monkeypatch.setattr(os, "close", lambda fd: (closed.append(fd), close(fd)))
    pool, seen = ThreadPool(2), list[int]()
    pool.start(lambda: seen.append(1))
    pool.close()
    assert len(closed) == 1
    with pytest.raises(RuntimeError, match="ended"):
        pool.start(lambda: seen.append(2))
    del pool
    until(lambda: len(closed) == 2)
    assert seen == [1]


def test_no_pipe_is_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who runs out of descriptors is told as who runs out of threads."""

    def scarce() -> tuple[int, int]:
        raise OSError(errno.EMFILE, "too many")

    monkeypatch.setattr(os, "pipe", scarce)
    with pytest.raises(RuntimeError, match="too many"):
        ThreadPool(1).start(lambda: None)


def test_an_answer_wakes_who_waits(pool: ThreadPool) -> None:
    """Given before or meanwhile, once for each."""
    pipe = Pipe()
    for _ in range(50):
        answer, given = Answer(pipe), list[bool]()
        pool.start(lambda answer=answer, given=given: given.append(answer.give()))
        is_here = answer.wait(for_a_moment=True)
        until(lambda given=given: given)
        assert given == [is_here]
        assert not answer.give()
    assert not pipe.has_some(0)


def test_a_late_answer_wakes_nobody() -> None:
    """Who waited has gone on, and its next answer is not mistaken for that one."""
    pipe = Pipe()
    late, next_one = Answer(pipe), Answer(pipe)
    assert not late.wait(for_a_moment=True)
    assert not late.give()
    assert next_one.give()
    assert next_one.wait(for_a_moment=False)
    assert not pipe.has_some(0)
