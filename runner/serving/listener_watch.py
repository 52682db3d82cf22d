"""Look for what a notebook has brought to listen by itself, be it a program that a cell starts."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping, Sequence
from types import FrameType
from typing import Any

from runner import net
from runner.config import setting
from runner.errors import NothingServesError
from runner.serving import listening
from runner.serving.cell_end import called
from runner.serving.listening import Listening

SPEAKS_TLS = (
    "what listens speaks TLS itself, and requests are passed on to it without: leave that to"
    " --tls-cert and --tls-key"
)
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

    def service(self, until: float, hints: Sequence[str] = ()) -> Listening | None:
        """Give what answers HTTP by itself; None if what cells have started may yet do so.

        Args:
            until: When that is given up.
            hints: For the error.

        Raises:
            NothingServesError: Nothing does, and nothing will.
            ServicePortTakenError: Something listens on the service's own port.
        """
        found = self.answering()
        if found or (self.has_children and time.monotonic() < until):
            return found
        raise NothingServesError([*self._why_not(), *hints])

    def _why_not(self) -> list[str]:
        found = self.found()
        ends = [(each.host, each.port, _ANSWERS_WITHIN) for each in found]
        if any(net.http_status(*end, is_tls=True) is not None for end in ends):
            return [SPEAKS_TLS]
        return ["what listens does not answer HTTP"] if found else []


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
