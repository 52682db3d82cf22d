"""Have a notebook's own server calls serve on the supervisor's sockets.

Only under a supervisor, by a cell that the run puts before the notebook's first one and
that anyone can see in out.ipynb. In plain Jupyter and plain papermill nothing is patched.

The rules of this file:

1. A call that blocks a cell of the main thread serves at once, as the call would have.
2. A call in another thread, or in a task of the kernel's own loop, must not block there: its
   app is left for the cell that the run puts behind the last one.
   Cells that do not come to their end within two seconds go on, and it is served beside them,
   from a thread: a notebook may look after its server in a loop of its own.
3. That cell serves what was left, or waits for what is served already; else it serves an app
   that the notebook has named ``app`` or ``application``, or the value of its last expression.
4. What was drained is over: a notebook that calls its server again is interrupted.
5. A notebook that listens by other means serves as it is: see ``runner.serving.socket_takeover``.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import importlib.util
import logging
import os
import sys
import threading
import time
import types
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from runner.serving.nested_loops import let_asyncio_run_nest
from runner.serving.servers import adopt_when_imported
from runner.serving.socket_takeover import OwnSockets

log = logging.getLogger(__name__)

NAMES = ("app", "application")

_LOOKS, _LOOK_SECONDS = 50, 0.01
_PATIENCE = 2.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class AdoptedApp:
    """Hold what a server call wanted to serve.

    Attributes:
        app: An ASGI or WSGI callable.
        asked: The call's own address, in words.
    """

    app: Any
    asked: str


class Adoption:
    """Take apps over from server calls.

    Args:
        serve: Serves an app until it is drained; gets also the address that was asked for.
        blocks_a_cell: Tells whether the call that runs now may serve at once.
        serve_in_background: Serves an app from a thread, while cells go on; never if there is none.

    Attributes:
        own: The sockets that the notebook opens by itself.
    """

    def __init__(
        self,
        serve: Callable[[Any, str], None],
        blocks_a_cell: Callable[[], bool],
        serve_in_background: Callable[[Any, str], BackgroundService] | None = None,
    ) -> None:
        self._serve, self._blocks_a_cell = serve, blocks_a_cell
        self._serve_in_background = serve_in_background
        self._left: list[AdoptedApp] = []
        self._background: BackgroundService | None = None
        self._fault: Exception | None = None
        self._claim = threading.Lock()
        self._is_claimed = False
        self._is_over = False
        self._threads = threading.active_count()
        self.own = OwnSockets(self._claims)

    def hand_over(self, app: Any, asked: str) -> None:
        """Serve an app now, or leave it for the last cell."""
        taken = AdoptedApp(app=app, asked=asked)
        if self._blocks_a_cell():
            self._serve_now(taken)
        else:
            self._left.append(taken)
            if self._serve_in_background is not None:
                waiting = threading.Timer(_PATIENCE, self._serve_meanwhile, [taken])
                waiting.daemon = True
                waiting.start()

    async def serve_what_is_left(self, names: Mapping[str, Any]) -> None:
        """Serve what the notebook has left behind without serving it.

        Args:
            names: The notebook's own.

        Raises:
            LookupError: There is nothing.
        """
        await self._let_others_call()
        if self.own.is_listening:
            await self._wait_for_own()
            return
        if self._is_claimed:
            self._wait_in_background()
            return
        found = self._left or [
            AdoptedApp(app=names[name], asked=f"nothing; the notebook left {name!r}")
            for name in (*NAMES, "_")
            if is_app(names.get(name))
        ]
        if not found:
            raise LookupError(
                "nothing to serve: no cell called a server that the runner knows, none left an"
                f" ASGI or WSGI callable named {' or '.join(NAMES)}, and the value of the last"
                " expression is none. End the notebook with: from runner import serve; serve(app)"
            )
        self._serve_now(found[0])

    def _serve_now(self, taken: AdoptedApp) -> None:
        if self._is_over:
            raise KeyboardInterrupt("the service was drained")
        if not self._claims():
            self._wait_in_background()
            return
        print(f"the supervisor decides on the address; the call asked for {taken.asked}")  # noqa: T201 - seen in the cell
        self._serve(taken.app, taken.asked)
        self._is_over = True

    def _claims(self) -> bool:
        """Tell the first who asks, and nobody else, to serve."""
        with self._claim:
            is_first, self._is_claimed = not self._is_claimed, True
        return is_first

    def _serve_meanwhile(self, taken: AdoptedApp) -> None:
        """Serve beside cells that have not come to their end."""
        if self._serve_in_background is not None and self._claims():
            try:
                self._background = self._serve_in_background(taken.app, taken.asked)
            except Exception as error:
                log.exception("the app could not be served beside the cells")
                self._fault = error

    def _wait_in_background(self) -> None:
        """Be a cell that serves, until interrupted: what serves is in another thread."""
        try:
            while self._fault is None and (self._background is None or self._background.is_serving):
                time.sleep(_LOOK_SECONDS)
        finally:
            self.end_background()
        if self._fault is not None:
            raise self._fault

    async def _wait_for_own(self) -> None:
        """Let the notebook's own server go on until it ends, or the cell is interrupted."""
        while self.own.is_listening:  # noqa: ASYNC110 - a socket's end makes no event
            await asyncio.sleep(_LOOK_SECONDS * _LOOKS)

    def end_background(self) -> None:
        """Drain what is served beside the cells."""
        if self._background is not None:
            self._background.stop()
            self._is_over = True

    async def _let_others_call(self) -> None:
        """Give the notebook's threads and tasks, if it has any, a moment to call their server."""
        for _ in range(_LOOKS):
            is_alone = threading.active_count() <= self._threads and len(asyncio.all_tasks()) <= 1
            if self._left or self.own.is_listening or is_alone:
                return
            await asyncio.sleep(_LOOK_SECONDS)


class BackgroundService(Protocol):
    """Be a service that runs beside the cells."""

    @property
    def is_serving(self) -> bool:
        """Tell whether it has not ended."""

    def stop(self) -> None:
        """Drain it."""


_current: list[Adoption] = []


def adopt() -> None:
    """Let the server calls of this process hand their apps to ``runner.serve``."""
    if "RUNNER_CONTROL" not in os.environ:
        return
    adoption = Adoption(_serve, blocks_a_cell, _serve_in_background)
    _current[:] = [adoption]
    _end_with_an_interrupted_cell(adoption)
    adopt_when_imported(adoption.hand_over)
    adoption.own.begin()
    let_asyncio_run_nest()
    _stand_in_for_nest_asyncio()


async def serve_what_is_left(names: Mapping[str, Any]) -> None:
    """Be the last cell."""
    if _current:
        await _current[0].serve_what_is_left(names)


def is_app(value: Any) -> bool:
    """Tell whether something can be called as an ASGI or a WSGI app, and is meant to be."""
    from runner.serving.serve import kind_of

    if isinstance(value, type):
        return False
    with contextlib.suppress(TypeError):
        return bool(kind_of(value))
    return False


def blocks_a_cell() -> bool:
    """Tell whether a cell waits, in the main thread, for the call that runs now."""
    if threading.current_thread() is not threading.main_thread():
        return False
    module = sys.modules.get("IPython.core.interactiveshell")
    if module is None:  # no notebook, but a script
        return True
    runs_cells = module.InteractiveShell.run_code.__code__
    frame: types.FrameType | None = sys._getframe()  # noqa: SLF001 - public in all but its name
    while frame is not None and frame.f_code is not runs_cells:
        frame = frame.f_back
    return frame is not None


def _serve(app: Any, asked: str) -> None:
    from runner.serving import serve as serving

    serving.serve_adopted(app, asked)


def _serve_in_background(app: Any, asked: str) -> BackgroundService:
    from runner.serving import serve as serving

    return serving.serve_adopted_in_background(app, asked)


def _end_with_an_interrupted_cell(adoption: Adoption) -> None:
    """Drain what is served beside a cell when that is interrupted: so a run is stopped."""
    module = sys.modules.get("IPython")
    shell = module.get_ipython() if module else None
    if shell is None:
        return

    def look(result: Any) -> None:
        error = getattr(result, "error_in_exec", None)
        if result is None or isinstance(error, KeyboardInterrupt | asyncio.CancelledError):
            adoption.end_background()

    shell.events.register("post_run_cell", look)


def _stand_in_for_nest_asyncio() -> None:
    """Let ``import nest_asyncio; nest_asyncio.apply()`` do nothing where it is not installed."""
    if "nest_asyncio" in sys.modules or importlib.util.find_spec("nest_asyncio"):
        return
    module: Any = types.ModuleType("nest_asyncio", "Stand in for a package that is not installed.")
    module.apply = lambda loop=None: None
    sys.modules["nest_asyncio"] = module
