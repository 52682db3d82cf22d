"""What all workers counted: cheap to add to, right in sum, and never less than before."""

from __future__ import annotations

import os
from typing import Any

import pytest

from runner.traffic.counters import LATENCIES, Counters, ErrorKind
from runner.traffic.traffic import Traffic


class Loop:
    """A loop whose timers are run by hand."""

    def __init__(self) -> None:
        self.timers: list[Any] = []

    def call_later(self, _: float, act: Any) -> None:
        self.timers.append(act)


def answer(counters: Counters, status: int = 200, seconds: float = 0.0003) -> None:
    counters["iris"].request_started()
    counters["iris"].request_answered(status, seconds)


def test_an_answer_is_counted_once_in_each_way() -> None:
    """By status, in one latency bucket, in the sum of seconds; and it is no longer in flight."""
    counters = Counters(["iris"], 1)
    answer(counters, 200, 0.0003)
    answer(counters, 422, 99.0)
    numbers = counters.total()["iris"]
    assert (numbers.answered[200], numbers.answered[422], numbers.in_flight) == (1, 1, 0)
    assert numbers.latencies[LATENCIES.index(0.0005)] == 1
    assert numbers.latencies[-1] == 1
    assert sum(numbers.latencies) == 2
    assert numbers.seconds == 99.0003


def test_a_latency_on_a_bound_is_within_it() -> None:
    """Prometheus' buckets are up to and including their bound."""
    counters = Counters(["iris"], 1)
    answer(counters, seconds=0.001)
    assert counters.total()["iris"].latencies[LATENCIES.index(0.001)] == 1


def test_answers_that_are_sorted_later_are_counted_as_any_other() -> None:
    """Whichever way an answer went: the buckets, the sum, and what is in flight are the same."""
    now, later = Counters(["iris"], 1), Counters(["iris"], 1)
    for _ in range(2):  # in two publications
        for seconds in (*LATENCIES, 0.0, 0.0003, 99.0):
            answer(now, seconds=seconds)
            later["iris"].request_started()
            later["iris"].well_answered.append(seconds)
        later["iris"].request_started()
        later["iris"].request_abandoned()
        assert later.total()["iris"].gone
    left, right = now.total()["iris"], later.total()["iris"]
    assert (left.answered, left.latencies) == (right.answered, right.latencies)
    assert left.seconds == pytest.approx(right.seconds)
    assert right.in_flight == 0


def test_a_rare_status_is_counted_by_its_class() -> None:
    """No answer is lost because nobody foresaw its status."""
    counters = Counters(["iris"], 1)
    answer(counters, 418)
    assert counters.total()["iris"].answered[4] == 1


def test_endpoints_are_counted_apart() -> None:
    """What belongs to no endpoint has the empty name."""
    counters = Counters(["iris", "price"], 1)
    counters[""].request_started()
    counters[""].request_answered(404, 0.001)
    total = counters.total()
    assert (total[""].answered[404], total["iris"].answered[404]) == (1, 0)


def test_calls_are_counted_by_size() -> None:
    """The number of calls, of rows, and the seconds."""
    counters = Counters(["iris"], 1)
    counters["iris"].model_called(1, 0.5)
    counters["iris"].model_called(3, 0.25)
    numbers = counters.total()["iris"]
    assert (numbers.sizes[:4], numbers.rows, numbers.call_seconds) == ((1, 0, 1, 0), 4, 0.75)


def test_errors_are_sorted_by_kind() -> None:
    """The client's, ours, too many, too late, and who has gone."""
    counters = Counters(["iris"], 1)
    for status in (200, 400, 422, 501, 505, 500, 507, 503, 504):
        answer(counters, status)
    counters["iris"].request_started()
    counters["iris"].request_abandoned()
    kinds = {
        ErrorKind.INVALID: 4,
        ErrorKind.FAILED: 2,
        ErrorKind.BUSY: 1,
        ErrorKind.LATE: 1,
        ErrorKind.GONE: 1,
    }
    numbers = counters.total()["iris"]
    assert numbers.errors == kinds
    told = Traffic.of({"iris": numbers}, 0.0)
    assert (told.errors, told.refused) == (4, 4)
    assert numbers.in_flight == 0


def test_a_worker_sees_what_others_published() -> None:
    """A scrape of one worker tells the sum of all."""
    counters = Counters(["iris"], 2)
    if (child := os.fork()) == 0:
        counters.take_slot(1)
        answer(counters)
        counters.publish()
        os._exit(0)
    os.waitpid(child, 0)
    answer(counters)
    assert counters.total()["iris"].answered[200] == 2


def test_a_replaced_worker_goes_on_from_the_numbers_of_its_slot() -> None:
    """A sum never falls because a worker died; what was in flight in it is no more."""
    counters = Counters(["iris"], 1)
    answer(counters)
    counters["iris"].request_started()
    counters["iris"].set_waiting(5)
    counters.publish()
    counters.take_slot(0)
    answer(counters)
    numbers = counters.total()["iris"]
    assert (numbers.answered[200], numbers.in_flight, numbers.waiting) == (2, 0, 0)


def test_only_a_change_is_published_by_itself() -> None:
    """An idle worker has no timer; a busy one has one, however much it answers."""
    counters, loop = Counters(["iris"], 1), Loop()
    counters.publish_on(loop)  # type: ignore[arg-type] # all that it needs
    assert loop.timers == []
    answer(counters)
    answer(counters)
    assert len(loop.timers) == 1
    loop.timers.pop()()
    assert loop.timers == []
    counters["iris"].request_started()
    assert len(loop.timers) == 1


def test_what_changed_reaches_the_others_without_a_scrape() -> None:
    """The timer publishes, so that whoever is asked knows of it."""
    counters, loop = Counters(["iris"], 2), Loop()
    counters.publish_on(loop)  # type: ignore[arg-type] # all that it needs
    answer(counters)
    loop.timers.pop()()
    counters.take_slot(1)
    assert counters.total()["iris"].answered[200] == 1
