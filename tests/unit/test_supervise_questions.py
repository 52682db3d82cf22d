"""What may never be answered holds nobody up."""

from __future__ import annotations

import asyncio
import threading

import pytest

from runner.supervise.questions import Questions


def test_who_asks_the_same_waits_for_the_same_answer() -> None:
    """So a disk or a process that hangs holds one thread, however often it is asked."""
    calls: list[int] = []
    is_free = threading.Event()

    def call() -> int:
        calls.append(1)
        is_free.wait(20)
        return 7

    async def ask() -> list[int]:
        questions = Questions()
        for _ in range(3):
            with pytest.raises(TimeoutError):
                await questions.ask("a", call, 0.01)
        both = [asyncio.ensure_future(questions.ask("a", call, 20)) for _ in range(2)]
        other = await questions.ask("b", lambda: 8, 20)
        is_free.set()
        return [other, *await asyncio.gather(*both)]

    assert asyncio.run(ask()) == [8, 7, 7]
    assert len(calls) == 1


def test_a_question_that_failed_is_asked_anew() -> None:
    """Who waited gets the error, and nobody after."""

    async def ask() -> int:
        questions = Questions()
        with pytest.raises(ZeroDivisionError):
            await questions.ask("a", lambda: 1 // 0, 20)
        return await questions.ask("a", lambda: 1, 20)

    assert asyncio.run(ask()) == 1


def test_an_answer_that_stays_true_is_given_without_a_question() -> None:
    """And it is asked anew once that time has passed."""
    asked: list[str] = []

    async def ask() -> None:
        questions = Questions()
        for _ in range(2):
            await questions.ask("a", lambda: asked.append("a"), 20, stays_true=3600)
        assert asked == ["a"]
        async with asyncio.timeout(20):
            while asked.count("b") < 2:
                await questions.ask("b", lambda: asked.append("b"), 20, stays_true=0.01)
                await asyncio.sleep(0.001)

    asyncio.run(ask())
