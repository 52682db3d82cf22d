"""Tell the tasks of a notebook from those that its kernel has on the same loop."""

from __future__ import annotations

import asyncio
from typing import Any

_OF_THE_KERNEL = {"IPython", "ipykernel", "jupyter_client", "runner", "tornado", "zmq"}


def of_notebook() -> set[asyncio.Task[Any]]:
    """Give the tasks of the running loop that neither run this nor belong to the kernel."""
    try:
        current = asyncio.current_task()
    except RuntimeError:  # no loop runs
        return set()
    return {
        task
        for task in asyncio.all_tasks()
        if task is not current and _package_of(task) not in _OF_THE_KERNEL
    }


def _package_of(task: asyncio.Task[Any]) -> str:
    frame = getattr(task.get_coro(), "cr_frame", None)
    name = frame.f_globals.get("__name__") if frame is not None else ""
    return str(name).partition(".")[0]
