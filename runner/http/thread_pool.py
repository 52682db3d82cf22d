"""Run what may take any time in threads that a process need not wait for when it ends.

Threads wait at pipes, not at locks. Who is woken at a lock begins at once on another processor, and
waits again, for the interpreter. Who is woken at a pipe begins when the one that woke it waits:
that is four changes of threads for a call and its answer instead of nine.
"""

from __future__ import annotations

import collections
import contextlib
import contextvars
import functools
import os
import select
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Future

from runner.http.thread_context import ThreadContext

_MOMENT = 1  # millisecond
_GATE = 0.1  # seconds


class ThreadPool:
    """Run calls in daemon threads: an app that never returns must not keep the process alive.

    Threads are started when they are needed, so a pool may be made before a fork. They have the
    context of the thread that makes it.

    Args:
        most: How many threads.
        when_free: Called, in a thread, when one is free again; once after each ``tell_when_free``.

    Attributes:
        before_waiting: Called in a thread before it waits for a call, with the pipe of these: it
            may look for other work, and returns when a call is there.
    """

    before_waiting: Callable[[Pipe], None] | None = None

    def __init__(self, most: int, when_free: Callable[[], None] = lambda: None) -> None:
        self._most, self._when_free = most, when_free
        self._tells_when_free = False
        self._context = ThreadContext()
        self._calls: collections.deque[Callable[[], None]] = collections.deque()
        self._pipe: Pipe | None = None  # with one byte for each call
        self._unfinished: collections.deque[None] = collections.deque()  # one for each call
        self._threads: list[threading.Thread] = []

    @property
    def has_calls_waiting(self) -> bool:
        """Tell that a call waits for a thread."""
        return bool(self._calls)

    @property
    def is_busy(self) -> bool:
        """Tell that a further call would have to wait for another's end."""
        return len(self._unfinished) >= self._most

    @property
    def has_calls_behind(self) -> bool:
        """Tell that a call waits for another's end."""
        return len(self._unfinished) > self._most

    def tell_when_free(self) -> None:
        """Have it told, once, that a thread is free again; ask for ``is_busy`` after this."""
        self._tells_when_free = True

    def start(self, call: Callable[[], None]) -> bool:
        """Run a call, which must not raise, in the next thread that is free.

        Returns:
            Whether one is free now.

        Raises:
            RuntimeError: The system gives us no thread at all, or the pool is closed.
        """
        pipe = self._pipe = self._pipe or Pipe()
        if not pipe.end.alive:
            raise RuntimeError("the threads have ended")
        if len(self._threads) <= len(self._unfinished) and len(self._threads) < self._most:
            try:
                work = functools.partial(self._work, pipe)
                thread = threading.Thread(
                    target=self._context.run, args=[work], name="wsgi", daemon=True
                )
                thread.start()
                self._threads.append(thread)
            except RuntimeError:
                if not self._threads:
                    raise
        is_free = len(self._unfinished) < len(self._threads)
        self._unfinished.append(None)
        self._calls.append(call)
        pipe.put()
        return is_free

    def work_here(self, beside: Callable[[], None]) -> None:
        """Run the calls in the thread that calls this, until something beside it has ended.

        Args:
            beside: Run in a thread of its own; what it raises is raised here.
        """
        pipe = self._pipe = self._pipe or Pipe()
        self._threads.append(threading.current_thread())
        ended: Future[None] = Future()

        def run() -> None:
            try:
                beside()
            except BaseException as error:  # noqa: BLE001 - raised where it is waited for
                ended.set_exception(error)
            else:
                ended.set_result(None)
            finally:
                self.close()

        context = contextvars.copy_context()
        threading.Thread(target=context.run, args=[run], name="loop", daemon=True).start()
        self._work(pipe)
        ended.result()

    def do(self, call: Callable[[], None]) -> None:
        """Run a call, which must not raise, in the thread that calls this, which is one of ours."""
        self._unfinished.append(None)
        call()
        self._end_call()

    def for_each_idle(self, act: Callable[[], None]) -> None:
        """Run something that must not raise in each thread that has nothing to do."""
        idle = len(self._threads) - len(self._unfinished)
        if idle > 0:
            gate = threading.Barrier(idle, timeout=_GATE)  # none takes the place of another
            for _ in range(idle):
                self.start(functools.partial(_act_once, act, gate))

    def close(self) -> None:
        """Let the threads end when they have nothing to do."""
        if self._pipe is not None:
            self._pipe.end()

    def _work(self, pipe: Pipe) -> None:
        while self._has_call(pipe):
            self._calls.popleft()()
            self._end_call()

    def _has_call(self, pipe: Pipe) -> bool:
        if self.before_waiting is not None:
            self.before_waiting(pipe)
        return bool(pipe.take())

    def _end_call(self) -> None:
        self._unfinished.pop()
        if self._tells_when_free:
            self._tells_when_free = False
            self._when_free()


def _act_once(act: Callable[[], None], gate: threading.Barrier) -> None:
    act()
    with contextlib.suppress(threading.BrokenBarrierError):
        gate.wait()


class Answer:
    """Let one thread wait a moment for what another does, so that both need not be awake.

    Args:
        pipe: Of the thread that waits; it waits for one at a time.
    """

    __slots__ = ("_open", "_pipe")

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe
        self._open = [None]  # taken out by the first who gives, or ceases to wait

    def give(self) -> bool:
        """Wake who waits; tell whether anybody does."""
        try:
            self._open.pop()
        except IndexError:
            return False
        self._pipe.put()
        return True

    def wait(self, *, for_a_moment: bool) -> bool:
        """Tell whether it was given; if not, nobody waits for it any more."""
        if not (for_a_moment and self._pipe.has_some(_MOMENT)):
            try:
                self._open.pop()
            except IndexError:  # it is being given now
                pass
            else:
                return False
        self._pipe.take()
        return True


class Pipe:
    """Be a pipe of single bytes, closed when nobody has it any more.

    Attributes:
        source: The descriptor that is read.

    Raises:
        RuntimeError: The system gives us none.
    """

    def __init__(self) -> None:
        try:
            self.source, self._write = os.pipe()
        except OSError as error:
            raise RuntimeError(f"no pipe: {error.strerror}") from error
        weakref.finalize(self, os.close, self.source).atexit = False
        self.end = weakref.finalize(self, os.close, self._write)
        self.end.atexit = False
        self._poll = select.poll()
        self._poll.register(self.source, select.POLLIN)

    def put(self) -> None:
        """Write a byte."""
        os.write(self._write, b".")

    def take(self) -> bytes:
        """Read a byte; none if there are none and the other end is closed."""
        return os.read(self.source, 1)

    def has_some(self, milliseconds: int) -> bool:
        """Wait for a byte."""
        return bool(self._poll.poll(milliseconds))
