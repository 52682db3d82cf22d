"""What is followed of a service: here the memory of its processes."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from runner.supervise import traffic_watch
from runner.supervise.traffic_watch import TrafficWatch

NO_PROCESS = 2**31 - 1


def test_workers_keep_their_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that has just ended has no memory, and no more are told than have a line."""
    monkeypatch.setattr(traffic_watch, "EVERY", 0.01)
    monkeypatch.setattr(traffic_watch, "_MOST_WORKERS", 2)
    us = os.getpid()
    watch = TrafficWatch(lambda: tmp_path, lambda: [us, us], lambda: [NO_PROCESS, us, us])

    async def look() -> None:
        looking = asyncio.create_task(watch.look_on())
        points: list[object] = []
        async with asyncio.timeout(30):
            while not points:
                await asyncio.sleep(0.01)
                points = watch.history()["points"]
        looking.cancel()

    asyncio.run(look())
    point = watch.history()["points"][0]
    first, second = point["worker_memory"]
    assert first is None
    assert second == point["memory"] > 1_000_000
