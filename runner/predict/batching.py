"""Pass what many clients ask at once to a model in one call, without letting one client wait.

The rules of this file:

1. There is no timer. What is ready in one turn of the loop goes into one call; the call begins
   when a turn of the loop has added nothing, when there is as much as it may take, or when all
   clients wait, so that nobody else can come.
2. Calls that take long are made in one thread, so that the loop can answer other things; what
   comes meanwhile makes the next call. Which it is to be is decided by the calls before. If the
   author allows for several threads, all calls are made in them.
3. If a call fails, its items are tried one by one: none fails for its neighbour's sake.
4. Who has gone, or waits no longer, is dropped before the call; who comes when too many wait
   is refused.
5. If calls have a timeout, all are made in threads. Who is in one that takes longer is answered;
   if it does not end a second later it never will: who waits is refused, and the worker has to
   be replaced.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from runner.predict import traced_call
from runner.predict.endpoints import Endpoint
from runner.predict.http_messages import predict_timing, unqueued_timing
from runner.predict.pending_prediction import (
    AwaitedPrediction,
    PendingPrediction,
    Prediction,
    deadline_passed,
)
from runner.predict.problem_error import ProblemError, failed_prediction
from runner.predict.serial_thread import SerialThread, SerialThreads
from runner.telemetry import spans
from runner.telemetry.raised import raised_by, standing_in
from runner.telemetry.request_trace import current
from runner.traffic.counters import Counters

log = logging.getLogger(__name__)

# The mean of calls, in seconds, above which they go to the thread, and below which they return.
_SLOW, _QUICK = 0.002, 0.001
_WEIGHT = 0.2
# So many seconds in line behind a call are worth a word in the log.
_LONG_LINE = 0.1
_GRACE = 1.0  # seconds for a late call to end


class Batcher:
    """Gather the items of one endpoint into calls.

    Args:
        endpoint: Whose ``predict`` is called; what it has to be awaited for is awaited, several
            at once.
        loop: By which all methods are called.
        counters: Told of each call.
        most_waiting: How many may wait, besides those of a call that runs.
        timeout: Seconds that a call may take; 0: as long as it likes.
        on_busy_changed: Called when ``is_busy`` may have changed.
        clock: Seconds, the same as the loop's.

    Attributes:
        counter: Counts for the endpoint.
        decode: Reads an item, as the endpoint's schema does.
        encode: Writes a result, as the endpoint does.
        is_stuck: A call does not end: this process has to.
    """

    def __init__(  # noqa: PLR0913 - all but the first are told by name
        self,
        endpoint: Endpoint,
        *,
        loop: asyncio.AbstractEventLoop,
        counters: Counters,
        most_waiting: int,
        timeout: float = 0.0,
        on_busy_changed: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.endpoint = endpoint
        self.counter = counters[endpoint.name]
        self.decode, self.encode = endpoint.schema.decode, endpoint.encode
        self._loop, self._clock = loop, clock
        self._most_waiting = max(1, most_waiting)
        self._largest_call = min(endpoint.max_batch, self._most_waiting)
        self._check = getattr(endpoint.predict, "check_later", None)
        self._waiting: list[PendingPrediction] = []
        self._waiting_at_last_look = 0
        self._is_looking = False
        self._calls = 0  # that run in threads
        self._awaited = 0
        self._mean_seconds = 0.0
        self._timeout, self._on_busy_changed = timeout, on_busy_changed
        self._late: dict[int, asyncio.TimerHandle] = {}  # by the identity of a call's batch
        self._called_in: dict[int, int] = {}  # a thread's number, likewise
        self.is_stuck = False
        # Each call is of the author's code, for one request, which its lines can name.
        self._names_requests = endpoint.model is None and endpoint.max_batch == 1
        self._is_always_slow = self.is_slow = endpoint.threads > 1 or timeout > 0
        self._threads = SerialThreads(endpoint.name, endpoint.threads)
        self._is_line_noted = endpoint.model is not None or endpoint.max_batch > 1
        self._timers: dict[PendingPrediction, asyncio.TimerHandle] = {}
        self._too_many_waiting = ProblemError(
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
            return await self._await_call(self.endpoint.call, item, deadline)
        pending = AwaitedPrediction(item, self._loop.create_future(), self._clock(), deadline)
        self.submit(pending)
        return await pending.future

    async def predict_many(self, items: Sequence[Any], deadline: float | None = None) -> list[Any]:
        """Predict many items of one client, which takes no more room than one call has.

        Returns:
            The results in order, and a ProblemError in the place of each that failed.

        Raises:
            ProblemError: 503 or 504, after which there is no use in the rest.
        """
        results: list[Any] = []
        for start in range(0, len(items), self._largest_call):
            asked = [
                self.predict(item, deadline) for item in items[start : start + self._largest_call]
            ]
            results += _results_or_raise(await asyncio.gather(*asked, return_exceptions=True))
        return results

    def submit(self, pending: PendingPrediction, clients: int = 0) -> None:
        """Have an item predicted; ``pending`` gets the result, at once or later.

        Args:
            pending: Has the item, and gets the result, or the problem.
            clients: How many there are, each with one request at a time; 0 if nobody knows.
        """
        waiting = self._waiting
        if len(waiting) >= self._most_waiting:
            if not self._has_room():
                pending.reject(_is_replaced() if self.is_stuck else self._too_many_waiting)
                return
            waiting = self._waiting
        waiting.append(pending)
        count = len(waiting)
        if self._calls >= self.endpoint.threads:
            self._watch_deadline(pending)
            self.counter.set_waiting(count)
        elif count == clients or count >= self._largest_call:
            self._call_all()
        elif not self._is_looking:
            self._is_looking, self._waiting_at_last_look = True, 0
            self._loop.call_soon(self._call_when_quiet)

    def _has_room(self) -> bool:
        """Forget who has gone; tell whether one more may wait."""
        self._waiting = [each for each in self._waiting if not each.is_complete]
        return len(self._waiting) < self._most_waiting

    def close(self) -> None:
        """End the threads, if there are any."""
        self._threads.close()

    def thread(self) -> SerialThread:
        """Give a thread in which the author's code may run."""
        return self._threads.least_busy()

    def note_line(self, seconds: float) -> None:
        """Say once by which option a function need not keep others waiting.

        Args:
            seconds: How long one has waited behind others.
        """
        if self._is_line_noted or seconds < _LONG_LINE:
            return
        self._is_line_noted = True
        threads = self.endpoint.threads
        log.warning(
            "%s: a call waited %.1f s in line, for %d may run at once; if they wait for something"
            " else, as a database, serve it by more: serve(…, threads=%d)",
            self.endpoint.name,
            seconds,
            threads,
            max(8, threads * 2),
        )

    # -- calling

    def _call_when_quiet(self) -> None:
        """Call, if this turn of the loop has added nothing."""
        if len(self._waiting) > self._waiting_at_last_look and not self._calls:
            self._waiting_at_last_look = len(self._waiting)
            self._loop.call_soon(self._call_when_quiet)
        else:
            self._is_looking = False
            self._call_all()
            for pending in self._waiting:
                self._watch_deadline(pending)

    def _call_all(self) -> None:
        while self._waiting and self._calls < self.endpoint.threads:
            self._call()

    def _call(self) -> None:
        size = self.endpoint.max_batch
        batch, self._waiting = self._waiting[:size], self._waiting[size:]
        batch = self._still_waiting(batch)
        if not batch:
            return
        if self.is_slow:
            for pending in batch:
                self._watch_deadline(pending)
            self._calls += 1
            self.counter.set_waiting(len(self._waiting))  # and tells what is in hand
            self._on_busy_changed()
            if self._timeout:
                late = self._loop.call_later(self._timeout, self._refuse_late, batch)
                self._late[id(batch)] = late
            self.thread().run(lambda: self._call_in_thread(batch))
        else:
            began = self._clock()
            results = self._results_for(batch)
            self._give_results(batch, results, began, self._clock() - began)

    def _call_in_thread(self, batch: list[PendingPrediction]) -> None:
        if self._timeout:
            self._called_in[id(batch)] = threading.get_ident()
        began = self._clock()
        results = self._results_for(batch)
        took = self._clock() - began
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._after_thread, batch, results, began, took)

    def _after_thread(self, batch: Any, results: Sequence[Any], began: float, took: float) -> None:
        """Let the thread go on before those are answered who have waited for it."""
        self._calls -= 1
        self._called_in.pop(id(batch), None)
        if late := self._late.pop(id(batch), None):
            late.cancel()
        if self.is_slow and self._waiting:
            self._call()
        self.counter.set_waiting(len(self._waiting))
        if not self._is_line_noted:
            self.note_line(began - min(pending.since for pending in batch))
        self._give_results(batch, results, began, took)
        self._call_all()
        self._on_busy_changed()

    @property
    def is_busy(self) -> bool:
        """Tell whether a further call would have to wait for one that runs."""
        return self._calls >= self.endpoint.threads

    def _refuse_late(self, batch: list[PendingPrediction]) -> None:
        said = self._too_late().detail
        standing = standing_in(self._called_in.get(id(batch), 0), said)
        log.warning("%s: %s; it was at:\n%s", self.endpoint.name, said, standing.traceback)
        self._late[id(batch)] = self._loop.call_later(_GRACE, self._declare_stuck)
        for pending in batch:
            if not pending.is_complete:
                pending.named().raised = standing
                pending.reject(self._too_late())

    def _too_late(self) -> ProblemError:
        return ProblemError(504, f"predict took longer than {self._timeout:g} s")

    def _declare_stuck(self) -> None:
        log.warning("%s: a call does not end: its worker is replaced", self.endpoint.name)
        self.is_stuck, self._most_waiting = True, 0  # whoever comes is refused, too
        waiting, self._waiting = self._waiting, []
        for pending in waiting:
            if not pending.is_complete:
                pending.reject(_is_replaced())

    def _results_for(self, batch: list[PendingPrediction]) -> Sequence[Any]:
        first = batch[0]
        if (first.known_trace() if self._names_requests else first.trace) is None:
            return self._results([each.item for each in batch])
        return traced_call.results_of(batch, self._results, self.endpoint.name)

    def _results(self, items: list[Any]) -> Sequence[Any]:
        """Call the model; in the place of what failed stands the exception."""
        try:
            return _counted_results(self.endpoint.predict(items), items)
        except _CountError as error:
            return [error] * len(items)
        except BaseException as error:  # noqa: BLE001 - the author's code may raise anything
            if len(items) == 1:
                return [error]
            return [self._results([item])[0] for item in items]

    async def _await_call(
        self, call: Callable[[Any], Awaitable[Any]], item: Any, deadline: float | None
    ) -> Prediction:
        if self._awaited >= self._most_waiting:
            raise self._too_many_waiting
        began = self._clock()
        is_ours = self._timeout > 0 and (deadline is None or deadline > began + self._timeout)
        if is_ours:
            deadline = began + self._timeout
        self._awaited += 1
        try:
            async with asyncio.timeout_at(deadline) as limit:
                with spans.child_here("predict", {"runner.endpoint": self.endpoint.name}):
                    result = await call(item)
        except Exception as error:
            if limit.expired():
                if (trace := current.get()) is not None:
                    trace.raised = raised_by(error)
                raise (self._too_late() if is_ours else deadline_passed()) from None
            raise self.problem(error) from error
        finally:
            self._awaited -= 1
            took = self._clock() - began
            self.counter.model_called(1, took)
        return Prediction(result=result, server_timing=unqueued_timing(took))

    # -- answering

    def _give_results(self, batch: Any, results: Sequence[Any], began: float, took: float) -> None:
        if self._timers:
            self._cancel_timers(batch)
        ended, timing = began + took, predict_timing(took)
        for pending, result in zip(batch, results, strict=True):
            if pending.is_complete:
                continue
            if pending.deadline is not None and pending.deadline <= ended:
                pending.reject(deadline_passed())
            elif isinstance(result, BaseException):
                pending.reject(self.problem_for(pending, result))
            else:
                pending.resolve(result, (began - pending.since) * 1000, timing)
        self._note_call(len(batch), took)
        if self._check is not None and not self._waiting and not self._calls:
            self._check()

    def _note_call(self, size: int, took: float) -> None:
        self.counter.model_called(size, took)
        self._mean_seconds += (took - self._mean_seconds) * _WEIGHT
        if not self._is_always_slow:
            self.is_slow = self._mean_seconds > (_QUICK if self.is_slow else _SLOW)

    def problem_for(self, pending: PendingPrediction, error: BaseException) -> ProblemError:
        """Say likewise, of the request for which it was."""
        return pending.named().run(self.problem, error)

    def problem(self, error: BaseException) -> ProblemError:
        """Say to a client that something failed, and to the log what."""
        if isinstance(error, ProblemError):
            return error
        said = str(error) if isinstance(error, _CountError) else ""
        return failed_prediction(log, self.endpoint.name, error, said)

    def _still_waiting(self, batch: list[PendingPrediction]) -> list[PendingPrediction]:
        """Refuse those whose time was up while the loop could not see it; give the others."""
        now = self._clock()
        for pending in batch:
            if pending.deadline is not None and pending.deadline <= now:
                self._expire(pending)
        return [each for each in batch if not each.is_complete]

    def _watch_deadline(self, pending: PendingPrediction) -> None:
        """Refuse one whose time is up while a call runs; who is called at once needs no timer."""
        deadline = pending.deadline
        if deadline is not None and pending not in self._timers:
            self._timers[pending] = self._loop.call_at(deadline, self._expire, pending)

    def _cancel_timers(self, batch: list[PendingPrediction]) -> None:
        for pending in batch:
            if timer := self._timers.pop(pending, None):
                timer.cancel()

    def _expire(self, pending: PendingPrediction) -> None:
        if timer := self._timers.pop(pending, None):
            timer.cancel()
        if not pending.is_complete:
            pending.reject(deadline_passed())


def _is_replaced() -> ProblemError:
    headers = [(b"retry-after", b"1"), (b"connection", b"close")]
    return ProblemError(503, "an earlier call hangs; this worker is replaced", headers=headers)


class _CountError(Exception):
    """Tell that a model gave more or fewer results than it got items."""


def _counted_results(results: Any, items: list[Any]) -> Sequence[Any]:
    count = len(results) if hasattr(results, "__len__") else None
    if count != len(items):
        given = type(results).__name__ if count is None else f"{count} results"
        raise _CountError(f"predict gave {given} for {len(items)} items; it has to give one each")
    checked: Sequence[Any] = results
    return checked


def _results_or_raise(answers: list[Prediction | BaseException]) -> list[Any]:
    for answer in answers:
        if isinstance(answer, ProblemError) and answer.status in (503, 504):
            raise answer
    return [answer.result if isinstance(answer, Prediction) else answer for answer in answers]
