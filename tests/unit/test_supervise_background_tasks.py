"""What a supervisor does beside its events: it goes on, whatever fails."""

from __future__ import annotations

import asyncio

import pytest

from runner.supervise.background_tasks import BackgroundTasks


def test_what_fails_is_said_and_has_somebody(caplog: pytest.LogCaptureFixture) -> None:
    """Who began it decides what then."""
    decided = asyncio.Event()

    async def failing() -> None:
        raise OSError("the disk is full")

    async def story() -> None:
        BackgroundTasks().begin(failing(), decided.set)
        await asyncio.wait_for(decided.wait(), 10)

    asyncio.run(story())
    assert "a task of the supervisor failed" in caplog.text
    assert "the disk is full" in caplog.text


@pytest.mark.parametrize("is_awaited", [False, True])
def test_what_is_repeated_goes_on_after_a_failure(*, is_awaited: bool) -> None:
    """A look may be a call or something to await; one that fails is not the last."""
    looks = 0
    seen = asyncio.Event()

    def look() -> None:
        nonlocal looks
        looks += 1
        if looks == 2:
            raise OSError("once")
        if looks == 4:
            seen.set()

    async def look_later() -> None:
        look()

    async def story() -> None:
        tasks = BackgroundTasks()
        tasks.repeat(look_later if is_awaited else look, 0.001)
        await asyncio.wait_for(seen.wait(), 10)
        await tasks.end()

    asyncio.run(story())


def test_none_begins_anew_once_all_are_ended(caplog: pytest.LogCaptureFixture) -> None:
    """Not even what was about to, since it had failed just before."""
    begun = 0

    async def failing() -> None:
        nonlocal begun
        begun += 1
        raise OSError("again")

    async def story() -> None:
        tasks = BackgroundTasks()
        tasks.keep(failing, again_in=0.01)
        while begun < 2:  # noqa: ASYNC110 - it makes no event
            await asyncio.sleep(0.001)
        await tasks.end()
        seen = begun
        await asyncio.sleep(0.05)
        assert begun == seen

    asyncio.run(asyncio.wait_for(story(), 10))
