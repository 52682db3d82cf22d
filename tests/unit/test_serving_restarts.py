"""When a worker that ended is followed by another, with a clock that is moved by hand."""

from __future__ import annotations

import os

from runner.liveness.heartbeat import Heartbeat
from runner.serving.restarts import Restarts
from runner.serving.worker_link import WorkerLink


def a_worker(*, is_ready: bool = True, is_leaving: bool = False) -> WorkerLink:
    return WorkerLink(
        slot=1,
        pid=os.getpid(),
        status=-1,
        order=-1,
        stacks=None,
        heartbeat=Heartbeat(0.0),
        since=0.0,
        is_ready=is_ready,
        is_leaving=is_leaving,
    )


def ended(restarts: Restarts, worker: WorkerLink, *times: float) -> str:
    """End it so often; give the last answer, and leave the last restart open."""
    said = ""
    for now in times:
        restarts.take_due(now)
        said = restarts.worker_ended(worker, "it died", "", now)
    return said


def test_who_dies_is_followed_at_once() -> None:
    """Connections wait for its successor."""
    restarts = Restarts()
    assert ended(restarts, a_worker(), 1.0) == ""
    assert restarts.due_at() == 1.0
    assert [restart.slot for restart in restarts.take_due(1.0)] == [1]
    assert (len(restarts), restarts.due_at()) == (0, float("inf"))


def test_who_dies_often_is_followed_after_a_second_and_for_ever() -> None:
    """Requests can end workers, and never the service."""
    restarts = Restarts()
    assert ended(restarts, a_worker(), *range(10)) == ""
    assert restarts.take_due(9.9) == []
    assert len(restarts.take_due(10.0)) == 1


def test_five_deaths_before_being_ready_are_a_crash_loop() -> None:
    """Four are not, nor are five within more than ten seconds."""
    worker = a_worker(is_ready=False)
    assert ended(Restarts(), worker, 1, 2, 3, 4) == ""
    assert ended(Restarts(), worker, 1, 4, 7, 10, 13) == ""
    assert (
        ended(Restarts(), worker, 1, 2, 3, 4, 5) == "5 workers died within 10 s; the last: it died"
    )


def test_who_leaves_by_itself_has_not_died() -> None:
    """However often workers are recycled."""
    restarts = Restarts()
    assert ended(restarts, a_worker(is_leaving=True), *range(10)) == ""
    assert restarts.due_at() == 9


def test_what_cannot_be_started_is_put_off() -> None:
    """Its reason says why."""
    restarts = Restarts()
    ended(restarts, a_worker(), 1.0)
    (restart,) = restarts.take_due(1.0)
    restarts.put_off(restart, "no process", 1.0)
    assert restarts.take_due(1.9) == []
    assert [each.reason for each in restarts.take_due(2.0)] == ["it died; no process"]
