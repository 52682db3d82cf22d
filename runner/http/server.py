"""Serve an ASGI app in one worker, with a drain that loses no request.

It announces the end to kept-alive connections first, and goes on answering for a while: a server
that closes them at once loses what is on its way.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import contextvars
import functools
import logging
import socket
import time
from collections.abc import Callable, Sequence
from typing import Any

from runner import processes
from runner.access.gate import Gate
from runner.config import Limits, ProxyTrust
from runner.http import app_protocol
from runner.http.acceptor import Acceptor
from runner.http.access_log import AccessLog
from runner.http.asgi_exchange import App
from runner.http.asking import ask
from runner.http.connection import Connection
from runner.http.connection_bound import most_connections
from runner.http.example_request import Example, try_example
from runner.http.forwarded import TrustedProxies
from runner.http.lifespan import Lifespan
from runner.http.request_log import RequestLog
from runner.http.server_state import ServerState
from runner.identity import Identity
from runner.liveness.readiness import Readiness
from runner.processes import MemoryReturns, return_end_of_heap, return_memory
from runner.rehearsal.answer import Answer
from runner.rehearsal.cases import Case
from runner.rehearsal.handover import Handover
from runner.rehearsal.playing import rehearse
from runner.telemetry import span_export
from runner.tls.server_tls import ServerTls
from runner.tls.transport import TlsTransport
from runner.traffic.counters import Counters

log = logging.getLogger(__name__)

_LAST_ACCEPTS = 0.05
_LOOK_AT_FILES = 1.0
_RETURN_EVERY = 1.0  # seconds
_SHOW_EVERY = 0.5
_MOST_UNCOUNTED = 100_000
# Of WebSockets. Source: RFC 6455, 7.4.1, and its registry.
_GOING_AWAY, _SERVICE_RESTART = 1001, 1012


class AsgiServer:
    """Serve one ASGI app until it is told to drain.

    Made before a fork, it is shared by the workers until they run. ``run`` blocks; ``accept``
    and ``drain`` may be called from any thread.

    Attributes:
        handover: Has what is to be asked besides the examples; None if that is nothing.
        page: Answers at ``PAGE_PATH`` and below it; None leaves that to the app.
    """

    handover: Handover | None = None
    page: App | None = None

    def __init__(  # noqa: PLR0913, PLR0917 - each is one thing that a server needs
        self,
        app: App,
        limits: Limits,
        access_log: AccessLog | None = None,
        examples: Sequence[Example] = (),
        gate: Gate | None = None,
        request_log: RequestLog | None = None,
        *,
        trust: ProxyTrust | None = None,
        tls: ServerTls | None = None,
        counters: Counters | None = None,
    ) -> None:
        self.app, self.tls = app, tls
        self._own = app_protocol.of(app)
        self.limits = limits
        self.examples = examples
        self.access_log = access_log
        self.request_log = request_log
        self.gate = self._own.gate = gate or Gate()
        self.is_draining = False
        self.readiness = Readiness.READY
        self.state = ServerState(limits.max_buffered)
        self._counters = counters
        if counters is not None:
            self.state.answered = collections.deque(maxlen=_MOST_UNCOUNTED)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._context = contextvars.copy_context()
        self._drained = asyncio.Event()
        self._acceptors: list[Acceptor] = []  # one for each listener
        self._lent_to: Any = None
        self.takes_websockets = self._own.takes_websockets
        self._close_code = _GOING_AWAY
        self.proxies = TrustedProxies(trust or ProxyTrust.from_environment())

    @property
    def requests(self) -> int:
        """How many requests were answered."""
        return self.state.requests

    @property
    def is_spent(self) -> bool:
        """Whether the app asks for a new worker."""
        return self._own.is_spent

    def run(self, on_ready: Callable[[], None]) -> None:
        """Start the app, answer its examples, and serve until drained.

        Args:
            on_ready: Called when the app has started and answered its examples.

        Raises:
            RuntimeError: The app did not start, or did not answer an example.
        """

        def serve() -> None:
            with asyncio.Runner(loop_factory=_loop_factory()) as runner:
                runner.run(self.run_on_loop(on_ready))

        self._own.run_beside(serve)

    def accept(self, listener: socket.socket, *, is_shared: bool = False) -> None:
        """Begin to accept connections; the server closes the listener when it drains.

        Args:
            listener: Gives them.
            is_shared: Other workers can accept from it while this one is busy.
        """
        self._call(self._listen, listener, is_shared)

    def show(self, readiness: Readiness) -> None:
        """Tell this to who asks whether it is ready; callable from any thread."""
        self.readiness = self._own.readiness = readiness

    def say(self, answer: Callable[[bool], None]) -> None:
        """Have the loop say whether it would begin a further request at once."""
        self._call(lambda: answer(not (self._own.is_busy or self._is_full() or self.is_draining)))

    def take(
        self, listener: socket.socket, answer: Callable[[bool], None], *, busy_for: float
    ) -> None:
        """Have the loop accept one connection of any worker's, and say whether it has.

        Args:
            listener: Gives it.
            answer: Told that.
            busy_for: For how many seconds it may have been busy with one request at most.
        """
        self._call(lambda: answer(self._take(listener, busy_for)))

    def drain(self, *, is_replaced: bool = False) -> None:
        """Begin to drain; the second time nothing happens.

        Args:
            is_replaced: Another serves from now on.
        """
        if is_replaced:
            self._close_code = _SERVICE_RESTART
        if self._loop is None:
            self._drained.set()
        self._call(self._drained.set)

    def _call(self, act: Callable[..., object], *args: Any) -> None:
        if self._loop is not None:
            context = self._context.copy()  # not that of whoever gives orders
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(act, *args, context=context)

    async def run_on_loop(self, on_ready: Callable[[], None]) -> None:
        """Serve likewise on the loop that runs.

        Raises:
            RuntimeError: As ``run``.
        """
        span_export.begin(Identity.from_environment().run_id)
        bound = self.state.bound
        bound.files = processes.raise_open_files()
        bound.most = most_connections(bound.files, self.limits.max_connections)
        self._loop, self._context = asyncio.get_running_loop(), contextvars.copy_context()
        if self.request_log is not None:
            self.request_log.on_dropped = functools.partial(self._call, self._own.count_unrecorded)
        lifespan = Lifespan(self.app, self.state.app_state)
        await lifespan.start_up()
        # Not gathered: of a gathering that was cancelled, and nobody awaits, asyncio complains.
        works = [
            self.state.tick(),
            self._return_memory(),
            self._keep_files_free(),
            self._show_counts(),
        ]
        if self.tls is not None:
            works.append(self.tls.renew())
        ticking = [asyncio.ensure_future(each) for each in works]
        try:
            with self._own.uncounted():
                await self._try_out()
            on_ready()
            await self._drained.wait()
            await self._drain()
        finally:
            for each in ticking:
                each.cancel()
            if self.request_log is not None:
                await asyncio.to_thread(self.request_log.close)
            self.gate.counts.publish()
            self._count_answers()
            await lifespan.shut_down()
            if span_export.is_on():
                await asyncio.to_thread(span_export.flush)

    async def _try_out(self) -> None:
        """Ask the app by ourselves what it has to answer before it is ready."""
        for example in self.examples:
            await try_example(self.app, example, self.state.app_state, self._scheme)
        if self.handover is not None:
            await rehearse(self.handover, self._own, self._answer)

    async def _answer(self, case: Case, within: float) -> Answer:
        state, scheme = self.state.app_state, self._scheme
        return await ask(self.app, case, state, within=within, scheme=scheme)

    @property
    def _scheme(self) -> str:
        return "http" if self.tls is None else "https"

    async def _keep_files_free(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_AT_FILES)
            self.state.bound.keep_files_free()

    async def _show_counts(self) -> None:
        """Show the others who was let in, or refused, and what the app has answered."""
        while True:
            await asyncio.sleep(_SHOW_EVERY)
            self.gate.counts.publish()
            self._count_answers()

    def _count_answers(self) -> None:
        if self._counters is not None and self.state.answered is not None:
            self._counters.take(self.state.answered, self.state.in_flight)

    async def _return_memory(self) -> None:
        """Give back to the system, again and again, what large bodies took."""
        returns = MemoryReturns()
        while True:
            await asyncio.sleep(_RETURN_EVERY)
            self._own.return_memory()
            counts = (self.state.buffers, self.state.unsent)
            if any(count.has_emptied() for count in counts):
                returns.expect()
            if returns.take_one():
                await asyncio.to_thread(return_memory)  # it may take many milliseconds
                return_end_of_heap()

    def _listen(self, listener: socket.socket, is_shared: bool) -> None:
        asyncio.ensure_future(self._start_listening(listener, is_shared))  # noqa: RUF006 - ends at once

    async def _start_listening(self, listener: socket.socket, is_shared: bool) -> None:
        if self.is_draining:
            listener.close()
            return
        # A bound that nobody has lowered is hardly ever reached.
        may_be_full = self.limits.max_concurrency < Limits.max_concurrency
        may_pause = is_shared and (self._own.can_be_busy or may_be_full)
        is_only = not (is_shared or self._acceptors)
        may_be_lent = self._own.can_accept and is_only and self.tls is None
        acceptor = Acceptor(
            self._protocol,
            listener,
            is_full=self._is_full,
            make_room=self.state.bound.keep_files_free,
            may_pause=may_pause,
            may_be_lent=may_be_lent,
        )
        self._acceptors.append(acceptor)
        self._own.on_busy_changed, self._own.has_others = self._note_busy, is_shared
        self._note_busy()
        await acceptor.open()
        if may_be_lent:
            self._lent_to = self._own.accept_beside(self, listener, acceptor)

    def _note_busy(self) -> None:
        for acceptor in self._acceptors:
            acceptor.set_busy(is_busy=self._own.is_busy)

    def _is_full(self) -> bool:
        return self.state.in_flight >= self.limits.max_concurrency

    def _take(self, listener: socket.socket, busy_for: float) -> bool:
        if not self._acceptors or self.is_draining:
            return False
        return self._acceptors[0].take(listener, busy_for=busy_for)

    def _protocol(self, *args: Any, **settings: Any) -> Any:
        protocol = self._own.protocol(self)
        if protocol is None:
            protocol = Connection(self)
        if self.tls is None:
            return protocol
        protocol.scheme = "https"
        return TlsTransport(protocol, self.tls)

    async def _drain(self) -> None:
        """Close the listeners, answer what still comes for a while, then what is in flight."""
        self.is_draining = self._own.is_draining = True
        if self._lent_to is not None:
            self._lent_to.close()
        await asyncio.gather(*(acceptor.drain() for acceptor in self._acceptors))
        await asyncio.sleep(_LAST_ACCEPTS)  # what was accepted last is not a connection yet
        for connection in self._connections():
            connection.announce_close(self._close_code)
        await self._until_no_connection(self.limits.linger)
        for connection in self._connections():
            connection.shutdown()
        await self._until_no_connection(self.limits.drain_timeout)
        for connection in self._connections():
            connection.abort()
        for task in list(self.state.tasks):
            task.cancel()

    async def _until_no_connection(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while self.state.connections and time.monotonic() < end:  # noqa: ASYNC110 - a set, no event
            await asyncio.sleep(0.02)

    def _connections(self) -> list[Any]:
        return list(self.state.connections)


def import_ahead() -> None:
    """Import what each worker would import for itself, so that forked ones share it."""
    _loop_factory()
    span_export.import_ahead()


@functools.cache
def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory
