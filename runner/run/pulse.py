"""Ask a kernel that waits whether it is there, by the channel that Jupyter has for that."""

from __future__ import annotations

import time
from typing import Any

from runner.liveness.heartbeat import Heartbeat
from runner.run import jupyter_client_internals

_WITHIN = 8.0
_IN_A_HURRY = 2.0


class Pulse:
    """Hold our end of a kernel's heartbeat channel; what runs in the kernel does not hold it up.

    Args:
        context: Of the sockets.
        connection: How the kernel is reached, as Jupyter's connection file says.
    """

    def __init__(self, context: Any, connection: dict[str, Any]) -> None:
        self._socket = jupyter_client_internals.heartbeat(context, connection)
        self._beat = Heartbeat(_WITHIN)
        self._is_asked = self._has_answered = False
        self._ask()  # answered once it is up

    def is_overdue(self) -> bool:
        """Ask, to be called once a second; tell whether one that was there answers no more."""
        self._hear(0.0)
        if self._beat.look(time.monotonic()):
            self._ask()
        return self._has_answered and self._beat.is_overdue

    def answers(self) -> bool:
        """Tell whether it answers at once; what was never there yet may still be starting."""
        self._hear(0.0)
        self._ask()
        self._hear(_IN_A_HURRY if self._has_answered else 0.0)
        return not (self._is_asked and self._has_answered)

    def close(self) -> None:
        """Ask no more."""
        self._socket.close()

    def _ask(self) -> None:
        if not self._is_asked:
            self._socket.send(b"ping")
            self._is_asked = True

    def _hear(self, seconds: float) -> None:
        if self._is_asked and self._socket.poll(int(seconds * 1000)):
            self._socket.recv()
            self._is_asked, self._has_answered = False, True
            self._beat.answered()
