"""Have the supervisor pass requests on to what a notebook has brought to listen by itself.

For servers whose socket Python did not open: compiled code, a program that a cell starts. They
are found by that socket. Nothing of the notebook is replaced.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Mapping
from types import FrameType
from typing import Any

from runner import net, processes
from runner.config import setting
from runner.serving import listening, model_versions
from runner.serving.cell_end import called
from runner.serving.listening import Listening
from runner.serving.supervisor_link import SupervisorLink

_LOOK_EVERY = 0.5
_ANSWERS_WITHIN = 5.0
# As IPython keeps a cell: its magics and what goes to a shell are calls.
_STARTS_PROGRAM = re.compile(r"get_ipython\(\)\.|\bsubprocess\b|\bPopen\b|\bos\.system\b")


class ServicePortTakenError(RuntimeError):
    """What a notebook has started listens on the service's own port, beside the supervisor."""


class ListenerWatch:
    """Look for what listens in this process and those that it has started.

    Args:
        own_ports: Those that Python's own sockets of this process have, which are no service.
    """

    def __init__(self, own_ports: set[int]) -> None:
        self._known = {each.inode for each in listening.listening(os.getpid())}
        self._own_ports = own_ports
        self._callers: dict[int, FrameType | None] = {}
        self._seen: list[Listening] = []
        self._looked_at = 0.0

    def look(self, frames: list[FrameType]) -> bool:
        """Tell whether something new listens, and keep who was running when its process began."""
        alive = set(listening.family(os.getpid()))
        caller = called(frames)
        self._callers = {
            pid: self._callers.get(pid, caller) for pid in alive | (self._callers.keys() & {0})
        }
        if time.monotonic() - self._looked_at > _LOOK_EVERY:
            self._looked_at, self._seen = time.monotonic(), self.found()
            if any(each.pid == os.getpid() for each in self._seen):
                self._callers.setdefault(0, caller)
        return bool(self._seen)

    def opener(self) -> FrameType | None:
        """Give what the notebook had called when the process began that listens."""
        if not self._seen:
            return None
        pid = self._seen[0].pid
        return self._callers.get(0 if pid == os.getpid() else pid)

    @property
    def has_children(self) -> bool:
        """Tell whether this process has started others that still run."""
        return len(listening.relatives(os.getpid())) > 1

    def found(self) -> list[Listening]:
        """Give what may be the service."""
        return [
            each
            for each in listening.listening(os.getpid())
            if each.inode not in self._known
            and each.port not in self._own_ports
            and not (each.pid != os.getpid() and listening.is_beside(each.pid))
        ]

    def answering(self) -> Listening | None:
        """Give the first of them that speaks HTTP.

        Raises:
            ServicePortTakenError: It listens where the supervisor does.
        """
        for each in self.found():
            if each.port == _service_port():
                raise ServicePortTakenError(
                    f"process {each.pid} listens on the service's own port {each.port}: start"
                    " the service on another one (--port)"
                )
            if net.http_status(each.host, each.port, _ANSWERS_WITHIN) is not None:
                return each
        return None


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
        notices = [*model_versions.notices(), self._notice()]
        control.send("hello", pid=os.getpid(), kind="passed on", notices=notices, **at)
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


def failures_of_programs(names: Mapping[str, Any]) -> list[str]:
    """Say why what cells have started may not listen.

    Args:
        names: The notebook's, as IPython has them.
    """
    found, port = [], _service_port()
    if code := names.get("_exit_code"):
        found.append(f"the last `!` ended with exit code {code}, and what it printed is shown")
    cells = [str(cell) for cell in names.get("In", ()) if _STARTS_PROGRAM.search(str(cell))]
    if port and any(re.search(rf"\b{port}\b", cell) for cell in cells):
        found.append(
            f"a program that a cell starts cannot listen on the service's own port {port}:"
            " --port chooses another"
        )
    return found


def _service_port() -> int:
    port = setting("address", "").rpartition(":")[2]
    return int(port) if port.isdecimal() else 0
