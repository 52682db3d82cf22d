"""Have the supervisor pass requests on to what a notebook has brought to listen by itself.

For servers whose socket Python did not open: compiled code, a program that a cell starts. They
are found by that socket. Nothing of the notebook is replaced.
"""

from __future__ import annotations

import os
import threading

from runner import processes
from runner.serving import listening, model_versions, tls_asked
from runner.serving.listening import Listening
from runner.serving.supervisor_link import SupervisorLink

_LOOK_EVERY = 0.5


class PassedOnServer:
    """Speak to the supervisor for a server that listens by itself.

    Args:
        found: Where.
    """

    def __init__(self, found: Listening) -> None:
        self._found = found

    def start(self) -> None:
        """Tell the supervisor where it listens, that it is ready, and when it has gone."""
        control = SupervisorLink.connect()
        if control is None:
            raise ConnectionError("there is no supervisor to serve under")
        found = self._found
        print(f"the supervisor passes requests on to {found.host}:{found.port}")  # noqa: T201 - seen in the cell
        at = {"host": found.host, "port": found.port, "requested": f"{found.host}:{found.port}"}
        asked = tls_asked.spoken_for(found.port)
        notices = [*model_versions.notices(), self._notice(), *tls_asked.notices(asked)]
        tls = tls_asked.chosen(asked) if asked else None
        named = None if tls is None else tls.facts()
        control.send("hello", pid=os.getpid(), kind="passed on", notices=notices, tls=named, **at)
        for listener in control.receive_listeners():
            listener.close()
        control.send("ready")
        threading.Thread(
            target=self._answer, args=[control], name="passed-on-server", daemon=True
        ).start()

    @property
    def is_listening(self) -> bool:
        """Tell whether it has not gone."""
        found = listening.listening(os.getpid())
        return any(each.inode == self._found.inode for each in found)

    def _notice(self) -> str:
        found = self._found
        whose = "the notebook" if found.pid == os.getpid() else f"process {found.pid}"
        return (
            f"{whose} listens on {found.host}:{found.port} by itself, so requests are passed on to"
            " it: one process serves, with its own limits and way to end, and a change needs that"
            " port to be free"
        )

    def _answer(self, control: SupervisorLink) -> None:
        while control.is_open:
            if processes.readable([control.fileno()], _LOOK_EVERY):
                for order in control.receive():
                    if order.get("do") == "accept":
                        control.send("serving", workers=[self._found.pid])
                    elif order.get("do") == "ping":
                        control.send("turns")
            elif not self.is_listening:
                control.send(
                    "failed", reason=f"nothing listens on port {self._found.port} any more"
                )
                return
