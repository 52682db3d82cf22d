"""Call what may never return, such as to look at a file on a network mount that does not answer."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable
from typing import TypeVar

_T = TypeVar("_T")


def in_a_thread(call: Callable[[], _T]) -> asyncio.Future[_T]:
    """Call it in a thread that nobody waits for at the end, as one would for an executor's."""
    outcome: concurrent.futures.Future[_T] = concurrent.futures.Future()
    outcome.set_running_or_notify_cancel()

    def run() -> None:
        try:
            outcome.set_result(call())
        except Exception as error:  # noqa: BLE001 - raised where it is waited for
            outcome.set_exception(error)

    threading.Thread(target=run, name="detached", daemon=True).start()
    return asyncio.wrap_future(outcome)
