"""Let ``asyncio.run`` be called where a loop runs already, as in every cell of a notebook."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import importlib.machinery
import importlib.util
import sys
import types
from asyncio import events, tasks
from collections.abc import Coroutine, Iterator
from typing import Any


def let_asyncio_run_nest() -> None:
    """Have ``asyncio.run`` start a loop of its own inside a running one, which waits meanwhile."""
    original = asyncio.run

    @functools.wraps(original)
    def run(main: Coroutine[Any, Any, Any], **settings: Any) -> Any:
        with outside_of_running_loop():
            return original(main, **settings)

    asyncio.run = run


def stand_in_for_nest_asyncio() -> None:
    """Let ``import nest_asyncio; nest_asyncio.apply()`` do nothing where it is not installed."""
    if "nest_asyncio" in sys.modules or importlib.util.find_spec("nest_asyncio"):
        return
    module: Any = types.ModuleType("nest_asyncio", "Stand in for a package that is not installed.")
    module.__spec__ = importlib.machinery.ModuleSpec("nest_asyncio", None)
    module.apply = lambda loop=None: None
    sys.modules["nest_asyncio"] = module


def reentrant_loop() -> asyncio.AbstractEventLoop | None:
    """Give the loop that runs if ``nest_asyncio`` lets it run on within what it has called."""
    loop = events._get_running_loop()  # noqa: SLF001 - there is no other way to ask for none
    return loop if getattr(loop, "_nest_patched", False) else None


@contextlib.contextmanager
def outside_of_running_loop() -> Iterator[None]:
    """Leave this thread's running loop and its current task; take them up again at the end."""
    loop = events._get_running_loop()  # noqa: SLF001 - there is no other way; nest_asyncio's too
    if loop is None:
        yield
        return
    task = asyncio.current_task()
    if task is not None:
        tasks._leave_task(loop, task)  # noqa: SLF001 - likewise
    events._set_running_loop(None)  # noqa: SLF001 - likewise
    try:
        yield
    finally:
        events._set_running_loop(loop)  # noqa: SLF001 - likewise
        asyncio.set_event_loop(loop)
        if task is not None:
            tasks._enter_task(loop, task)  # noqa: SLF001 - likewise
