"""Whether a cell stands where it will not end by itself."""

from __future__ import annotations

import asyncio
import linecache
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

import pytest

from runner.serving.cell_end import called, stays

FILE = "<a cell of these tests>"


@contextmanager
def running(source: str) -> Iterator[list[FrameType]]:
    """Run a cell in a thread until it waits in `pause`; give its frames."""
    over, is_there = threading.Event(), threading.Event()

    def pause() -> None:
        is_there.set()
        over.wait(20)
        sys.exit()

    def loop_of_a_server() -> None:
        pause()

    loop_of_a_server.__code__ = loop_of_a_server.__code__.replace(co_name="serve_forever")
    linecache.cache[FILE] = (len(source), None, source.splitlines(keepends=True), FILE)
    names: dict[str, Any] = {"__name__": "__main__", "pause": pause, "serve": loop_of_a_server}
    names |= {"threading": threading, "time": time, "event": Waits(is_there, over)}
    code = compile(source, FILE, "exec")

    def execute() -> None:
        with suppress(SystemExit):
            exec(code, names)

    thread = threading.Thread(target=execute)
    thread.start()
    assert is_there.wait(20)
    frame: FrameType | None = sys._current_frames()[thread.ident or 0]
    frames: list[FrameType] = []
    while frame is not None:
        frames.insert(0, frame)
        frame = frame.f_back
    try:
        yield frames[[each.f_code.co_filename for each in frames].index(FILE) :]
    finally:
        over.set()
        thread.join(20)


class Waits(threading.Event):
    """Be an event that is only waited for once somebody looks."""

    def __init__(self, is_there: threading.Event, over: threading.Event) -> None:
        super().__init__()
        self._cond = Condition(is_there, over)  # type: ignore[assignment] # as far as it is used


class Condition:
    """Stand where `Event.wait` waits, until the test is over."""

    def __init__(self, is_there: threading.Event, over: threading.Event) -> None:
        self._is_there, self._over = is_there, over

    def __enter__(self) -> None:
        self._is_there.set()

    def __exit__(self, *_: object) -> None:
        pass

    def wait(self, timeout: float | None = None) -> bool:
        return self._over.wait(20)


STAYS = {
    "a loop": "while True:\n    pause()",
    "a loop within a function": "def watch():\n    while 1:\n        pause()\nwatch()",
    "a loop that an interrupt ends": (
        "try:\n    while True:\n        try:\n            pause()\n"
        "        except KeyboardInterrupt:\n            break\nfinally:\n    pass"
    ),
    "a loop whose inner loop has an end": (
        "while True:\n    for _ in range(3):\n        pause()\n        break"
    ),
    "a server's own loop": "serve()",
}
GOES_ON = {
    "a call": "pause()",
    "a loop with an end": "for _ in range(3):\n    pause()",
    "a loop with a condition": "n = 1\nwhile n:\n    pause()",
    "a loop until the server answers": "while True:\n    if pause():\n        break",
    "a loop that returns": "def f():\n    while True:\n        pause()\n        return\nf()",
    "a loop that returns from an inner one": (
        "def f():\n    while True:\n        for _ in range(3):\n            if pause():\n"
        "                return\nf()"
    ),
    "what stands behind a loop": "while True:\n    break\npause()",
    "a loop that is only defined": "def f():\n    while True:\n        pass\npause()",
}


@pytest.mark.parametrize("name", STAYS)
def test_a_cell_stays(name: str) -> None:
    """Nothing but an interrupt ends it."""
    with running(STAYS[name]) as frames:
        assert stays(frames, None)


@pytest.mark.parametrize("name", GOES_ON)
def test_a_cell_goes_on(name: str) -> None:
    """Other cells may follow, and fail."""
    with running(GOES_ON[name]) as frames:
        assert not stays(frames, None)


def test_what_had_been_called_when_something_began_to_listen_is_a_servers_call() -> None:
    """As long as it runs; another call is none."""
    with running("pause()") as frames:
        assert stays(frames, called(frames))
    with running("pause()") as others:
        assert not stays(others, called(frames))


@pytest.mark.parametrize(("timeout", "is_end"), [("", True), ("60", False)])
def test_a_wait_without_a_timeout_has_no_end(timeout: str, is_end: bool) -> None:
    """One with a timeout has."""
    with running(f"event.wait({timeout})") as frames:
        assert stays(frames, None) is is_end


def test_a_coroutine_of_a_cell_is_looked_into() -> None:
    """What it awaits is part of the cell."""

    async def cell() -> None:
        await asyncio.Event().wait()

    async def look() -> list[str]:
        from runner.serving.cell_end import _awaited_by

        task = asyncio.create_task(cell())
        await asyncio.sleep(0)
        found = [frame.f_code.co_name for frame in _awaited_by(task.get_coro())]
        task.cancel()
        return found

    assert asyncio.run(look()) == ["cell", "wait"]
