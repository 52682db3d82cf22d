"""Turn SIGTERM and SIGINT into a request to stop that the run can wait for."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Self

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class StopRequest:
    """Record the signals that ask this process to stop.

    The handlers only note the signal and call the subscriber; the first signal
    asks, a second one insists. The handlers that were there before come back at
    the end. Outside the main thread nothing is installed: Python allows it only there.

    Attributes:
        reason: Why it was sent, as far as anyone told; goes into the record.
    """

    def __init__(self) -> None:
        self.signum: int | None = None
        self.reason = ""
        self.is_urgent = False
        self._notify: Callable[[], object] = lambda: None
        self._previous: dict[signal.Signals, signal._HANDLER] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._previous = {sig: signal.signal(sig, self._note) for sig in STOP_SIGNALS}
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
        self.is_urgent = self.signum is not None
        self.signum = self.signum or signum
        self._notify()
