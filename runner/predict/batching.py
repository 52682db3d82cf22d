"""Pass what many clients ask at once to a model in one call, without letting one client wait.

The rules of this file:

1. There is no timer. What is ready in one turn of the loop goes into one call; the call begins
   when a turn of the loop has added nothing, or when there is as much as it may take. Who is
   known to be alone is answered at once.
2. Calls that take long are made in one thread, so that the loop can answer other things; what
   comes meanwhile makes the next call. Which it is to be is decided by the calls before.
3. If a call fails, its items are tried one by one: none fails for its neighbour's sake.
4. Who has gone, or waits no longer, is dropped before the call; who comes when too many wait
   is refused.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from runner.http import failures
from runner.predict.counters import Counters
from runner.predict.endpoints import Endpoint
from runner.predict.headers import timing
from runner.predict.pending import Prediction, Promise, Waiter, late
from runner.predict.problems import ProblemError
from runner.predict.serial_thread import SerialThread

log = logging.getLogger(__name__)

# The mean of calls, in seconds, above which they go to the thread, and below which they return.
_SLOW, _QUICK = 0.002, 0.001
_WEIGHT = 0.2


class Batcher:
    """Gather the items of one endpoint into calls.

    Args:
        endpoint: Whose ``predict`` is called; what it has to be awaited for is awaited, several
            at once.
        loop: By which all methods are called.
        counters: Told of each call.
        most_waiting: How many may wait, besides those of a call that runs.
        clock: Seconds, the same as the loop's.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        loop: asyncio.AbstractEventLoop,
        counters: Counters,
        most_waiting: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.endpoint = endpoint
        self._loop, self._counters, self._clock = loop, counters, clock
        self._most_waiting = max(1, most_waiting)
        self._full = min(endpoint.max_batch, self._most_waiting)
        self._check = getattr(endpoint.predict, "check_later", None)
        self._waiting: list[tuple[Any, Waiter]] = []
        self._seen = 0
        self._is_looking = False
        self._is_calling = False
        self._awaited = 0
        self._mean = 0.0
        self.is_slow = False
        self._aside: SerialThread | None = None
        self._timers: dict[Waiter, asyncio.TimerHandle] = {}
        self._busy = ProblemError(
            503, f"{most_waiting} predictions wait already", headers=[(b"retry-after", b"1")]
        )

    async def predict(self, item: Any, deadline: float | None = None) -> Prediction:
        """Predict one item.

        Args:
            item: As the endpoint's schema gave it.
            deadline: Until when, by the loop's clock.

        Raises:
            ProblemError: 503, 504, 500, or what the author raised of this kind.
        """
        if self.endpoint.call is not None:
            return await self._awaited_answer(self.endpoint.call, item, deadline)
        waiter = Promise(self._loop.create_future(), self._clock(), deadline)
        self.submit(item, waiter)
        return await waiter.future

    async def predict_many(self, items: Sequence[Any], deadline: float | None = None) -> list[Any]:
        """Predict many items of one client, which takes no more room than one call has.

        Returns:
            The results in order, and a ProblemError in the place of each that failed.

        Raises:
            ProblemError: 503 or 504, after which there is no use in the rest.
        """
        results: list[Any] = []
        for start in range(0, len(items), self._full):
            asked = [self.predict(item, deadline) for item in items[start : start + self._full]]
            results += _given(await asyncio.gather(*asked, return_exceptions=True))
        return results

    def submit(self, item: Any, waiter: Waiter, *, is_alone: bool = False) -> None:
        """Have an item predicted; the waiter is told, at once or later.

        Args:
            item: As the endpoint's schema gave it.
            waiter: Who is told.
            is_alone: Nobody else can come in this turn of the loop.
        """
        if len(self._waiting) >= self._most_waiting:
            self._waiting = [pair for pair in self._waiting if not pair[1].is_gone]
            if len(self._waiting) >= self._most_waiting:
                waiter.reject(self._busy)
                return
        self._waiting.append((item, waiter))
        if waiter.deadline is not None:
            self._timers[waiter] = self._loop.call_at(waiter.deadline, self._expire, waiter)
        if self._is_calling:
            self._counters.waits(self.endpoint.name, len(self._waiting))
        elif is_alone or len(self._waiting) >= self._full:
            self._call_all()
        elif not self._is_looking:
            self._is_looking, self._seen = True, 0
            self._loop.call_soon(self._look)

    def close(self) -> None:
        """End the thread, if there is one."""
        if self._aside is not None:
            self._aside.close()
            self._aside = None

    # -- calling

    def _look(self) -> None:
        """Call, if this turn of the loop has added nothing."""
        if len(self._waiting) > self._seen and not self._is_calling:
            self._seen = len(self._waiting)
            self._loop.call_soon(self._look)
        else:
            self._is_looking = False
            self._call_all()

    def _call_all(self) -> None:
        while self._waiting and not self._is_calling:
            self._call()

    def _call(self) -> None:
        size = self.endpoint.max_batch
        taken, self._waiting = self._waiting[:size], self._waiting[size:]
        if self._timers:
            self._expire_late(taken)
        batch = [pair for pair in taken if not pair[1].is_gone]
        if not batch:
            return
        if self.is_slow:
            self._is_calling = True
            self._aside = self._aside or SerialThread(self.endpoint.name)
            self._aside.run(lambda: self._called_aside(batch))
        else:
            began = self._clock()
            results = self._results([item for item, _ in batch])
            self._settle(batch, results, began, self._clock() - began)

    def _called_aside(self, batch: list[tuple[Any, Waiter]]) -> None:
        began = self._clock()
        results = self._results([item for item, _ in batch])
        took = self._clock() - began
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._came, batch, results, began, took)

    def _came(self, batch: Any, results: Sequence[Any], began: float, took: float) -> None:
        """Let the thread go on before those are answered who have waited for it."""
        self._is_calling = False
        if self.is_slow and self._waiting:
            self._call()
        self._counters.waits(self.endpoint.name, len(self._waiting))
        self._settle(batch, results, began, took)
        self._call_all()

    def _results(self, items: list[Any]) -> Sequence[Any]:
        """Call the model; in the place of what failed stands the exception."""
        try:
            return _checked(self.endpoint.predict(items), items)
        except _CountError as error:
            return [error] * len(items)
        except BaseException as error:  # noqa: BLE001 - the author's code may raise anything
            if len(items) == 1:
                return [error]
            return [self._results([item])[0] for item in items]

    async def _awaited_answer(
        self, call: Callable[[Any], Awaitable[Any]], item: Any, deadline: float | None
    ) -> Prediction:
        if self._awaited >= self._most_waiting:
            raise self._busy
        began = self._clock()
        self._awaited += 1
        try:
            async with asyncio.timeout_at(deadline) as limit:
                result = await call(item)
        except Exception as error:
            if limit.expired():
                raise late() from None
            raise self.problem(error) from error
        finally:
            self._awaited -= 1
            took = self._clock() - began
            self._counters.called(self.endpoint.name, 1, took)
        return Prediction(result=result, timing=timing(0.0, took))

    # -- answering

    def _settle(self, batch: Any, results: Sequence[Any], began: float, took: float) -> None:
        self._counters.called(self.endpoint.name, len(batch), took)
        self._mean += (took - self._mean) * _WEIGHT
        self.is_slow = self._mean > (_QUICK if self.is_slow else _SLOW)
        if self._timers:
            self._expire_late(batch)
            self._stop_clocks(batch)
        for (_, waiter), result in zip(batch, results, strict=True):
            if waiter.is_gone:
                continue
            if isinstance(result, BaseException):
                waiter.reject(self.problem(result))
            else:
                waiter.resolve(result, began - waiter.since, took)
        if self._check is not None and not self._waiting and not self._is_calling:
            self._check()

    def problem(self, error: BaseException) -> ProblemError:
        """Say to a client that something failed, and to the log what."""
        if isinstance(error, ProblemError):
            return error
        is_count = isinstance(error, _CountError)
        said = f"{self.endpoint.name}: {error if is_count else 'a prediction failed'}"
        number = failures.note(log, said, None if is_count else error)
        problem = ProblemError(500, f"the prediction failed; the log has it under {number}")
        problem.__cause__ = error
        return problem

    def _expire_late(self, batch: list[tuple[Any, Waiter]]) -> None:
        """Refuse those whose time was up while the loop could not see it."""
        now = self._clock()
        for _, waiter in batch:
            if waiter.deadline is not None and waiter.deadline <= now:
                self._expire(waiter)

    def _stop_clocks(self, batch: list[tuple[Any, Waiter]]) -> None:
        for _, waiter in batch:
            if timer := self._timers.pop(waiter, None):
                timer.cancel()

    def _expire(self, waiter: Waiter) -> None:
        if timer := self._timers.pop(waiter, None):
            timer.cancel()
        if not waiter.is_gone:
            waiter.reject(late())


class _CountError(Exception):
    """Tell that a model gave more or fewer results than it got items."""


def _checked(results: Any, items: list[Any]) -> Sequence[Any]:
    count = len(results) if hasattr(results, "__len__") else None
    if count != len(items):
        given = type(results).__name__ if count is None else f"{count} results"
        raise _CountError(f"predict gave {given} for {len(items)} items; it has to give one each")
    checked: Sequence[Any] = results
    return checked


def _given(answers: list[Prediction | BaseException]) -> list[Any]:
    for answer in answers:
        if isinstance(answer, ProblemError) and answer.status in (503, 504):
            raise answer
    return [answer.result if isinstance(answer, Prediction) else answer for answer in answers]
