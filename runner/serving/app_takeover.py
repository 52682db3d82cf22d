"""Decide which app of a notebook is served, by which thread or loop, and when.

The rules are those of `runner.serving.adoption`.
"""

from __future__ import annotations

import _thread
import asyncio
import dataclasses
import functools
import logging
import socket
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import FrameType
from typing import TYPE_CHECKING, Any, Protocol

from runner.errors import NothingServesError
from runner.serving import loop_tasks
from runner.serving.adopted_app import AdoptedApp, Turn
from runner.serving.claim import Claim, OtherServiceError
from runner.serving.completion import CellWatch, Completion
from runner.serving.listener_watch import (
    ListenerWatch,
    ServicePortTakenError,
    failures_of_programs,
)
from runner.serving.listening import Listening
from runner.serving.passed_on_server import PassedOnServer
from runner.serving.self_requests import SelfRequests
from runner.serving.servable import is_app, servable_in
from runner.serving.socket_takeover import OwnSockets

if TYPE_CHECKING:
    from runner.serving.tls_asked import Asked

log = logging.getLogger(__name__)

NAMES = ("app", "application")

_LOOKS, _LOOK_SECONDS = 50, 0.01
_sleep = time.sleep  # before a notebook may replace it
_CHILDREN_WITHIN = 30.0  # seconds that a program has to listen which a cell has started


class BackgroundService(Protocol):
    """Be a service that runs beside the cells."""

    @property
    def is_serving(self) -> bool:
        """Tell whether it has not ended."""

    def stop(self) -> None:
        """Drain it."""


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
        self.self_requests = SelfRequests(self._left, self._pool_aside)
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
        """Tell whether something else serves already than sockets of the notebook's own."""
        return bool(self._claim.holder) and not self.own_sockets.have_the_claim

    def _offers(self, frames: list[FrameType]) -> bool:
        is_found = self._listeners.look(frames)
        is_own = self.own_sockets.is_listening or bool(self._left)
        return is_own or bool(self.completion.child) or is_found

    def take_app(  # noqa: PLR0913 - all that a call says
        self,
        app: Any,
        requested: str,
        options: Mapping[str, str] | None = None,
        unused: Sequence[str] = (),
        *,
        tls: Asked = None,
        is_awaited: bool = False,
    ) -> Awaitable[None] | None:
        """Serve the app of a server call now, or leave it for the last cell.

        Args:
            app: ASGI or WSGI.
            requested: The address that the call asked for.
            options: As `AdoptedApp` has them.
            unused: Likewise.
            tls: Likewise.
            is_awaited: The call may go on while the loop does.

        Returns:
            What is to be awaited, if the call was.
        """
        taken = AdoptedApp(
            app=app, requested=requested, options=options or {}, unused=unused, tls=tls
        )
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
            look = functools.partial(self._listeners.service, until, hints)
            # In a thread: it may be this loop that answers.
            while (listener := await asyncio.to_thread(look)) is None:  # noqa: ASYNC110 - no event
                await asyncio.sleep(_LOOK_SECONDS * _LOOKS)
            await asyncio.to_thread(self._pass_on, listener)
            await self._wait_while(self._passed_on_is_listening)

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
                while (listener := self._listeners.service(until)) is None:
                    _sleep(_LOOK_SECONDS * _LOOKS)
                self._pass_on(listener)
        except OtherServiceError:
            _thread.interrupt_main()  # the cell that goes on is not to go on so
        except (NothingServesError, ServicePortTakenError) as error:
            if not self._claim.holder:  # it may have begun as we looked
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

    def _pool_aside(self, left: AdoptedApp, listener: socket.socket, clients: Any) -> Any:
        """Make what answers our own requests: it is no service that somebody began."""
        from runner.serving.service_pool import pool_aside

        self.own_sockets.other_ports.add(listener.getsockname()[1])
        return pool_aside(left, listener, clients)

    def _has_tasks(self) -> bool:
        """Tell whether the loop that runs has tasks of the notebook's, besides what serves."""
        serving = {taken.turn.task for taken in self._left if taken.turn is not None}
        return bool(loop_tasks.of_notebook() - serving)
