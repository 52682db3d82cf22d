"""Notice that a kernel which serves does not answer, and say where it hangs."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from pathlib import Path

from runner.liveness import stacks
from runner.liveness.heartbeat import Heartbeat
from runner.supervise.events import Hung, Recovered, RunEvent

log = logging.getLogger(__name__)


class KernelWatch:
    """Ask kernels, for as long as they serve, whether they turn.

    Args:
        timeout: Seconds that an answer may take; 0: for ever.
        ask: Sends the question to a run's kernel.
        tell: Gets what becomes of a run.
    """

    def __init__(
        self, timeout: float, ask: Callable[[int], None], tell: Callable[[RunEvent], None]
    ) -> None:
        self._timeout, self._ask, self._tell = timeout, ask, tell
        self._loop = asyncio.get_running_loop()
        self._beats: dict[int, Heartbeat] = {}
        self._timers: dict[int, asyncio.TimerHandle] = {}

    def begin(self, run: int) -> None:
        """Watch a run that serves."""
        if self._timeout:
            self._beats[run] = Heartbeat(self._timeout)
            self._look(run)

    def answered(self, run: int) -> None:
        """Take a kernel's answer."""
        if beat := self._beats.get(run):
            has_hung = beat.is_overdue
            beat.answered()
            if has_hung:
                self._tell(Recovered(run=run))

    def end(self, run: int) -> None:
        """Watch it no longer."""
        self._beats.pop(run, None)
        if timer := self._timers.pop(run, None):
            timer.cancel()

    def close(self) -> None:
        """Watch none."""
        for run in list(self._beats):
            self.end(run)

    def _look(self, run: int) -> None:
        beat = self._beats[run]
        has_hung = beat.is_overdue
        if beat.look(self._loop.time()):
            self._ask(run)
        self._timers[run] = self._loop.call_later(beat.every, self._look, run)
        if beat.is_overdue and not has_hung:
            said = f"its kernel has not answered for {self._timeout:g} s"
            self._tell(Hung(run=run, reason=said))


async def log_stacks(name: str, pid: int, folder: Path) -> None:
    """Log where a run's kernel hangs, unless it has not prepared for being asked."""
    try:
        fd = os.open(stacks.path_for(folder, pid), os.O_RDONLY)
    except OSError:
        return
    try:
        stacks.ask(pid)
        await asyncio.sleep(stacks.WITHIN)
        facts = {"run": name, "pid": pid, "stacks": stacks.read(fd)}
    finally:
        os.close(fd)
    log.error("run %s: its kernel hangs:\n%s", name, facts["stacks"], extra={"facts": facts})
