"""Where the work on a body is done, and what is left behind."""

from __future__ import annotations

import asyncio
import gc

import pytest

from runner.predict import body_work
from runner.predict.body_work import SMALL, BodyWork


def test_memory_is_returned_behind_a_large_body(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twice, since the body may be in use yet; and never behind small ones, or without end."""
    returns: list[None] = []
    monkeypatch.setattr(body_work, "return_memory", lambda: returns.append(None))

    async def counts() -> list[int]:
        work, found = BodyWork(), []
        for size in (SMALL, SMALL + 1, SMALL):
            await work.run(size, lambda: None)
            for _ in range(3):
                work.return_memory()
            if size > SMALL:
                assert work._thread is not None
                await work._thread.result_of(lambda: None)
            found.append(len(returns))
        work.close()
        return found

    assert asyncio.run(counts()) == [0, 2, 2]


def test_the_collector_pauses_while_a_large_body_is_worked_on() -> None:
    """It would walk all that is made, again and again; an author who has ended it is respected."""

    async def states() -> list[bool]:
        work, found = BodyWork(), []
        found.append(await work.run(SMALL + 1, gc.isenabled))
        found.append(gc.isenabled())
        gc.disable()
        found.append(await work.run(SMALL + 1, gc.isenabled))
        found.append(gc.isenabled())
        work.close()
        return found

    try:
        assert asyncio.run(states()) == [False, True, False, False]
    finally:
        gc.enable()
