"""Start the process of a run, write orders to it, see its end, and end it by its number."""

from __future__ import annotations

import abc
import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, Protocol, cast


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
            self._orders.write(json.dumps(words).encode() + b"\n")
            self._orders.flush()

    @abc.abstractmethod
    def terminate(self) -> None:
        """Ask it to drain and end."""

    def kill(self) -> None:
        """End it and its kernel with all that these started."""
        for group in (self.pid, self.kernel_pid):
            if group:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(group, signal.SIGKILL)

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
            [sys.executable, "-m", module, str(notebook)],
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
        await gone(self._process)
        # While it is not reaped nobody else can have its number.
        self.kill()
        code = self._process.wait()
        with contextlib.suppress(OSError):
            self._orders.close()
        return code


class Process(Protocol):
    """Be a child of ours: a ``Popen``, or one that was forked."""

    pid: int

    def poll(self) -> int | None:
        """Give its exit code, or None while it lives."""


async def gone(process: Process) -> None:
    """Wait until a process has ended: by its pidfd, in milliseconds and unreaped, on Linux."""
    if not hasattr(os, "pidfd_open"):
        while process.poll() is None:  # noqa: ASYNC110 - nothing to wait for but time
            await asyncio.sleep(0.1)
        return
    await gone_by_number(process.pid)


async def gone_by_number(pid: int) -> None:
    """Wait likewise for one that need not be our child, on Linux.

    Raises:
        ProcessLookupError: There is none of this number.
    """
    loop, over = asyncio.get_running_loop(), asyncio.Event()
    fd = os.pidfd_open(pid)
    loop.add_reader(fd, over.set)
    try:
        await over.wait()
    finally:
        loop.remove_reader(fd)
        os.close(fd)
