"""Tell whether the cell that runs stands where it will not end, so that no other cell will run.

The rules of this file, of which one must hold:

1. A line of the notebook's stands in a loop that only an interrupt ends: ``while True`` without a
   ``break`` or ``return``, but in a handler of an error.
2. A line of the notebook's waits without a timeout: ``thread.join()``, ``event.wait()``.
3. A server's own loop runs: ``serve_forever``.
4. What the notebook's line had called when something began to listen still runs.

It looks at frames: those of the main thread, and of the coroutine of a cell that awaits.
"""

from __future__ import annotations

import ast
import asyncio
import linecache
import sys
import threading
from collections.abc import Iterator
from types import CodeType, FrameType
from typing import Any

from runner.serving.ipython_internals import code_that_runs_cells

_SERVERS = {"serve_forever", "_run_app", "run_forever_until_interrupted"}
_WAITS = {
    ("asyncio.locks", "wait"),
    ("asyncio.queues", "get"),
    ("concurrent.futures._base", "result"),
    ("multiprocessing.process", "join"),
    ("queue", "get"),
    ("threading", "join"),
    ("threading", "wait"),
}


def frames_of_cell(loop: asyncio.AbstractEventLoop | None) -> list[FrameType]:
    """Give the frames of the cell that runs, the outermost first; none if no cell runs.

    Args:
        loop: The kernel's, on which cells may await.
    """
    runs_cells = code_that_runs_cells()
    ident = threading.main_thread().ident
    found = _behind(runs_cells, [*_stack(sys._current_frames().get(ident or 0))])  # noqa: SLF001 - public in all but its name
    if found or loop is None:
        return [*found, *_awaited_in(found)]
    for task in asyncio.all_tasks(loop):
        if found := _behind(runs_cells, [*_awaited_by(task.get_coro())]):
            return found
    return []


def stays(frames: list[FrameType], opener: FrameType | None) -> bool:
    """Tell whether a cell with these frames stays where it is.

    Args:
        frames: Of `frames_of_cell`.
        opener: What `called` gave when something began to listen.
    """
    return (
        (opener is not None and any(frame is opener for frame in frames))
        or any(frame.f_code.co_name in _SERVERS for frame in frames)
        or _waits_for_ever(called(frames))
        or any(_is_in_endless_loop(frame) for frame in frames if _is_notebooks(frame))
    )


def called(frames: list[FrameType]) -> FrameType | None:
    """Give what the notebook's own innermost line has called; None if it has called nothing."""
    last = max((at for at, frame in enumerate(frames) if _is_notebooks(frame)), default=-1)
    return frames[last + 1] if 0 <= last < len(frames) - 1 else None


def _behind(code: CodeType | None, frames: list[FrameType]) -> list[FrameType]:
    places = [at for at, frame in enumerate(frames) if frame.f_code is code]
    return frames[places[-1] + 1 :] if places else []


def _stack(frame: FrameType | None) -> list[FrameType]:
    frames: list[FrameType] = []
    while frame is not None:
        hub = frame.f_locals.get("self") if _name(frame) == ("gevent.hub", "run") else None
        if parent := getattr(getattr(hub, "parent", None), "gr_frame", None):
            return _stack(parent)  # of the greenlet that waits, which is not on this stack
        frames.append(frame)
        frame = frame.f_back
    return frames[::-1]


def _awaited_in(frames: list[FrameType]) -> Iterator[FrameType]:
    """Give those of a coroutine that a cell runs in a loop of its own, as by ``asyncio.run``."""
    for frame in frames:
        future = frame.f_locals.get("future") if frame.f_code.co_name == "run_until_complete" else 0
        if isinstance(future, asyncio.Task):
            yield from _awaited_by(future.get_coro())


def _awaited_by(coroutine: Any) -> Iterator[FrameType]:
    while coroutine is not None:
        for kind in ("cr", "gi", "ag"):
            frame = getattr(coroutine, f"{kind}_frame", None)
            if frame is not None:
                yield frame
                break
        coroutine = next(
            (
                inner
                for name in ("cr_await", "gi_yieldfrom", "ag_await")
                if (inner := getattr(coroutine, name, None)) is not None
            ),
            None,
        )


def _name(frame: FrameType) -> tuple[str, str]:
    return str(frame.f_globals.get("__name__", "")), frame.f_code.co_name


def _is_notebooks(frame: FrameType) -> bool:
    return _name(frame)[0] == "__main__"


def _waits_for_ever(frame: FrameType | None) -> bool:
    if frame is None or _name(frame) not in _WAITS:
        return False
    return frame.f_locals.get("timeout") is None


def _is_in_endless_loop(frame: FrameType) -> bool:
    source = "".join(linecache.getlines(frame.f_code.co_filename, frame.f_globals))
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return False
    line = frame.f_lineno
    return any(
        isinstance(node, ast.While)
        and node.body[0].lineno <= line <= (node.end_lineno or 0)
        and isinstance(node.test, ast.Constant)
        and bool(node.test.value)
        and not _can_be_left(node.body)
        for node in ast.walk(tree)
    )


def _can_be_left(
    body: list[ast.stmt], by: tuple[type[ast.stmt], ...] = (ast.Break, ast.Return)
) -> bool:
    """Tell whether a loop's body ends the loop otherwise than by an error's handler."""
    for node in body:
        if isinstance(node, by):
            return True
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        is_loop = isinstance(node, ast.While | ast.For | ast.AsyncFor)  # its break is its own
        if _can_be_left(_blocks_of(node), (ast.Return,) if is_loop else by):
            return True
    return False


def _blocks_of(node: ast.stmt) -> list[ast.stmt]:
    """Give the statements within one, but those that only an error leads to."""
    blocks = [getattr(node, name, []) for name in ("body", "orelse", "finalbody")]
    blocks += [case.body for case in getattr(node, "cases", [])]
    return [each for block in blocks for each in block]
