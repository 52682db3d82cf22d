"""Talk, from the kernel, to the supervisor: lines of JSON over its Unix socket."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any, Self

from runner import wire
from runner.liveness import stacks

_MOST_FDS = 64
_PATIENCE = 30.0


class SupervisorLink:
    """Hold the kernel's end of the connection.

    Attributes:
        is_open: False once the supervisor has closed its end, or died.
        passes_on: Whether requests come by the supervisor to a server that is not ours, for it
            has to let them in, or to speak TLS with them; known once sockets were received.
        key_sha256: The hash of the single API key, once sockets were received; empty if none.
        relay_word: How its relay begins a connection to a server that speaks TLS.
    """

    def __init__(self, connection: socket.socket) -> None:
        self.is_open, self.key_sha256 = True, ""
        self.passes_on, self.relay_word = False, b""
        self._connection = connection
        self._connection.settimeout(_PATIENCE)
        self._lines = wire.Lines()

    @classmethod
    def connect(cls) -> Self | None:
        """Connect to the supervisor that started this kernel; None if there is none.

        Raises:
            OSError: There should be one, but it does not answer.
        """
        path = os.environ.get("RUNNER_CONTROL")
        if not path:
            return None
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(path)
        file = stacks.path_for(Path(path).parent, os.getpid())
        stacks.write_when_asked(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
        return cls(connection)

    def fileno(self) -> int:
        """Be something that select can wait for."""
        return self._connection.fileno()

    def send(self, event: str, **facts: Any) -> None:
        """Tell the supervisor something; nothing happens if it is gone."""
        line = wire.encode({"event": event, "run": os.environ.get("RUNNER_RUN_ID", ""), **facts})
        try:
            self._connection.sendall(line)
        except OSError:
            self.is_open = False

    def receive(self) -> list[dict[str, Any]]:
        """Take the orders that have arrived; call it when select says so."""
        try:
            data = self._connection.recv(65536)
        except OSError:
            data = b""
        self.is_open = bool(data)
        return self._lines.feed(data)

    def receive_listeners(self) -> list[socket.socket]:
        """Wait for the order ``bind`` and take the listening sockets that come with it.

        Raises:
            ConnectionError: The supervisor sent something else, or went away.
        """
        data, fds, _, _ = socket.recv_fds(self._connection, 65536, _MOST_FDS)
        listeners = [socket.socket(fileno=fd) for fd in fds]
        orders = self._lines.feed(data)
        if [order.get("do") for order in orders] != ["bind"] or not listeners:
            raise ConnectionError(f"expected sockets from the supervisor, got {orders}")
        self.key_sha256 = str(orders[0].get("key", ""))
        self.passes_on = bool(orders[0].get("passes_on"))
        self.relay_word = str(orders[0].get("relay_word", "")).encode()
        return listeners

    def close(self) -> None:
        """End the connection."""
        self._connection.close()
