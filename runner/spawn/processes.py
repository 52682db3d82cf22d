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
from runner.processes import wait_ended


class RunProcess(abc.ABC):
    """Own the process of one run and, through it, its kernel.

    Attributes:
        pid: Its number; 0 while it has none yet.
        kernel_pid: Its kernel, once that said hello; it leads a process group of its own.
        verdict: The exit code and reason that we know better than the process.
    """

    def __init__(self, orders: IO[bytes]) -> None:
        self.pid = 0
        self.kernel_pid: int | None = None
        self.verdict: tuple[int, str] | None = None
        self._orders = orders

    def order(self, **words: Any) -> None:
        """Write an order; one that is dying needs none."""
        with contextlib.suppress(OSError):
            self._orders.write(wire.encode(words))
            self._orders.flush()

    @abc.abstractmethod
    def terminate(self) -> None:
        """Ask it to drain and end."""

    def kill(self) -> None:
        """End it and its kernel with all that these started."""
        _kill_group(self.pid)
        self.kill_kernel()

    def kill_kernel(self) -> None:
        """End its kernel with all that this started."""
        _kill_group(self.kernel_pid)

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
    """

    def __init__(
        self,
        notebook: Path,
        environ: Mapping[str, str],
        module: str = "runner.spawn.child",
        log: IO[bytes] | None = None,
    ) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", module, str(notebook)],
            stdin=subprocess.PIPE,
            stderr=log,
            env=dict(environ),
            start_new_session=True,
        )
        super().__init__(cast("IO[bytes]", self._process.stdin))
        self.pid = self._process.pid

    def terminate(self) -> None:
        """Ask it to drain and end."""
        self._process.terminate()

    async def ended(self) -> int:
        """Wait for its end, and end what it left."""
        await wait_ended(self._process)
        # While it is not reaped nobody else can have its number.
        self.kill()
        code = self._process.wait()
        with contextlib.suppress(OSError):
            self._orders.close()
        return code


def _kill_group(group: int | None) -> None:
    if group:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)
