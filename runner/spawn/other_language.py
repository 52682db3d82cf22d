"""Speak to the supervisor for a kernel that cannot: one in another language than Python.

Such a kernel takes no sockets. What its cells start listens by itself, and is called ready when
something accepts connections at the service's address.
"""

from __future__ import annotations

import contextlib
import socket
import threading

from runner import net, wire
from runner.config import setting
from runner.errors import NotebookError
from runner.run.kernel import Kernel

_LOOK_EVERY = 0.1
_PATIENCE = 30.0

NOTICE = (
    "its kernel is not Python's: it listens by itself, in one process, and with its own limits,"
    " health paths and way to end"
)


class ListenerWatch:
    """Tell the supervisor when a kernel's service can be reached; do nothing else for it.

    Args:
        run: The supervisor's name of the run.
        host: Where the service is to listen.
        port: Likewise.
        kernel: Whose process serves.
    """

    def __init__(self, run: str, host: str, port: int, kernel: Kernel) -> None:
        self._run, self._host, self._port, self._kernel = run, host, port, kernel
        self._over = threading.Event()
        self._link: socket.socket | None = None

    def start(self) -> None:
        """Begin to look, on a thread of its own.

        Raises:
            NotebookError: Something else listens there already.
        """
        if net.is_listening(self._host, self._port):
            raise NotebookError(
                f"something listens on {self._host}:{self._port} already; if that is the version"
                " which serves: a kernel in another language cannot be swapped, so stop it first"
            )
        threading.Thread(target=self._watch, name="listener-watch", daemon=True).start()

    def close(self) -> None:
        """Look no more, and hang up."""
        self._over.set()
        if self._link is not None:
            with contextlib.suppress(OSError):  # it has hung up
                self._link.shutdown(socket.SHUT_RDWR)

    def _watch(self) -> None:
        while not net.is_listening(self._host, self._port):
            if self._over.wait(_LOOK_EVERY):
                return
        with contextlib.suppress(OSError, wire.WireError), socket.socket(socket.AF_UNIX) as link:
            link.settimeout(_PATIENCE)
            link.connect(setting("control", ""))
            self._link = link
            self._speak(link)

    def _speak(self, link: socket.socket) -> None:
        pid, lines = self._kernel.pid, wire.Lines()
        self._send(link, "hello", pid=pid, kind="port", notices=[NOTICE])
        self._send(link, "ready")
        link.settimeout(None)
        while data := link.recv(65536):
            if any(order.get("do") == "accept" for order in lines.feed(data)):
                self._send(link, "serving", workers=[pid])

    def _send(self, link: socket.socket, event: str, **facts: object) -> None:
        link.sendall(wire.encode({"event": event, "run": self._run, **facts}))
