"""Hold the kernel's ends of one worker's pipes, and watch whether it turns."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
from typing import IO

from runner.liveness import stacks
from runner.liveness.heartbeat import Heartbeat
from runner.processes import signal_name
from runner.serving.orders import Order, Report


@dataclasses.dataclass(kw_only=True)
class WorkerLink:
    """Be one worker, as the kernel sees it.

    Attributes:
        slot: Its number, which is its listener's.
        pid: Its process, which is ours if the kernel itself serves.
        status: Where it says how it is.
        order: Where it is told what to do.
        ended: Can be read when its process has ended; -1 if nothing but the status pipe tells.
        stacks: Where it writes its stacks when asked; None for a thread.
        heartbeat: Tells whether it turns, and until it is ready whether it takes too long for that.
        since: When it was started.
        is_ready: Whether it has ever been.
        is_leaving: Whether it drains by itself.
        leaves: Why it does.
        ends_at: When it is killed, if it lives until then.
        failure: Why it could not start, in its own words.
        fault: Why it is killed.
    """

    slot: int
    pid: int
    status: int
    order: int
    stacks: IO[bytes] | None
    heartbeat: Heartbeat
    since: float
    ended: int = -1
    is_ready: bool = False
    is_leaving: bool = False
    leaves: str = ""
    ends_at: float = float("inf")
    failure: str = ""
    fault: str = ""
    _is_asked: bool = False

    @property
    def is_process(self) -> bool:
        """Tell a forked worker from a thread."""
        return self.pid != os.getpid()

    @property
    def is_watched(self) -> bool:
        """Tell whether it has to get on: not while it ends."""
        return self.is_process and not self.is_leaving and not self.fault

    @property
    def can_accept(self) -> bool:
        """Tell whether it can be asked to."""
        return self.is_watched and self.is_ready

    def become_ready(self, hang_timeout: float) -> None:
        """Note that it has started: from now on it has to turn."""
        self.is_ready, self.heartbeat = True, Heartbeat(hang_timeout)

    def send(self, order: Order, queue: int = 0) -> None:
        """Give an order; a dead worker does not mind."""
        if order is Order.SAY:
            if self._is_asked:
                return  # who does not answer is asked once
            self._is_asked = True
        with contextlib.suppress(OSError):
            os.write(self.order, order.encode_for(queue))

    def receive(self) -> list[Report]:
        """Take its reports; none at all is its end."""
        given = os.read(self.status, 65536)
        said, failed, why = given.partition(Report.FAILED.encode())
        reports = [Report(chr(byte)) for byte in said]
        if failed:
            self.failure = why.decode(errors="replace")
            reports.append(Report.FAILED)
        if Report.FREE in reports or Report.BUSY in reports:
            self._is_asked = False
            self.heartbeat.answered()
        return reports

    def due_at(self, now: float) -> float:
        """Say when to look at it."""
        return min(self.ends_at, self.heartbeat.due_at(now)) if self.is_watched else self.ends_at

    def look(self, now: float) -> None:
        """Do what it is time for: ask it, condemn it if it has not turned for long, kill it."""
        if now >= self.ends_at:
            self.kill()
        if not self.is_watched or now < self.heartbeat.due_at(now):
            return
        if self.heartbeat.look(now) and self.is_ready:
            self.send(Order.SAY)
        if self.heartbeat.is_overdue:
            failed = "did not turn for" if self.is_ready else "was not ready after"
            self.fault = f"worker {self.pid} {failed} {self.heartbeat.timeout:.3g} s"
            self.ends_at = now + stacks.WITHIN
            stacks.ask(self.pid)

    def kill(self) -> None:
        """End its process at once; a thread ends with the kernel."""
        self.ends_at = float("inf")
        if not self.is_process:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def where(self) -> str:
        """Say where it hung; empty if that was not asked, or not answered."""
        return stacks.read(self.stacks.fileno()) if self.stacks is not None else ""

    def close(self) -> None:
        """Give up the pipes."""
        os.close(self.status)
        os.close(self.order)
        if self.ended >= 0:
            os.close(self.ended)
        if self.stacks is not None:
            self.stacks.close()

    def how_ended(self) -> str:
        """Wait for the end, which its pipe has told, and say how it was."""
        if not self.is_process:
            return self.failure or "the serving thread ended"
        _, status = os.waitpid(self.pid, 0)
        code = os.waitstatus_to_exitcode(status)
        if said := self.fault or self.failure:
            return said
        if code < 0:
            return f"worker {self.pid} was killed by {signal_name(-code)}"
        if self.leaves and not code:
            return f"worker {self.pid} left: {self.leaves}"
        return f"worker {self.pid} exited with code {code}"
