"""Let a notebook's cells ask the server that they have started, before it serves.

A server in a thread or a task is left for the last cell, and by then the supervisor decides on the
port. A cell that asks it at the port of its own call is answered by this very app, also where
another version serves at that port: connections of this process to it are led to a server that
answers this process only: it is known by the ports that its sockets have. It begins with the first
of them, and ends when the app serves. No key is asked for there.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import os
import re
import socket
import threading
import weakref
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from runner import net
from runner.serving.adopted_app import AdoptedApp

_HERE = {"localhost", "", "0.0.0.0", "::", "::1"}  # noqa: S104 - compared only
_METHODS = ("connect", "connect_ex")
_MOST_ADDRESSES = 1024


class Pool(Protocol):
    """Serve an app until it is stopped."""

    def run(self) -> None:
        """Serve on a loop of its own."""

    async def run_on_loop(self) -> None:
        """Serve on the loop that runs."""

    def stop(self) -> None:
        """Begin to end."""


class OwnClients:
    """Know the addresses of sockets of this process that connect to it."""

    def __init__(self) -> None:
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._addresses: collections.deque[object] = collections.deque(maxlen=_MOST_ADDRESSES)
        self._lock = threading.Lock()  # cells ask in threads, and what answers is another

    def add(self, own: socket.socket, host: str) -> None:
        """Give a socket its port before it connects: nobody else has that as long as it is open."""
        with contextlib.suppress(OSError):  # it has one
            socket.SocketType.bind(own, (host, 0))
        with self._lock:
            self._sockets.add(own)
            self._addresses.append(_address_of(own))

    def __contains__(self, client: object) -> bool:
        with self._lock:
            sockets, is_known = list(self._sockets), client in self._addresses
        if client in [_address_of(own) for own in sockets]:
            return True
        # One that speaks TLS has become another object; the system knows whose it is.
        if client is None or not is_known:
            return False
        found = net.sockets_at(*client)  # type: ignore[misc] # it is an address
        return not found.isdisjoint(net.sockets_of(os.getpid()))


class SelfRequests:
    """Lead connections of this process to apps that are left.

    Args:
        left: These; it is looked at whenever something connects.
        make_pool: Makes what serves an app on a listener, for some clients.
    """

    def __init__(
        self,
        left: Sequence[AdoptedApp],
        make_pool: Callable[[AdoptedApp, socket.socket, OwnClients], Pool],
    ) -> None:
        self._left, self._make_pool, self._clients = left, make_pool, OwnClients()
        self._lock = threading.Lock()
        self._answering: dict[int, tuple[int, Pool]] = {}  # by the app's identity; its port
        self._threads: list[threading.Thread] = []
        self._pid = os.getpid()
        self._originals = {name: getattr(socket.socket, name) for name in _METHODS}
        self._replaced: dict[str, Any] = {}

    def patch(self) -> None:
        """Look at what sockets of this process connect to."""
        for name, original in self._originals.items():

            def connect(own: socket.socket, address: Any, _original: Any = original) -> Any:
                return _original(own, self._led(own, address))

            self._replaced[name] = connect
            setattr(socket.socket, name, connect)

    def end(self) -> None:
        """Leave connections alone again, and end what has answered."""
        for name, replaced in self._replaced.items():
            if socket.socket.__dict__.get(name) is replaced:
                delattr(socket.socket, name)
        with self._lock:
            for _, pool in self._answering.values():
                pool.stop()
            self._answering.clear()
        for thread in self._threads:
            thread.join(timeout=1)

    def _led(self, own: socket.socket, address: Any) -> Any:
        if own.family not in (socket.AF_INET, socket.AF_INET6) or os.getpid() != self._pid:
            return address
        for left in list(self._left):
            if _asks_for(left.requested, *address[:2]):
                host = "127.0.0.1" if own.family is socket.AF_INET else "::ffff:127.0.0.1"
                self._clients.add(own, host)
                return host, self._port_of(left)
        return address

    def _port_of(self, left: AdoptedApp) -> int:
        with self._lock:
            if id(left.app) not in self._answering:
                self._answering[id(left.app)] = self._answer(left)
            return self._answering[id(left.app)][0]

    def _answer(self, left: AdoptedApp) -> tuple[int, Pool]:
        # Past the methods that take over what the notebook listens on.
        listener = socket.socket()
        socket.SocketType.bind(listener, ("127.0.0.1", 0))
        port = int(socket.SocketType.getsockname(listener)[1])
        pool = self._make_pool(left, listener, self._clients)  # which says whose it is
        socket.SocketType.listen(listener, 128)
        if left.loop is not None:
            loop = left.loop
            asyncio.run_coroutine_threadsafe(pool.run_on_loop(), loop)
        else:
            thread = threading.Thread(target=_run, args=[pool], name="self-requests", daemon=True)
            thread.start()
            self._threads.append(thread)
        return port, pool


def _address_of(own: socket.socket) -> tuple[str, int] | None:
    try:
        host, port = socket.SocketType.getsockname(own)[:2]
    except OSError:  # it is closed
        return None
    return host.removeprefix("::ffff:"), port


def _run(pool: Pool) -> None:
    with contextlib.suppress(RuntimeError):  # the app does not start: so will the service say
        pool.run()


def _asks_for(requested: str, host: Any, port: Any) -> bool:
    """Tell whether a connection goes to where a server call wanted to listen."""
    ports = {int(found) for found in re.findall(r":(\d+)(?:,|$)", requested)}
    is_here = host in _HERE or str(host).startswith("127.") or f"{host}:" in requested
    return port in ports and is_here
