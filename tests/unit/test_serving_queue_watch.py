"""Whom to ask to accept whose connections: decisions only, with a clock that is moved by hand."""

from __future__ import annotations

from runner.serving.orders import Order
from runner.serving.queue_watch import LONG_PATIENCE, PATIENCE, Asked, QueueWatch


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


def nobody_free(watch: QueueWatch, workers: list[int], now: float, until: float) -> list[Asked]:
    """Have nobody take anything, step by step; give what was asked last."""
    given: list[Asked] = []
    while now < until:
        given = watch.look([0], workers, now)
        for each in given:
            watch.took(each.worker, now, has_taken=False)
        now = watch.look_at()
    return given


def test_when_nobody_is_free_those_accept_whose_calls_are_short() -> None:
    """The busy one is asked, too; and if nobody is found for long, all are, whatever they do."""
    watch = stuck()
    soon = asked((0, Order.TAKE_SOON, 0), (1, Order.TAKE_SOON, 0))
    assert nobody_free(watch, [0, 1], 0.002, PATIENCE) == asked((1, Order.TAKE, 0))
    assert nobody_free(watch, [0, 1], PATIENCE + 0.01, LONG_PATIENCE) == soon
    anyway = asked((0, Order.TAKE_ANYWAY, 0), (1, Order.TAKE_ANYWAY, 0))
    assert nobody_free(watch, [0, 1], LONG_PATIENCE + 0.01, LONG_PATIENCE + 0.03) == anyway


def test_that_nobody_is_free_is_remembered_but_who_is_free_comes_first() -> None:
    """The next queue that is stuck waits one step for it, and not all the patience."""
    watch = stuck()
    nobody_free(watch, [0, 1], 0.002, PATIENCE + 0.03)
    assert watch.look([], [0, 1], 0.2) == []
    assert watch.look([0], [0, 1], 0.25) == asked((0, Order.SAY, 0))
    watch.turns(0, 0.25, is_busy=True)
    assert watch.look([0], [0, 1], 0.251) == asked((1, Order.TAKE, 0))
    watch.took(1, 0.252, has_taken=False)
    soon = asked((0, Order.TAKE_SOON, 0), (1, Order.TAKE_SOON, 0))
    assert watch.look([0], [0, 1], 0.262) == soon


def test_once_somebody_was_free_nobody_accepts_who_is_long_at_a_call() -> None:
    """Only those whose calls are short do, though all did before."""
    watch = stuck()
    nobody_free(watch, [0, 1], 0.002, LONG_PATIENCE + 0.03)
    watch.look([], [0, 1], 0.4)
    watch.look([0], [0, 1], 0.45)
    watch.turns(0, 0.45, is_busy=True)
    assert watch.look([0], [0, 1], 0.451) == asked((1, Order.TAKE, 0))
    watch.took(1, 0.452, has_taken=True)
    assert watch.look([0], [0, 1], 0.462) == asked((0, Order.TAKE_SOON, 0), (1, Order.TAKE_SOON, 0))


def test_who_does_not_answer_is_not_asked_again() -> None:
    """Until it is replaced: its successor is."""
    watch = stuck()
    watch.look([0], [0, 1], 0.002)
    assert watch.look([0], [0, 1], 0.02) == []
    watch.forget(1)
    assert watch.look([0], [0, 1], 0.04) == asked((1, Order.TAKE, 0))
