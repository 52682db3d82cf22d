"""A loop looks awake for what a lone client asks next, and sleeps through what was in vain."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from runner.http import awake
from runner.http.awake import ASLEEP, AWAKE, AwakeLoop


class Loop:
    """A loop whose turns are taken by hand."""

    def __init__(self) -> None:
        self.soon: list[Callable[[], None]] = []

    def call_soon(self, act: Any) -> None:
        self.soon.append(act)

    def turn(self) -> None:
        taken, self.soon = self.soon, []
        for act in taken:
            act()


def test_it_is_awake_for_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then asleep for many waits; each that was not in vain makes it longer."""
    loop, now = Loop(), [100.0]
    monkeypatch.setattr(awake.time, "monotonic", lambda: now[0])
    waits = AwakeLoop(loop)  # type: ignore[arg-type] # all that it needs
    for _ in range(5):
        waits.wait(now[0])
        now[0] += AWAKE * 0.9
        loop.turn()
        assert len(loop.soon) == 1  # one look, however many waits
    now[0] += AWAKE * 0.2
    loop.turn()
    assert loop.soon == []
    for _ in range(ASLEEP):
        waits.wait(now[0])
    assert loop.soon == []
    waits.wait(now[0])
    assert len(loop.soon) == 1


def test_a_real_loop_ends_it_by_itself() -> None:
    """It neither stops the loop from ending, nor goes on for ever."""

    async def turns() -> int:
        loop, looks = asyncio.get_running_loop(), 0
        waits = AwakeLoop(loop)
        waits.wait(time.monotonic())
        while waits._is_awake:
            looks += 1
            await asyncio.sleep(0)
        return looks

    assert asyncio.run(turns()) > 1
