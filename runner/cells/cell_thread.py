"""Run cells one at a time, in one thread, and never wait for ever for one.

The rules of this file:

1. The cells' thread runs one call after the other. The loop's thread watches the clock.
2. A call that takes longer than the timeout is answered, as late, and interrupted by an
   exception in its thread: that ends Python code, also a loop that never ends.
3. What still runs after a grace (a sleep, a library's C code) cannot be ended but with its
   process: all that waits is refused, and ``is_stuck`` asks for a new worker.
4. A call that has to wait is watched: if its client goes away, it is never run.
5. Code that also holds Python's lock stops the loop too, and with it rules 2 and 3. For
   that there is an alarm of the operating system's, which kills the process; the loop
   puts it off for as long as it lives.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import dataclasses
import functools
import logging
import queue
import signal
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar, cast

from runner.http.thread_context import ThreadContext
from runner.telemetry import spans
from runner.telemetry.raised import standing_in
from runner.telemetry.request_trace import RequestTrace, current

Result = TypeVar("Result")

log = logging.getLogger(__name__)

_TICKS = 20  # in the shorter of timeout and grace


@dataclasses.dataclass(kw_only=True, eq=False)
class _CellCall(Generic[Result]):
    """Be one cell to run; ``began`` is 0 until it does."""

    work: Callable[[], Result]
    future: asyncio.Future[Result]
    gone: Callable[[], Coroutine[Any, Any, object]] | None = None
    watch: asyncio.Task[object] | None = None
    began: float = 0.0
    trace: RequestTrace | None = None
    is_late: bool = False
    is_over: bool = False


class CellThread(Generic[Result]):
    """Run cells one at a time; everything but the cells happens in the loop's thread.

    Args:
        timeout: Seconds a cell may take; 0: as long as it likes.
        grace: Seconds it has to end after it was interrupted.
        interrupt: The exception that is raised in it.
        late: Makes the answer of a call that took too long.
        refused: Makes the answer of a call that never ran.
        kills: Whether the alarm may kill this process, since it is a worker of its own.
        on_busy_changed: Called when the first call comes, and when any is over.

    Attributes:
        is_stuck: A cell cannot be ended: this process has to be.
    """

    def __init__(  # noqa: PLR0913 - all of them are told by name
        self,
        *,
        timeout: float,
        grace: float,
        interrupt: type[BaseException],
        late: Callable[[], Result],
        refused: Callable[[], Result],
        kills: bool,
        on_busy_changed: Callable[[], None] = lambda: None,
    ) -> None:
        self.is_stuck = False
        self._timeout, self._grace = timeout, grace
        self._interrupt, self._late, self._refused = interrupt, late, refused
        self._kills, self._on_busy_changed = kills, on_busy_changed
        self._loop = asyncio.get_running_loop()
        self._waiting: queue.SimpleQueue[_CellCall[Result]] = queue.SimpleQueue()
        self._lock = threading.Lock()  # held to begin, to end and to interrupt a call
        self._running: _CellCall[Result] | None = None
        self._unfinished: set[_CellCall[Result]] = set()
        self._ticking: asyncio.TimerHandle | None = None
        run = ThreadContext().run
        self._thread = threading.Thread(
            target=run, args=[self._run_calls], name="cells", daemon=True
        )
        self._thread.start()

    async def run(
        self,
        work: Callable[[], Result],
        gone: Callable[[], Coroutine[Any, Any, object]] | None = None,
    ) -> Result:
        """Run something in the cells' thread when its turn comes.

        Args:
            work: What to run.
            gone: Returns when nobody waits for the answer any more.

        Returns:
            What ``work`` returns.
        """
        if self.is_stuck:
            return self._refused()
        if (trace := current.get()) is not None:
            work = functools.partial(trace.run, _in_spans(trace, work))
        call = _CellCall(work=work, future=self._loop.create_future(), gone=gone, trace=trace)
        self._unfinished.add(call)
        if len(self._unfinished) == 1:
            self._on_busy_changed()
        if self._timeout and self._ticking is None:
            self._tick()
        self._waiting.put(call)
        try:
            return cast("Result", await call.future)
        finally:
            call.is_over = True  # also if nobody waits any more: it is skipped
            self._unfinished.discard(call)
            if not self._unfinished:
                self._on_busy_changed()
            if call.watch is not None:
                call.watch.cancel()

    def run_aside(self, act: Callable[[], Any]) -> None:
        """Run something short between two cells, for which nobody waits."""
        self._waiting.put(_CellCall(work=act, future=self._loop.create_future()))

    @property
    def is_busy(self) -> bool:
        """Tell that a further call would have to wait."""
        return bool(self._unfinished) or self._running is not None

    # -- in the cells' thread

    def _run_calls(self) -> None:
        while True:
            call = self._waiting.get()
            if call.is_over:
                continue
            with self._lock:
                call.began = time.monotonic()
                self._running = call
            try:
                set_outcome = self._run_one(call)
                self._end_call()
            except self._interrupt:  # it came between the ends of the cell and the call
                set_outcome = self._set_late
                self._end_call()
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._settle, set_outcome, call)

    def _run_one(self, call: _CellCall[Result]) -> Callable[[_CellCall[Result]], None]:
        try:
            result = call.work()
        except self._interrupt:
            return self._set_late
        except BaseException as error:  # noqa: BLE001 - it is raised where the answer is awaited
            return functools.partial(_set_error, error)
        return functools.partial(_set_result, result)

    def _set_late(self, call: _CellCall[Result]) -> None:
        """Answer a call that was interrupted; by the clock it has its answer already."""
        _set_result(self._late(), call)

    def _end_call(self) -> None:
        """End the call; an interrupt that has not arrived by then never does."""
        with self._lock:
            self._running = None
            _raise_in(self._thread, None)

    # -- in the loop's thread

    def _settle(
        self, set_outcome: Callable[[_CellCall[Result]], None], call: _CellCall[Result]
    ) -> None:
        set_outcome(call)
        self._on_busy_changed()

    def _tick(self) -> None:
        self._ticking = None
        if call := self._running:
            age = time.monotonic() - call.began
            if age > self._timeout + self._grace:
                self._declare_stuck()
            elif age > self._timeout and not call.is_late:
                self._interrupt_late(call)
        self._watch_waiting_clients()
        is_idle = not self._unfinished and self._running is None
        if is_idle or self.is_stuck:
            self._put_alarm_off(0)
            return
        self._put_alarm_off(self._timeout + 2 * self._grace)
        every = min(self._timeout, self._grace) / _TICKS
        self._ticking = self._loop.call_later(every, self._tick)

    def _watch_waiting_clients(self) -> None:
        for call in self._unfinished:
            if not call.began and call.gone is not None and call.watch is None:
                call.watch = self._loop.create_task(call.gone())
                call.watch.add_done_callback(functools.partial(self._skip_abandoned, call))

    def _skip_abandoned(self, call: _CellCall[Result], _: object) -> None:
        """End a call for which nobody waits, by an answer that nobody reads."""
        _set_result(self._refused(), call)

    def _interrupt_late(self, call: _CellCall[Result]) -> None:
        call.is_late = True
        said = f"a cell did not end within {self._timeout:g} s"
        standing = standing_in(self._thread.ident or 0, said)
        if call.trace is not None:
            call.trace.raised = standing
        log.warning("%s; it was at:\n%s", said, standing.traceback)
        _set_result(self._late(), call)
        with self._lock:
            if self._running is call:
                _raise_in(self._thread, self._interrupt)

    def _declare_stuck(self) -> None:
        self.is_stuck = True
        log.warning("the cell could not be ended: its worker asks to be replaced")
        for call in self._unfinished:
            _set_result(self._refused(), call)

    def _put_alarm_off(self, seconds: float) -> None:
        if self._kills:
            signal.setitimer(signal.ITIMER_REAL, seconds)


def _in_spans(trace: RequestTrace, work: Callable[[], Result]) -> Callable[[], Result]:
    """Make spans of how long the cell waits for its turn, and of the cell, if spans are made."""
    above, asked = trace.span, time.monotonic()
    if above is None:
        return work

    def run() -> Result:
        above.child("waiting", asked).end()
        with spans.child_here("cell"):
            return work()

    return run


def _set_result(result: Result, call: _CellCall[Result]) -> None:
    if not call.future.done():
        call.future.set_result(result)


def _set_error(error: BaseException, call: _CellCall[Any]) -> None:
    if not call.future.done():
        call.future.set_exception(error)


def _raise_in(thread: threading.Thread, error: type[BaseException] | None) -> None:
    """Raise an exception in another thread, at its next line of Python; None takes it back."""
    ident = ctypes.c_ulong(thread.ident or 0)
    raised = ctypes.py_object(error) if error else ctypes.py_object()
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, raised)
