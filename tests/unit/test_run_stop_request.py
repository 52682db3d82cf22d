"""Requests to stop."""

from __future__ import annotations

import asyncio
import os
import signal
import threading

from runner.run.stop_request import STOP_SIGNALS, StopRequest, hear


def test_the_first_signal_asks_and_the_second_insists() -> None:
    """Whoever presses Ctrl-C twice does not want to wait."""
    heard: list[bool] = []
    with StopRequest() as stop:
        stop.subscribe(lambda: heard.append(stop.is_urgent))
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)
    assert heard == [False, True]
    assert (stop.signum, stop.name) == (signal.SIGTERM, "SIGTERM")


def test_equal_signals_within_a_second_count_once() -> None:
    """GNU ``timeout`` sends each to its child, and again to the child's process group."""
    heard: list[bool] = []
    now = [100.0]
    with StopRequest(clock=lambda: now[0]) as stop:
        stop.subscribe(lambda: heard.append(stop.is_urgent))
        for now[0] in (100.0, 100.1, 100.9, 101.1):
            os.kill(os.getpid(), signal.SIGTERM)
    assert heard == [False, True]


def test_a_loop_hears_equal_signals_within_a_second_once() -> None:
    """A supervisor kills its runs at the second."""
    heard: list[str] = []

    async def listen() -> None:
        loop, is_over = asyncio.get_running_loop(), asyncio.Event()

        def note(name: str) -> None:
            heard.append(name)
            if name == "SIGINT":
                is_over.set()

        hear(loop, STOP_SIGNALS, note, lambda: 100.0)
        try:
            for signum in (signal.SIGTERM, signal.SIGTERM, signal.SIGINT):
                os.kill(os.getpid(), signum)
            await asyncio.wait_for(is_over.wait(), 10)
        finally:
            for signum in STOP_SIGNALS:
                loop.remove_signal_handler(signum)

    asyncio.run(listen())
    assert heard == ["SIGTERM", "SIGINT"]


def test_a_closed_terminal_asks_to_stop() -> None:
    """Its SIGHUP would kill the process, and the record would never be closed."""
    with StopRequest() as stop:
        os.kill(os.getpid(), signal.SIGHUP)
    assert stop.name == "SIGHUP"


def test_nohup_is_obeyed() -> None:
    """Who is told to ignore SIGHUP goes on when the terminal is closed."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with StopRequest() as stop:
            os.kill(os.getpid(), signal.SIGHUP)
        assert stop.signum is None
    finally:
        signal.signal(signal.SIGHUP, before)


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
