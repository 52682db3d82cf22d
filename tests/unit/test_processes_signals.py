"""Requests to stop."""

from __future__ import annotations

import os
import signal
import threading

from runner.processes import StopRequest


def test_the_first_signal_asks_and_the_second_insists() -> None:
    """Whoever presses Ctrl-C twice does not want to wait."""
    heard: list[bool] = []
    with StopRequest() as stop:
        stop.subscribe(lambda: heard.append(stop.is_urgent))
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)
    assert heard == [False, True]
    assert (stop.signum, stop.name) == (signal.SIGTERM, "SIGTERM")


def test_a_signal_before_the_subscription_is_not_lost() -> None:
    """A signal that comes while papermill is still being imported counts."""
    heard: list[bool] = []
    with StopRequest() as stop:
        os.kill(os.getpid(), signal.SIGINT)
        stop.subscribe(lambda: heard.append(True))
    assert heard == [True]


def test_the_handlers_from_before_come_back() -> None:
    """The process is as it was, after a run."""
    before = {sig: signal.getsignal(sig) for sig in (signal.SIGTERM, signal.SIGINT)}
    with StopRequest():
        assert signal.getsignal(signal.SIGTERM) != before[signal.SIGTERM]
    assert {sig: signal.getsignal(sig) for sig in before} == before


def test_another_thread_may_use_it() -> None:
    """Papermill may run in a thread, where Python installs no handlers."""
    seen: list[int | None] = []

    def use() -> None:
        with StopRequest() as stop:
            seen.append(stop.signum)

    thread = threading.Thread(target=use)
    thread.start()
    thread.join(timeout=5)
    assert seen == [None]
