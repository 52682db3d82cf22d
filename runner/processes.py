"""Start the process of a run, write orders to it, see its end, and end it by its number."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any


class RunProcess:
    """Own one ``python -m runner.child`` and, through it, its kernel.

    Args:
        notebook: What it will be told to run, as far as that is known: it warms up for it.
        environ: All its variables.
        module: Another module to run instead.
        log: A file that gets what it writes to stderr; ours by default.

    Attributes:
        kernel_pid: Its kernel, once that said hello; it leads a process group of its own.
        verdict: The exit code and reason that we know better than the process.
    """

    def __init__(
        self,
        notebook: Path,
        environ: Mapping[str, str],
        module: str = "runner.child",
        log: IO[bytes] | None = None,
    ) -> None:
        self.kernel_pid: int | None = None
        self.verdict: tuple[int, str] | None = None
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, str(notebook)],
            stdin=subprocess.PIPE,
            stderr=log,
            env=dict(environ),
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    def order(self, **words: Any) -> None:
        """Write an order; one that is dying needs none."""
        pipe = self._process.stdin
        with contextlib.suppress(OSError):
            if pipe is not None:
                pipe.write(json.dumps(words).encode() + b"\n")
                pipe.flush()

    def terminate(self) -> None:
        """Ask it to drain and end."""
        self._process.terminate()

    def kill(self) -> None:
        """End it and its kernel with all that these started."""
        for group in (self.pid, self.kernel_pid):
            if group is not None:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(group, signal.SIGKILL)

    async def ended(self) -> int:
        """Wait for its end, and end what it left.

        Returns:
            Its exit code; negative is the signal that killed it.
        """
        await gone(self._process)
        # While it is not reaped nobody else can have its number.
        self.kill()
        code = self._process.wait()
        with contextlib.suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.close()
        return code


async def gone(process: subprocess.Popen[bytes]) -> None:
    """Wait until a process has ended: by its pidfd, in milliseconds and unreaped, on Linux."""
    if not hasattr(os, "pidfd_open"):
        while process.poll() is None:  # noqa: ASYNC110 - nothing to wait for but time
            await asyncio.sleep(0.1)
        return
    loop, over = asyncio.get_running_loop(), asyncio.Event()
    fd = os.pidfd_open(process.pid)
    loop.add_reader(fd, over.set)
    try:
        await over.wait()
    finally:
        loop.remove_reader(fd)
        os.close(fd)
