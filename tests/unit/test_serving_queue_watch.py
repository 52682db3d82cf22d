"""Whom to ask to accept whose connections: decisions only, with a clock that is moved by hand."""

from __future__ import annotations

from runner.serving.orders import Order
from runner.serving.queue_watch import PATIENCE, Asked, QueueWatch


def asked(*orders: tuple[int, Order, int]) -> list[Asked]:
    return [Asked(worker=worker, order=order, queue=queue) for worker, order, queue in orders]


def stuck() -> QueueWatch:
    """Three workers, of which the first has said that it is busy."""
    watch = QueueWatch(3)
    assert watch.look([0], [0, 1, 2], 0.0) == asked((0, Order.SAY, 0))
    watch.turns(0, 0.001, is_busy=True)
    return watch


def test_while_nothing_waits_nothing_is_due() -> None:
    """All queues are watched, and there is no time to look at them."""
    watch = QueueWatch(3)
    assert watch.watched(0.0) == [0, 1, 2]
    assert watch.look_at() == float("inf")
    assert watch.look([], [0, 1, 2], 0.0) == []
    assert watch.look_at() == float("inf")


def test_a_worker_that_turns_accepts_by_itself() -> None:
    """Its queue is left alone for a moment, whatever stands in it, and then watched again."""
    watch = QueueWatch(2)
    assert watch.look([0], [0, 1], 0.0) == asked((0, Order.SAY, 0))
    watch.turns(0, 0.001, is_busy=False)
    assert watch.look([0], [0, 1], 0.002) == []
    assert watch.watched(0.002) == [1]
    assert watch.look([], [0, 1], watch.look_at()) == []
    assert watch.watched(1.0) == [0, 1]
    assert watch.look_at() == float("inf")


def test_the_queue_of_a_busy_worker_is_offered_to_the_others() -> None:
    """One connection to each at a time; who has taken one is asked for the next."""
    watch = stuck()
    assert watch.look([0], [0, 1, 2], 0.002) == asked((1, Order.TAKE, 0), (2, Order.TAKE, 0))
    watch.took(1, 0.003, has_taken=True)
    assert watch.look_at() == 0.003
    assert watch.look([0], [0, 1, 2], 0.003) == asked((1, Order.TAKE, 0))
    assert watch.look([], [0, 1, 2], 0.004) == []
    assert watch.watched(1.0) == [0, 1, 2]


def test_a_worker_that_does_not_say_that_it_turns_is_busy() -> None:
    """It has ten milliseconds; one that is being replaced is not even asked."""
    watch = QueueWatch(2)
    watch.look([0], [0, 1], 0.0)
    assert watch.look([0], [0, 1], 0.005) == []
    assert watch.look([0], [0, 1], watch.look_at()) == asked((1, Order.TAKE, 0))
    assert QueueWatch(2).look([0], [1], 0.0) == asked((1, Order.TAKE, 0))


def test_when_nobody_is_free_for_a_while_all_may_accept() -> None:
    """So what limits the requests that wait, and the health paths, answer; and at once then."""
    watch = stuck()
    watch.look([0], [0, 1], 0.002)
    watch.took(1, 0.003, has_taken=False)
    later = 0.003 + PATIENCE
    everyone = asked((0, Order.TAKE_ANYWAY, 0), (1, Order.TAKE_ANYWAY, 0))
    assert watch.look([0], [0, 1], later) == everyone
    watch.took(0, later, has_taken=True)
    watch.took(1, later, has_taken=False)
    assert watch.look([0], [0, 1], later) == everyone


def test_who_does_not_answer_is_not_asked_again() -> None:
    """Until it is replaced: its successor is."""
    watch = stuck()
    watch.look([0], [0, 1], 0.002)
    assert watch.look([0], [0, 1], 0.02) == []
    watch.forget(1)
    assert watch.look([0], [0, 1], 0.04) == asked((1, Order.TAKE, 0))
