"""``asyncio.run`` inside a running loop."""

from __future__ import annotations

import asyncio

import pytest

from runner.serving.nested_loops import let_asyncio_run_nest, outside_of_running_loop


async def seven() -> int:
    await asyncio.sleep(0)
    return 7


@pytest.fixture
def nesting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asyncio, "run", asyncio.run)
    let_asyncio_run_nest()


@pytest.mark.usefixtures("nesting")
def test_a_loop_runs_inside_a_loop() -> None:
    """The inner one ends, and the outer one and its task go on as before."""

    async def outer() -> tuple[int, bool]:
        task, loop = asyncio.current_task(), asyncio.get_running_loop()
        inner = asyncio.run(seven())
        is_same = (task, loop) == (asyncio.current_task(), asyncio.get_running_loop())
        await asyncio.sleep(0)
        return inner, is_same

    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        assert loop.run_until_complete(outer()) == (7, True)
        assert asyncio.get_event_loop() is loop
    finally:
        asyncio.set_event_loop(None)
        loop.close()


@pytest.mark.usefixtures("nesting")
def test_without_a_loop_it_is_the_same_as_ever() -> None:
    """A script's call does not change, and neither does its error."""
    assert asyncio.run(seven()) == 7
    with pytest.raises(ValueError, match="coroutine"):
        asyncio.run(3)  # type: ignore[arg-type] # on purpose


def test_an_error_inside_leaves_the_outer_loop_whole() -> None:
    """Whatever happens meanwhile, the loop is the running one again."""

    async def outer() -> bool:
        loop = asyncio.get_running_loop()
        with pytest.raises(ZeroDivisionError), outside_of_running_loop():
            _ = 1 / 0
        return asyncio.get_running_loop() is loop

    assert asyncio.run(outer())
