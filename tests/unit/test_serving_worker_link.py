"""What the kernel does to a worker that overstays."""

from __future__ import annotations

import os

import pytest

from runner.liveness.heartbeat import Heartbeat
from runner.serving.worker_link import WorkerLink


def test_a_thread_that_overstays_is_not_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its process is the kernel, with all that the notebook has made."""
    killed: list[tuple[int, ...]] = []
    monkeypatch.setattr(os, "kill", lambda *words: killed.append(words))
    link = WorkerLink(
        slot=0,
        pid=os.getpid(),
        status=-1,
        order=-1,
        stacks=None,
        heartbeat=Heartbeat(0.0),
        since=0.0,
    )
    link.is_leaving, link.ends_at = True, 1.0
    link.look(2.0)
    assert killed == []
    assert link.due_at(2.0) == float("inf")
