"""One cell at a time: queued, late, interrupted, given up."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from support import until

from runner.cells.cell_thread import CellThread


class Interrupt(BaseException):
    """What is raised in a turn that is late."""


def turns(timeout: float = 0.2, grace: float = 30, kills: bool = False) -> CellThread[str]:
    return CellThread(
        timeout=timeout,
        grace=grace,
        interrupt=Interrupt,
        late=lambda: "late",
        refused=lambda: "refused",
        kills=kills,
    )


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(20):
            await test()

    asyncio.run(bounded())


def for_ever() -> str:
    while True:
        pass


def test_cells_turns_are_taken_one_after_the_other() -> None:
    """In the order in which they came, all in one thread, which is not the loop's."""
    seen: list[tuple[int, int]] = []

    def work(number: int) -> str:
        seen.append((number, threading.get_ident()))
        return str(number)

    async def test() -> None:
        taken = turns(timeout=0)
        answers = await asyncio.gather(*(taken.run(lambda n=n: work(n)) for n in range(20)))
        assert answers == [str(number) for number in range(20)]

    run(test)
    assert [number for number, _ in seen] == list(range(20))
    (thread,) = {ident for _, ident in seen}
    assert thread != threading.get_ident()


def test_an_error_is_raised_where_the_answer_is_awaited() -> None:
    """And the next turn is taken."""

    def fail() -> str:
        raise SystemExit(3)

    async def test() -> None:
        taken = turns()
        with pytest.raises(SystemExit):
            await taken.run(fail)
        assert await taken.run(lambda: "next") == "next"

    run(test)


def test_a_loop_without_end_is_late_and_ends(caplog: pytest.LogCaptureFixture) -> None:
    """Its client hears so in time; those behind it get their turn; the log shows where it was."""

    async def test() -> None:
        taken = turns()
        began = time.monotonic()
        late, behind = await asyncio.gather(taken.run(for_ever), taken.run(lambda: "behind"))
        assert (late, behind) == ("late", "behind")
        assert time.monotonic() - began >= 0.2
        assert not taken.is_stuck

    run(test)
    assert "did not end within 0.2 s" in caplog.text
    assert "in for_ever" in caplog.text


def test_many_late_turns_leave_no_interrupt_behind(caplog: pytest.LogCaptureFixture) -> None:
    """One that ends just when it is late must not have its interrupt hit the next turn.

    Who is late by the clock is told of in the log: nobody else may hear that he is.
    """
    answers: list[str] = []

    def almost_late() -> str:
        end = time.monotonic() + 0.03
        while time.monotonic() < end:
            pass
        return "in time"

    async def test() -> None:
        taken = turns(timeout=0.03)
        for _ in range(40):
            answers.append(await taken.run(almost_late))
            answers.append(await taken.run(lambda: "next"))

    run(test)
    assert "next" in answers
    assert answers.count("late") == caplog.text.count("did not end within 0.03 s")


def test_what_cannot_be_ended_is_given_up() -> None:
    """What waits is refused, what comes later too: a new worker is needed."""
    release = threading.Event()

    async def test() -> None:
        taken = turns(timeout=0.1, grace=0.1)
        answers = await asyncio.gather(
            taken.run(lambda: str(release.wait(20))), taken.run(lambda: "behind")
        )
        assert answers == ["late", "refused"]
        assert taken.is_stuck
        assert await taken.run(lambda: "more") == "refused"

    try:
        run(test)
    finally:
        release.set()


def test_something_short_is_run_between_two_cells() -> None:
    """In their thread, and nobody waits for it."""
    seen: list[int] = []

    def ident() -> str:
        return str(threading.get_ident())

    async def test() -> None:
        taken = turns(timeout=0)
        cells = await taken.run(ident)
        taken.run_aside(lambda: seen.append(threading.get_ident()))
        assert await taken.run(ident) == cells
        assert [str(each) for each in seen] == [cells]

    run(test)


def test_without_a_timeout_nothing_is_late() -> None:
    """Zero lets a cell take as long as it likes."""
    release = threading.Event()

    async def test() -> None:
        taken = turns(timeout=0, grace=0)
        waiting = asyncio.ensure_future(taken.run(lambda: str(release.wait(20))))
        done, _ = await asyncio.wait({waiting}, timeout=0.2)
        assert not done
        release.set()
        assert await waiting == "True"

    run(test)


def test_a_turn_nobody_waits_for_is_skipped() -> None:
    """The client has gone while it waited."""
    seen: list[str] = []
    release = threading.Event()

    async def test() -> None:
        taken = turns(timeout=0)
        first = asyncio.ensure_future(taken.run(lambda: str(release.wait(20))))
        gone = asyncio.ensure_future(taken.run(lambda: str(seen.append("ran"))))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.wait({gone})
        release.set()
        assert await first == "True"
        assert await taken.run(lambda: "next") == "next"

    run(test)
    assert seen == []


def test_a_turn_whose_client_goes_away_is_never_taken() -> None:
    """While it waits behind a slow one; nothing is computed for nobody."""
    seen: list[str] = []
    release, gone = threading.Event(), asyncio.Event()

    async def leave() -> None:
        gone.set()

    async def stay() -> None:
        await asyncio.Event().wait()

    async def test() -> None:
        taken = turns(timeout=1)
        first = asyncio.ensure_future(taken.run(lambda: str(release.wait(20)), stay))
        left = asyncio.ensure_future(taken.run(lambda: str(seen.append("left")), leave))
        stays = asyncio.ensure_future(taken.run(lambda: "stays", stay))
        await gone.wait()
        assert await left == "refused"
        release.set()
        assert [await first, await stays] == ["True", "stays"]

    run(test)
    assert seen == []


def test_the_alarm_is_off_when_nothing_runs() -> None:
    """An idle worker lives."""

    async def test() -> None:
        taken = turns(timeout=1, grace=10, kills=True)
        assert await taken.run(lambda: "fine") == "fine"
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 0
        await asyncio.to_thread(until, lambda: signal.getitimer(signal.ITIMER_REAL)[0] == 0, 10)

    run(test)
