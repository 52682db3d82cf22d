"""Hear the signals that ask this process to stop.

The rules of this file:

1. The first signal asks; a second one insists.
2. Equal signals within a second count once: GNU ``timeout`` sends each to its child, and then to
   the child's process group.
3. SIGHUP asks to stop as SIGTERM does, for a terminal that closes sends it; but not if whoever
   started us has it ignored, as ``nohup`` does.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable
from types import FrameType, TracebackType
from typing import Self

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_SAME_WITHIN = 1.0


class Repetitions:
    """Tell a signal from the same one that is sent twice.

    Args:
        clock: Gives the time in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._counted: dict[int, float] = {}

    def counts(self, signum: int) -> bool:
        """Tell whether a signal that comes now counts, and remember it if it does."""
        now = self._clock()
        if now - self._counted.get(signum, float("-inf")) < _SAME_WITHIN:
            return False
        self._counted[signum] = now
        return True


def hear(
    loop: asyncio.AbstractEventLoop,
    asking: Iterable[signal.Signals],
    act: Callable[[str], object],
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Have a loop act on each signal that counts, with its name."""
    repetitions = Repetitions(clock)

    def note(signum: signal.Signals) -> None:
        if repetitions.counts(signum):
            act(signum.name)

    for signum in asking:
        loop.add_signal_handler(signum, note, signum)


class StopRequest:
    """Record the signals that ask this process to stop.

    The handlers only note the signal and call the subscriber. The handlers that were there before
    come back at the end. Outside the main thread nothing is installed: Python allows it only there.

    Attributes:
        reason: Why it was sent, as far as anyone told; goes into the record.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.signum: int | None = None
        self.reason = ""
        self.is_urgent = False
        self._notify: Callable[[], object] = lambda: None
        self._previous: dict[signal.Signals, signal._HANDLER] = {}
        self._repetitions = Repetitions(clock)

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._previous = {sig: signal.signal(sig, self._note) for sig in stop_signals()}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for sig, previous in self._previous.items():
            signal.signal(sig, previous)

    @property
    def name(self) -> str:
        """Name the signal that asked, such as ``SIGTERM``; empty when none did."""
        return signal.Signals(self.signum).name if self.signum else ""

    @property
    def said(self) -> str:
        """Name the signal and, if it is known, why it was sent."""
        return f"{self.name}: {self.reason}" if self.reason else self.name

    def subscribe(self, notify: Callable[[], object]) -> None:
        """Call ``notify`` at every signal, and now if one has already come."""
        self._notify = notify
        if self.signum:
            notify()

    def _note(self, signum: int, frame: FrameType | None) -> None:
        if not self._repetitions.counts(signum):
            return
        self.is_urgent = self.signum is not None
        self.signum = self.signum or signum
        self._notify()


def stop_signals() -> tuple[signal.Signals, ...]:
    """List those that ask to stop: SIGHUP too, unless it is ignored, or Windows, without any."""
    hangup: signal.Signals | None = getattr(signal, "SIGHUP", None)
    if hangup is None or signal.getsignal(hangup) is signal.SIG_IGN:
        return STOP_SIGNALS
    return (*STOP_SIGNALS, hangup)


def has_terminal() -> bool:
    """Tell whether a terminal controls this process, which sends SIGHUP when it is closed."""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True
