"""Be one worker: serve, obey the kernel's orders, mind the limits.

The app runs in the thread that has called its server, with what that has set for itself: the
orders are taken in another. They come by two pipes, whether the worker is the kernel itself or a
forked process; `runner.serving.workers` has the other ends and the rules.
What it is asked is answered by its loop, or not at all.
"""

from __future__ import annotations

import contextlib
import logging
import os
import random
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from runner import processes
from runner.config import Limits
from runner.liveness import stacks
from runner.liveness.readiness import Readiness
from runner.serving.nested_loops import outside_of_running_loop
from runner.serving.orders import Order, Report

log = logging.getLogger(__name__)

_LOOK_EVERY = 0.5
# Seconds with one request, by which a worker that is asked for one more tells its calls to be long.
_BUSY_FOR = {Order.TAKE: 0.0, Order.TAKE_SOON: 0.05, Order.TAKE_ANYWAY: float("inf")}
_ENDS = (b"", Order.DRAIN.encode(), Order.GIVE_WAY.encode())


class Server(Protocol):
    """Serve an app in one worker; implemented for ASGI and for WSGI."""

    @property
    def requests(self) -> int:
        """How many requests were answered."""

    @property
    def is_spent(self) -> bool:
        """Whether the app asks for a new worker."""

    def run(self, on_ready: Callable[[], None]) -> None:
        """Serve until drained."""

    async def run_on_loop(self, on_ready: Callable[[], None]) -> None:
        """Serve likewise on the loop that runs."""

    def accept(self, listener: socket.socket, *, is_shared: bool = False) -> None:
        """Begin to accept connections; if others can too, they are left to them while busy."""

    def show(self, readiness: Readiness) -> None:
        """Tell this to who asks whether it is ready."""

    def say(self, answer: Callable[[bool], None]) -> None:
        """Have the loop say whether it is free: whether it would begin a request at once."""

    def take(
        self, listener: socket.socket, answer: Callable[[bool], None], *, busy_for: float
    ) -> None:
        """Have the loop accept one connection of any queue, and say whether it has.

        It must not have been busy with one request for longer than ``busy_for`` seconds.
        """

    def drain(self, *, is_replaced: bool = False) -> None:
        """Begin to drain; another serves instead, or none does."""


class WorkerLoop:
    """Be the worker's side: serve in the thread that calls, obey orders beside it, mind the limits.

    Args:
        build: Makes the server.
        listeners: Those of all workers.
        status: Where reports go.
        order: Where orders come from.
        limits: The bounds.
        shares_queues: Others accept from them, too.
    """

    def __init__(  # noqa: PLR0913 - each is one end of what it needs
        self,
        build: Callable[[], Server],
        listeners: Sequence[socket.socket],
        status: int,
        order: int,
        limits: Limits,
        *,
        shares_queues: bool = False,
    ) -> None:
        self._build = build
        self._shares_queues = shares_queues
        self._server: Server | None = None
        self._is_told_to_end = False
        self._listeners = listeners
        self._status = status
        self._order = order
        self._limits = limits
        self._inherited_memory = 0
        extra = random.random() * limits.max_requests / 10  # noqa: S311 - no secret
        self._most_requests = limits.max_requests + extra

    def run(self) -> None:
        """Serve on a loop of its own until drained."""
        with self._obeying(), outside_of_running_loop():
            self._make_server().run(self._report_ready)

    async def run_on_loop(self) -> None:
        """Serve likewise on the loop that runs, which goes on meanwhile."""
        with self._obeying():
            await self._make_server().run_on_loop(self._report_ready)

    @contextlib.contextmanager
    def _obeying(self) -> Iterator[None]:
        """Take orders beside what serves; then close the pipes, which is how the kernel knows."""
        if self._limits.max_memory:
            self._inherited_memory = processes.own_memory()
        is_over, end = os.pipe()
        obeying = threading.Thread(target=self._take_orders, args=[is_over], daemon=True)
        try:
            obeying.start()
            yield
        except Exception as error:
            log.exception("the worker failed")
            is_ours = type(error) is RuntimeError  # which says all, as of an example
            said = str(error) if is_ours else f"{type(error).__name__}: {error}"
            self._report(Report.FAILED, said)
        finally:
            os.close(end)
            obeying.join()
            for pipe in (is_over, self._order, self._status):
                os.close(pipe)

    def _make_server(self) -> Server:
        """Build it; told to end already it only starts, which may fail."""
        self._server = server = self._build()
        if self._is_told_to_end:
            server.drain()
        return server

    def _report_ready(self) -> None:
        self._report(Report.READY)

    def _report(self, what: Report, why: str = "") -> None:
        with contextlib.suppress(OSError):
            os.write(self._status, what.encode() + why.encode()[:60_000])

    def _take_orders(self, is_over: int) -> None:
        while is_over not in (told := processes.readable([self._order, is_over], _LOOK_EVERY)):
            order = os.read(self._order, 2) if told else b""
            is_ended, leaves = bool(told) and order[:1] in _ENDS, None
            self._is_told_to_end |= is_ended
            server = self._server
            if server is None:
                if is_ended:
                    return  # told to end before there was anything to end
            elif is_ended or (leaves := self._leaves(server)):
                for listener in self._listeners:
                    listener.close()
                if not is_ended and leaves:
                    self._report(leaves)
                server.drain(is_replaced=order[:1] == Order.GIVE_WAY.encode() or not is_ended)
                return  # if it does not end within its time it is killed
            elif order:
                self._obey(server, Order(chr(order[0])), order[1])

    def _obey(self, server: Server, order: Order, queue: int) -> None:
        """Do what is ordered; of an order that names no queue that is another number."""
        if order is Order.ACCEPT:
            # Not `dup()`, which makes the socket block for a moment, for all who share it.
            with contextlib.suppress(OSError):  # it is closed: the order to drain comes next
                own = socket.socket(fileno=os.dup(self._listeners[queue].fileno()))
                server.accept(own, is_shared=self._shares_queues)
        elif order is Order.SHOW:
            server.show(Readiness(queue))
        elif order is Order.SAY:
            server.say(lambda is_free: self._report(Report.FREE if is_free else Report.BUSY))
        else:
            server.take(
                self._listeners[queue],
                lambda took: self._report(Report.TOOK if took else Report.TOOK_NONE),
                busy_for=_BUSY_FOR[order],
            )

    def _leaves(self, server: Server) -> Report | None:
        """Say why it is time to leave; None if it is not."""
        if server.is_spent:
            stacks.write_now()  # a call hangs in it
            return Report.LEAVING
        if self._limits.max_requests and server.requests >= self._most_requests:
            return Report.HAS_ANSWERED
        most = self._limits.max_memory * 1e6
        if most and processes.own_memory() - self._inherited_memory > most:
            return Report.HAS_GROWN
        return None
