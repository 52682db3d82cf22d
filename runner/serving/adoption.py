"""Have whatever a notebook serves by serve on the supervisor's sockets.

Only under a supervisor: before the notebook's first cell the run calls ``adopt``, and when all
cells have ended it puts in a last one, which anyone can see in out.ipynb, that calls
``serve_what_is_left``. A call that was taken over says so in its cell. In plain Jupyter and
plain papermill nothing is patched.

The rules of this file:

1. A call that blocks a cell of the main thread serves at once, as the call would have. One in a
   process that the notebook has forked waits until all cells that will run have run.
2. A call in another thread, or in a task of the kernel's own loop, must not block there: its
   app is left for the last cell. If the cells come to stay in one that does not end, it is served
   beside them, from a thread: a notebook may look after its server in a loop of its own. See
   ``runner.serving.completion``.
3. The last cell serves what was left, or waits for what is served already; else it serves an
   app that the notebook has named ``app`` or ``application``, or the value of its last
   expression; else its annotated cells; else what listens by itself, which the supervisor passes
   requests on to: see ``runner.serving.passed_on_server``. If there is nothing, it fails, and says
   what could be.
4. What was drained is over: a notebook that calls its server again is interrupted.
5. A notebook that listens by Python's sockets serves as it is: see
   ``runner.serving.socket_takeover``.
6. One thing serves: see ``runner.serving.claim``.
"""

from __future__ import annotations

import _thread
import asyncio
import dataclasses
import functools
import importlib.machinery
import importlib.util
import logging
import os
import socket
import sys
import threading
import time
import types
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import FrameType
from typing import Any, Protocol

from runner.errors import NothingServesError
from runner.serving import claim as claims
from runner.serving import ipython_internals, model_versions
from runner.serving.claim import Claim, OtherServiceError
from runner.serving.completion import CellWatch, Completion
from runner.serving.listening import Listening
from runner.serving.nested_loops import let_asyncio_run_nest
from runner.serving.passed_on_server import (
    ListenerWatch,
    PassedOnServer,
    ServicePortTakenError,
    failures_of_programs,
)
from runner.serving.self_requests import SelfRequests
from runner.serving.servable import is_app, servable_in
from runner.serving.servers import adopt_when_imported
from runner.serving.socket_takeover import OwnSockets

log = logging.getLogger(__name__)

NAMES = ("app", "application")

_LOOKS, _LOOK_SECONDS = 50, 0.01
_sleep = time.sleep  # before a notebook may replace it
_CHILDREN_WITHIN = 30.0  # seconds that a program has to listen which a cell has started


@dataclasses.dataclass(frozen=True, kw_only=True)
class AdoptedApp:
    """Hold what is to be served.

    Attributes:
        app: An ASGI or WSGI callable.
        requested: The address that the server call asked for; empty if there was no call.
        unused: What of the call is not followed, in words.
        name: What it is, in words.
        turn: When it may serve, if a task awaits that.
    """

    app: Any
    requested: str = ""
    unused: Sequence[str] = ()
    name: str = "a call of a server"
    turn: Turn | None = None

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """The loop of the task that awaits it."""
        return self.turn.loop if self.turn is not None else None


class Turn:
    """Let a task wait until it may serve, or need not any more; and others until it has.

    Attributes:
        loop: The task's.
        task: Itself.
    """

    def __init__(self) -> None:
        self.loop, self.task = asyncio.get_running_loop(), asyncio.current_task()
        self._begun, self._over = asyncio.Event(), asyncio.Event()

    def begin(self) -> None:
        """Let it serve; callable from any thread."""
        self.loop.call_soon_threadsafe(self._begun.set)

    def end(self) -> None:
        """Tell that it has, or that another has."""
        self._begun.set()
        self._over.set()

    async def is_given(self) -> bool:
        """Wait until it may serve, or another has."""
        await self._begun.wait()
        return not self._over.is_set()

    async def is_over(self) -> None:
        """Wait until it has."""
        await self._over.wait()


class Adoption:
    """Take apps over from server calls.

    Args:
        serve: Serves an app until it is drained.
        is_called_by_cell: Tells whether a cell waits, in the main thread, for the running call.
        serve_in_background: Serves an app from a thread, while cells go on; never if there is none.
        claim: Decides who serves.
        serve_on_loop: Serves an app on the loop that runs, and gets whether tasks of the notebook
            do so, too; as ``serve`` if there is none.

    Attributes:
        own_sockets: Those that the notebook opens by itself.
        self_requests: What its cells ask the server that is left.
    """

    def __init__(
        self,
        serve: Callable[[AdoptedApp], None],
        is_called_by_cell: Callable[[], bool],
        serve_in_background: Callable[[AdoptedApp], BackgroundService] | None = None,
        claim: Claim | None = None,
        serve_on_loop: Callable[[AdoptedApp, bool], Awaitable[None]] | None = None,
    ) -> None:
        self._serve_on_loop = serve_on_loop
        self._serve, self._is_called_by_cell = serve, is_called_by_cell
        self._serve_in_background = serve_in_background
        self._claim = claim or Claim()
        self._left: list[AdoptedApp] = []
        self.self_requests = SelfRequests(self._left, _self_requests_pool)
        self._background: BackgroundService | None = None
        self._serving_task: Turn | None = None
        self._fault: BaseException | None = None
        self._is_over = False
        self._threads = threading.active_count()
        self.completion = Completion()
        self.own_sockets = OwnSockets(self._claim, self.completion, is_called_by_cell)
        self._listeners = ListenerWatch(self.own_sockets.other_ports)
        self._passed_on: PassedOnServer | None = None

    def watch_cells(self) -> None:
        """Notice when the cells have come to stay beside what is to be served."""
        watch = CellWatch(
            self.completion,
            self._offers,
            lambda: self.own_sockets.opener or self._listeners.opener(),
            self._is_served,
            self.serve_beside_cells,
        )
        self._threads += 1
        watch.start()

    def _is_served(self) -> bool:
        """Tell whether something serves already, on sockets that may look like a server's own."""
        return bool(self._claim.holder) and not self.own_sockets.is_listening

    def _offers(self, frames: list[FrameType]) -> bool:
        is_found = self._listeners.look(frames)
        is_own = self.own_sockets.is_listening or bool(self._left)
        return is_own or bool(self.completion.child) or is_found

    def take_app(
        self, app: Any, requested: str, unused: Sequence[str] = (), *, is_awaited: bool = False
    ) -> Awaitable[None] | None:
        """Serve the app of a server call now, or leave it for the last cell.

        Returns:
            What is to be awaited, if the call was.
        """
        taken = AdoptedApp(app=app, requested=requested, unused=unused)
        if is_awaited and threading.current_thread() is threading.main_thread():
            return self._await(taken)
        if self._is_called_by_cell():
            self._serve_now(taken)
        else:
            self._left.append(taken)
        return None

    async def _await(self, taken: AdoptedApp) -> None:
        """Serve on the loop that runs: at once for a cell, and in a task when it is its turn."""
        if self._is_called_by_cell():
            await self._serve_awaited(taken)
            return
        turn = Turn()
        taken = dataclasses.replace(taken, turn=turn)
        self._left.append(taken)
        try:
            if await turn.is_given():
                self._serving_task = turn
                await self._serve_awaited(taken)
        # An interrupt would end the loop; either is the last cell's to raise.
        except (KeyboardInterrupt, Exception) as error:  # noqa: BLE001
            self._fault = self._fault or error
        finally:
            self._left.remove(taken)
            turn.end()

    async def serve_what_is_left(self, names: Mapping[str, Any]) -> None:
        """Serve what the notebook has left behind without serving it.

        Args:
            names: The notebook's own.

        Raises:
            NothingServesError: There is nothing.
            OtherServiceError: It is something else than the annotated cells.
        """
        await self._let_others_call()
        self._claim.check()
        self.completion.reach()
        if self.own_sockets.is_listening:
            self.own_sockets.become_ready()
            await self._wait_while(lambda: self.own_sockets.is_listening)
        elif self.completion.child:
            await self._wait_while(lambda: bool(self.completion.child))
        elif self._passed_on:
            await self._wait_while(self._passed_on_is_listening)
        elif self._serving_task is not None:
            await self._wait_for_task(self._serving_task)
        elif self._claim.holder:
            self._wait_in_background()
        elif found := [*self._left, *self._apps_in(names)]:
            await self._serve_left(found[0])
        elif self._claim.has_cells:
            self._claim.serve_cells()
        else:
            hints = [*failures_of_programs(names), *servable_in(names)]
            until = time.monotonic() + _CHILDREN_WITHIN
            look = functools.partial(self._listener, until, hints)
            # In a thread: it may be this loop that answers.
            while (listener := await asyncio.to_thread(look)) is None:  # noqa: ASYNC110 - no event
                await asyncio.sleep(_LOOK_SECONDS * _LOOKS)
            await asyncio.to_thread(self._pass_on, listener)
            await self._wait_while(self._passed_on_is_listening)

    def _listener(self, until: float, hints: Sequence[str] = ()) -> Listening | None:
        """Give what answers HTTP by itself; None if what cells have started may yet do so.

        Args:
            until: When that is given up.
            hints: For the error.

        Raises:
            NothingServesError: Nothing does, and nothing will.
            ServicePortTakenError: Something listens on the service's own port.
        """
        found = self._listeners.answering()
        if found or (self._listeners.has_children and time.monotonic() < until):
            return found
        not_http = ["what listens does not answer HTTP"] if self._listeners.found() else []
        raise NothingServesError([*not_http, *hints])

    def _pass_on(self, found: Listening) -> None:
        """Have the supervisor pass on to what listens by itself."""
        if self._claim.take(f"what listens on port {found.port}"):
            self.own_sockets.unpatch()
            self._passed_on = PassedOnServer(found)
            self._passed_on.start()

    def _passed_on_is_listening(self) -> bool:
        return self._passed_on is not None and self._passed_on.is_listening

    def _apps_in(self, names: Mapping[str, Any]) -> list[AdoptedApp]:
        # The value that a cell shows beside annotated cells is not meant to be served.
        looked_at = NAMES if self._claim.has_cells else (*NAMES, "_")
        return [
            AdoptedApp(app=names[name], name=f"the app {name!r}")
            for name in looked_at
            if is_app(names.get(name))
        ]

    async def _serve_left(self, taken: AdoptedApp) -> None:
        if taken.turn is not None:
            try:
                await self._serve_awaited(taken)
            finally:
                taken.turn.end()
        elif self._has_tasks():
            await self._serve_awaited(taken)
        else:
            self._serve_now(taken)

    async def _wait_for_task(self, turn: Turn) -> None:
        await turn.is_over()
        if self._fault is not None:
            raise self._fault

    def _serve_now(self, taken: AdoptedApp) -> None:
        if self._may_serve(taken):
            self._serve(taken)
            self._is_over = True

    async def _serve_awaited(self, taken: AdoptedApp) -> None:
        if self._serve_on_loop is None:
            self._serve_now(taken)
        elif self._may_serve(taken):
            await self._serve_on_loop(taken, self._has_tasks())
            self._is_over = True

    def _may_serve(self, taken: AdoptedApp) -> bool:
        """Tell who serves first; whoever is not waits for it.

        Raises:
            KeyboardInterrupt: It is over.
        """
        if self._is_over:
            raise KeyboardInterrupt("the service was drained")
        if not self.completion.is_home:
            self.completion.wait_as_child()
        self.completion.reach()
        if not self._claim.take(taken.name):
            self._wait_in_background()
            return False
        self._begin(taken)
        return True

    def _begin(self, taken: AdoptedApp) -> None:
        """Leave sockets alone from now on, and say in the cell what is done."""
        self.own_sockets.unpatch()
        self.self_requests.end()
        if taken.requested:
            print(f"the supervisor decides on the address; the call asked for {taken.requested}")  # noqa: T201 - seen in the cell
        else:
            print(f"{taken.name} was left, and is served here")  # noqa: T201 - likewise

    def serve_beside_cells(self) -> None:
        """Serve beside cells that will not come to their end."""
        if self._is_over:
            return
        try:
            if self.own_sockets.is_listening:
                self.own_sockets.become_ready()
            elif self._left:
                self._serve_meanwhile(self._left[0])
            elif not self.completion.child:
                until = time.monotonic() + _CHILDREN_WITHIN
                while (listener := self._listener(until)) is None:
                    _sleep(_LOOK_SECONDS * _LOOKS)
                self._pass_on(listener)
        except OtherServiceError:
            _thread.interrupt_main()  # the cell that goes on is not to go on so
        except (NothingServesError, ServicePortTakenError) as error:
            if not self._is_served():  # it may have begun as we looked
                self._fail(error)
        except Exception as error:
            log.exception("the app could not be served beside the cells")
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        """End the cell that goes on: what it waits for cannot be the service."""
        self._fault = error
        print(error, file=sys.stderr)  # noqa: T201 - seen in the cell
        _thread.interrupt_main()

    def _serve_meanwhile(self, taken: AdoptedApp) -> None:
        if taken.turn is not None:
            taken.turn.begin()
        elif self._serve_in_background is not None and self._claim.take(taken.name):
            self._begin(taken)
            self._background = self._serve_in_background(taken)

    def _wait_in_background(self) -> None:
        """Be a cell that serves, until interrupted: what serves is in another thread."""
        try:
            while self._fault is None and (self._background is None or self._background.is_serving):
                time.sleep(_LOOK_SECONDS)
        finally:
            self.end_background()
        if self._fault is not None:
            raise self._fault

    async def _wait_while(self, is_serving: Callable[[], bool]) -> None:
        """Let what serves by itself go on until it ends, or the cell is interrupted."""
        while is_serving():  # noqa: ASYNC110 - its end makes no event
            await asyncio.sleep(_LOOK_SECONDS * _LOOKS)

    def end_background(self) -> None:
        """Drain what is served beside the cells."""
        if self._background is not None:
            self._background.stop()
            self._is_over = True

    async def _let_others_call(self) -> None:
        """Give the notebook's threads and tasks, if it has any, a moment to call their server."""
        for _ in range(_LOOKS):
            is_alone = threading.active_count() <= self._threads and not self._has_tasks()
            if self._left or self.own_sockets.is_listening or is_alone:
                return
            await asyncio.sleep(_LOOK_SECONDS)

    def _has_tasks(self) -> bool:
        """Tell whether the loop that runs has tasks of the notebook's, besides what serves."""
        serving = {taken.turn.task for taken in self._left if taken.turn is not None}
        return bool(_tasks_of_notebook() - serving)


def _tasks_of_notebook() -> set[asyncio.Task[Any]]:
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


_OF_THE_KERNEL = {"IPython", "ipykernel", "jupyter_client", "runner", "tornado", "zmq"}


class BackgroundService(Protocol):
    """Be a service that runs beside the cells."""

    @property
    def is_serving(self) -> bool:
        """Tell whether it has not ended."""

    def stop(self) -> None:
        """Drain it."""


_current: list[Adoption] = []


def adopt() -> None:
    """Let the server calls and the sockets of this process serve under the supervisor."""
    if "RUNNER_CONTROL" not in os.environ:
        return
    adoption = Adoption(
        _serve, is_called_by_cell, _serve_in_background, claims.claim, _serve_on_loop
    )
    _current[:] = [adoption]
    _end_with_an_interrupted_cell(adoption)
    adopt_when_imported(adoption.take_app)
    adoption.own_sockets.patch()
    adoption.self_requests.patch()
    adoption.watch_cells()
    let_asyncio_run_nest()
    _stand_in_for_nest_asyncio()
    model_versions.listen_to_warnings()


async def serve_what_is_left(names: Mapping[str, Any]) -> None:
    """Be the last cell."""
    if _current:
        await _current[0].serve_what_is_left(names)


def leave_sockets_alone() -> None:
    """Give the notebook's sockets back to Python: something else is its service."""
    if _current:
        _current[0].own_sockets.unpatch()
        _current[0].self_requests.end()


def is_called_by_cell() -> bool:
    """Tell whether a cell waits, in the main thread, for the call that runs now."""
    if threading.current_thread() is not threading.main_thread():
        return False
    return ipython_internals.is_within_a_cell()


def _self_requests_pool(app: Any, listener: socket.socket) -> Any:
    from runner.serving import serve as serving

    return serving.pool_aside(app, listener)


def _serve(taken: AdoptedApp) -> None:
    from runner.serving import serve as serving

    serving.serve_adopted(taken.app, taken.requested, taken.unused)


async def _serve_on_loop(taken: AdoptedApp, has_tasks: bool) -> None:
    from runner.serving import serve as serving

    await serving.serve_adopted_on_loop(
        taken.app, taken.requested, taken.unused, has_tasks=has_tasks
    )


def _serve_in_background(taken: AdoptedApp) -> BackgroundService:
    from runner.serving import serve as serving

    return serving.serve_adopted_in_background(taken.app, taken.requested, taken.unused)


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
    module.__spec__ = importlib.machinery.ModuleSpec("nest_asyncio", None)
    module.apply = lambda loop=None: None
    sys.modules["nest_asyncio"] = module
