"""Start the process of a run, write orders to it, see its end, and end it by its number."""

from __future__ import annotations

import abc
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, cast

from runner import wire
from runner.files import ENDED, process_start
from runner.processes import signal_name, wait_ended
from runner.spawn.order_pipe import OrderPipe

UNKNOWN_END = 255
"""The exit code of a process that nobody could ask how it ended; no run of ours has it."""


class RunProcess(abc.ABC):
    """Own the process of one run and, through it, its kernel.

    Attributes:
        verdict: The exit code and reason that we know better than the process.
    """

    def __init__(self, orders: int) -> None:
        self._leaders: dict[int, str] = {}
        self._pid = 0
        self._kernel_pid: int | None = None
        self.verdict: tuple[int, str] | None = None
        self._orders = OrderPipe(orders)

    def order(self, **words: Any) -> None:
        """Write an order, without waiting for it to be taken; one that is dying needs none."""
        self._orders.write(wire.encode(words))

    @property
    def has_taken_orders(self) -> bool:
        """Tell whether it has read all that it was ordered."""
        return self._orders.is_read

    @property
    def has_begun(self) -> bool:
        """Tell whether it is known to have read an order, though maybe not the last."""
        return self._orders.was_read

    @property
    def pid(self) -> int:
        """Its number; 0 while it has none yet."""
        return self._pid

    @pid.setter
    def pid(self, number: int) -> None:
        self._pid = number
        self._leaders[number] = process_start(number)

    @property
    def kernel_pid(self) -> int | None:
        """Its kernel, once that said hello; it leads a process group of its own."""
        return self._kernel_pid

    @kernel_pid.setter
    def kernel_pid(self, number: int) -> None:
        self._kernel_pid = number
        self._leaders[number] = process_start(number)

    @abc.abstractmethod
    def terminate(self) -> None:
        """Ask it to drain and end."""

    def kill(self) -> None:
        """End it and its kernel with all that these started."""
        self._kill_group(self.pid)
        self.kill_kernel()

    def kill_kernel(self) -> None:
        """End its kernel with all that this started."""
        self._kill_group(self.kernel_pid or 0)

    def _kill_group(self, leader: int) -> None:
        """End a process group, unless its leader's number is another process's by now.

        While there is a group nobody gets its leader's number, also when that is gone.
        """
        if leader and process_start(leader) in {self._leaders[leader], ENDED, ""}:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(leader, signal.SIGKILL)

    @abc.abstractmethod
    async def ended(self) -> int:
        """Wait for its end, and end what it left.

        Returns:
            Its exit code; negative is the signal that killed it.
        """


class SpawnedRun(RunProcess):
    """Start ``python -m runner.spawn.child``, which imports all that it needs.

    Args:
        notebook: What it will be told to run, as far as that is known: it warms up for it.
        environ: All its variables.
        module: Another module to run instead.
        log: A file that gets what it writes to stderr; ours by default.
        folder: Where it runs; our working folder by default.
    """

    def __init__(
        self,
        notebook: Path,
        environ: Mapping[str, str],
        module: str = "runner.spawn.child",
        log: IO[bytes] | None = None,
        folder: Path | None = None,
    ) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", module, "--", str(notebook)],
            stdin=subprocess.PIPE,
            stderr=log,
            cwd=folder,
            env=dict(environ),
            start_new_session=True,
        )
        stdin = cast("IO[bytes]", self._process.stdin)
        with stdin:
            super().__init__(os.dup(stdin.fileno()))
        self.pid = self._process.pid

    def terminate(self) -> None:
        """Ask it to drain and end."""
        self._process.terminate()

    async def ended(self) -> int:
        """Wait for its end, and end what it left."""
        await wait_ended(self._process)
        # While it is not reaped nobody else can have its number.
        self.kill()
        self._orders.close()
        return self._process.wait()


def end_in_words(code: int) -> str:
    """Say how a process ended, for "the run …"."""
    if code == UNKNOWN_END:
        return "ended, nobody knows how,"
    return f"was killed by {signal_name(-code)}" if code < 0 else f"exited with {code}"
