"""Run cells one at a time, in one thread, and never wait for ever for one.

The rules of this file:

1. The cells' thread takes one turn after the other. The loop's thread watches the clock.
2. A turn that takes longer than the timeout is answered, as late, and interrupted by an
   exception in its thread: that ends Python code, also a loop that never ends.
3. What still runs after a grace (a sleep, a library's C code) cannot be ended but with its
   process: all that waits is refused, and ``is_stuck`` asks for a new worker.
4. A turn that has to wait is watched: if its client goes away, it is never taken.
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
import sys
import threading
import time
import traceback
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar, cast

Answer = TypeVar("Answer")

log = logging.getLogger(__name__)

_LINES_SHOWN = 6
_TICKS = 20  # in the shorter of timeout and grace


@dataclasses.dataclass(kw_only=True, eq=False)
class _CellCall(Generic[Answer]):
    """Be one cell to run; ``began`` is 0 until it does."""

    work: Callable[[], Answer]
    future: asyncio.Future[Answer]
    gone: Callable[[], Coroutine[Any, Any, object]] | None = None
    watch: asyncio.Task[object] | None = None
    began: float = 0.0
    is_late: bool = False
    is_over: bool = False


class CellThread(Generic[Answer]):
    """Run cells one at a time; everything but the cells happens in the loop's thread.

    Args:
        timeout: Seconds a cell may take; 0: as long as it likes.
        grace: Seconds it has to end after it was interrupted.
        interrupt: The exception that is raised in it.
        late: Makes the answer of a turn that took too long.
        refused: Makes the answer of a turn that never came.
        kills: Whether the alarm may kill this process, since it is a worker of its own.

    Attributes:
        is_stuck: A cell cannot be ended: this process has to be.
    """

    def __init__(  # noqa: PLR0913 - all of them are told by name
        self,
        *,
        timeout: float,
        grace: float,
        interrupt: type[BaseException],
        late: Callable[[], Answer],
        refused: Callable[[], Answer],
        kills: bool,
    ) -> None:
        self.is_stuck = False
        self._timeout, self._grace = timeout, grace
        self._interrupt, self._late, self._refused = interrupt, late, refused
        self._kills = kills
        self._loop = asyncio.get_running_loop()
        self._waiting: queue.SimpleQueue[_CellCall[Answer]] = queue.SimpleQueue()
        self._lock = threading.Lock()  # held to begin, to end and to interrupt a turn
        self._running: _CellCall[Answer] | None = None
        self._open: set[_CellCall[Answer]] = set()
        self._ticking: asyncio.TimerHandle | None = None
        self._thread = threading.Thread(target=self._take_turns, name="cells", daemon=True)
        self._thread.start()

    async def take(
        self,
        work: Callable[[], Answer],
        gone: Callable[[], Coroutine[Any, Any, object]] | None = None,
    ) -> Answer:
        """Run something in the cells' thread when its turn comes.

        Args:
            work: What to run.
            gone: Returns when nobody waits for the answer any more.

        Returns:
            What ``work`` returns.
        """
        if self.is_stuck:
            return self._refused()
        turn = _CellCall(work=work, future=self._loop.create_future(), gone=gone)
        self._open.add(turn)
        if self._timeout and self._ticking is None:
            self._tick()
        self._waiting.put(turn)
        try:
            return cast("Answer", await turn.future)
        finally:
            turn.is_over = True  # also if nobody waits any more: its turn is skipped
            self._open.discard(turn)
            if turn.watch is not None:
                turn.watch.cancel()

    # -- in the cells' thread

    def _take_turns(self) -> None:
        while True:
            turn = self._waiting.get()
            if turn.is_over:
                continue
            with self._lock:
                turn.began = time.monotonic()
                self._running = turn
            try:
                give = self._worked(turn)
                self._end_turn()
            except self._interrupt:  # it came late, between the cell's end and the turn's
                give = self._give_late
                self._end_turn()
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(give, turn)

    def _worked(self, turn: _CellCall[Answer]) -> Callable[[_CellCall[Answer]], None]:
        try:
            answer = turn.work()
        except self._interrupt:
            return self._give_late
        except BaseException as error:  # noqa: BLE001 - it is raised where the answer is awaited
            return functools.partial(_give_error, error)
        return functools.partial(_give, answer)

    def _give_late(self, turn: _CellCall[Answer]) -> None:
        """Answer a turn that was interrupted; by the clock it has its answer already."""
        _give(self._late(), turn)

    def _end_turn(self) -> None:
        """End the turn; an interrupt that has not arrived by then never does."""
        with self._lock:
            self._running = None
            _raise_in(self._thread, None)

    # -- in the loop's thread

    def _tick(self) -> None:
        self._ticking = None
        if turn := self._running:
            age = time.monotonic() - turn.began
            if age > self._timeout + self._grace:
                self._give_up()
            elif age > self._timeout and not turn.is_late:
                self._be_late(turn)
        self._watch_those_that_wait()
        is_idle = not self._open and self._running is None
        if is_idle or self.is_stuck:
            self._put_alarm_off(0)
            return
        self._put_alarm_off(self._timeout + 2 * self._grace)
        every = min(self._timeout, self._grace) / _TICKS
        self._ticking = self._loop.call_later(every, self._tick)

    def _watch_those_that_wait(self) -> None:
        for turn in self._open:
            if not turn.began and turn.gone is not None and turn.watch is None:
                turn.watch = self._loop.create_task(turn.gone())
                turn.watch.add_done_callback(functools.partial(self._leave, turn))

    def _leave(self, turn: _CellCall[Answer], _: object) -> None:
        """End a turn for which nobody waits, by an answer that nobody reads."""
        _give(self._refused(), turn)

    def _be_late(self, turn: _CellCall[Answer]) -> None:
        turn.is_late = True
        log.warning("a cell did not end within %g s; it was at:\n%s", self._timeout, self._where())
        _give(self._late(), turn)
        with self._lock:
            if self._running is turn:
                _raise_in(self._thread, self._interrupt)

    def _give_up(self) -> None:
        self.is_stuck = True
        log.warning("the cell could not be ended: its worker asks to be replaced")
        for turn in self._open:
            _give(self._refused(), turn)

    def _where(self) -> str:
        """Give the innermost lines that the cells' thread is at."""
        frame = sys._current_frames().get(self._thread.ident or 0)  # noqa: SLF001 - its documented name
        return "".join(traceback.format_stack(frame)[-_LINES_SHOWN:])

    def _put_alarm_off(self, seconds: float) -> None:
        if self._kills:
            signal.setitimer(signal.ITIMER_REAL, seconds)


def _give(answer: Answer, turn: _CellCall[Answer]) -> None:
    if not turn.future.done():
        turn.future.set_result(answer)


def _give_error(error: BaseException, turn: _CellCall[Any]) -> None:
    if not turn.future.done():
        turn.future.set_exception(error)


def _raise_in(thread: threading.Thread, error: type[BaseException] | None) -> None:
    """Raise an exception in another thread, at its next line of Python; None takes it back."""
    ident = ctypes.c_ulong(thread.ident or 0)
    raised = ctypes.py_object(error) if error else ctypes.py_object()
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, raised)
