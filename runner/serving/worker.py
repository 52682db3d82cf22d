"""Be one worker: serve in a thread, obey the kernel's orders, mind the limits.

The worker speaks with the kernel's main thread by two pipes, whether it is a thread of
the kernel or a forked process; `runner.serving.workers` has the other ends and the rules.
"""

from __future__ import annotations

import contextlib
import logging
import os
import random
import select
import socket
import threading
from collections.abc import Callable
from typing import Protocol

from runner import processes
from runner.config import Limits

log = logging.getLogger(__name__)

_LOOK_EVERY = 0.5


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

    def accept(self, listener: socket.socket) -> None:
        """Begin to accept connections."""

    def drain(self, *, is_replaced: bool = False) -> None:
        """Begin to drain; another serves instead, or none does."""


class WorkerLoop:
    """Be the worker's side: serve in a thread, obey orders, mind the limits."""

    def __init__(
        self,
        build: Callable[[], Server],
        listener: socket.socket,
        status: int,
        order: int,
        limits: Limits,
    ) -> None:
        self._build = build
        self._server: Server | None = None
        self._listener = listener
        self._status = status
        self._order = order
        self._limits = limits
        extra = random.random() * limits.max_requests / 10  # noqa: S311 - no secret
        self._most_requests = limits.max_requests + extra

    def run(self) -> None:
        """Serve until drained; then close the pipes, which is how the kernel knows."""
        serving = threading.Thread(target=self._serve, name="serving", daemon=True)
        try:
            serving.start()
            self._take_orders(serving)
        finally:
            os.close(self._order)
            os.close(self._status)

    def _serve(self) -> None:
        try:
            self._server = self._build()
            self._server.run(lambda: self._write_status(b"R"))
        except Exception as error:
            log.exception("the worker failed")
            self._write_status(b"F" + f"{type(error).__name__}: {error}".encode()[:60_000])

    def _write_status(self, what: bytes) -> None:
        with contextlib.suppress(OSError):
            os.write(self._status, what)

    def _take_orders(self, serving: threading.Thread) -> None:
        while serving.is_alive():
            readable, _, _ = select.select([self._order], [], [], _LOOK_EVERY)
            order = os.read(self._order, 1) if readable else b""
            server = self._server
            if server is None:
                if readable:
                    return  # told to end before there was anything to end
            elif order == b"A":
                # Not `dup()`, which makes the socket block for a moment, for all who share it.
                server.accept(socket.socket(fileno=os.dup(self._listener.fileno())))
            elif readable or self._is_spent(server):
                self._listener.close()
                server.drain(is_replaced=order == b"G" or not readable)
                serving.join(self._limits.linger + self._limits.drain_timeout + 1)
                return

    def _is_spent(self, server: Server) -> bool:
        if server.is_spent:
            return True
        if self._limits.max_requests and server.requests >= self._most_requests:
            return True
        most = self._limits.max_memory * 1e6
        return bool(most) and processes.own_memory() > most
