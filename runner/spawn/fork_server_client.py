"""Start runs: have them forked by `runner.spawn.fork_server` where that can be, else spawn them.

The rules of this file:

1. Nothing waits: a run exists, and takes orders, before its process does.
2. A fork server that died gets a successor when the next run is wanted. The runs that it had
   forked live on; how they end is then unknown, for their exit codes are the fork server's.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from runner.processes import wait_pid_ended
from runner.spawn.processes import UNKNOWN_END, RunProcess, SpawnedRun

log = logging.getLogger(__name__)

_FORKS_WITHIN = 600.0  # it may just have been started, on a machine where all is slow
_REAPS_WITHIN = 60.0  # it may begin anew first, and import a lot


class ForkServer:
    """Own one ``python -m runner.spawn.fork_server``; to be made and used on a running event loop.

    Args:
        notebook: One that its runs will execute: it imports what that needs.
        environ: All its variables, and theirs.
        module: What the runs are.
    """

    def __init__(self, notebook: Path, environ: Mapping[str, str], module: str) -> None:
        self._asked: deque[asyncio.Future[int]] = deque()
        self._loop = asyncio.get_running_loop()
        self._line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            # Not by its full name, by which people find the runs among the processes.
            kind = module.removeprefix("runner.")
            words = [str(theirs.fileno()), str(notebook), kind, str(Path.cwd())]
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "runner.spawn.fork_server", *words],
                stdin=subprocess.DEVNULL,
                env=dict(environ),
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self._line.setblocking(False)
        self._loop.add_reader(self._line, self._hear)
        self.is_open = True

    def ask(self, question: bytes, *fds: int) -> asyncio.Future[int]:
        """Ask; the answer is a future, which fails with ConnectionError if there will be none."""
        answer: asyncio.Future[int] = self._loop.create_future()
        try:
            socket.send_fds(self._line, [question], fds)
        except OSError as error:
            answer.set_exception(ConnectionError(f"the fork server is gone: {error}"))
        else:
            self._asked.append(answer)
        return answer

    def close(self) -> None:
        """Hang up, which ends it."""
        if not self.is_open:
            return
        self.is_open = False
        self._loop.remove_reader(self._line)
        self._line.close()
        for answer in self._asked:
            if not answer.done():
                answer.set_exception(ConnectionError("the fork server is gone"))
        self._process.kill()
        self._process.wait()

    def _hear(self) -> None:
        try:
            said = int(self._line.recv(64))
        except (OSError, ValueError):  # it hung up, or is not what it should be
            pass
        else:
            answer = self._asked.popleft() if self._asked else None
            if answer and not answer.done():
                answer.set_result(said)
            return
        log.warning("the fork server (process %d) is gone", self._process.pid)
        self.close()


class ForkedRun(RunProcess):
    """Have a run forked by a fork server, whose child it becomes.

    Args:
        fork server: Whose.
        notebook: What it will be told to run, as far as that is known: it warms up for it.
        log: A file that gets what it writes to stderr; the fork server's by default.
        folder: Where it runs; where the fork server was started by default.
    """

    def __init__(
        self,
        fork_server: ForkServer,
        notebook: Path,
        log: IO[bytes] | None = None,
        folder: Path | None = None,
    ) -> None:
        read, write = os.pipe()
        super().__init__(write)
        self._fork_server = fork_server
        logs = [log.fileno()] if log else []
        words = map(os.fsencode, (notebook, folder) if folder else (notebook,))
        self._number = fork_server.ask(b"fork " + b"\0".join(words), read, *logs)
        os.close(read)
        self._is_unwanted = False
        self._is_over = False

    def terminate(self) -> None:
        """Ask it to drain and end."""
        self._is_unwanted = True
        if self.pid and not self._is_over:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        """End it and its kernel with all that these started; before it began, the fork server."""
        if self._is_over:
            return
        if self.pid:
            super().kill()
        else:
            self._fork_server.close()

    async def ended(self) -> int:
        """Wait for its end, and end what it left."""
        try:
            self.pid = await self._answered(self._number, _FORKS_WITHIN)
            if self._is_unwanted:
                self.terminate()
            try:
                await wait_pid_ended(self.pid)
            finally:
                super().kill()
            reaped = self._fork_server.ask(b"reap %d" % self.pid)
            return await self._answered(reaped, _REAPS_WITHIN)
        except (OSError, TimeoutError) as error:
            log.warning("how process %d ended is unknown: %s", self.pid, error)
            return UNKNOWN_END
        finally:
            self._is_over = True
            self._orders.close()

    async def _answered(self, answer: asyncio.Future[int], seconds: float) -> int:
        """Wait for what the fork server was asked; one that hangs is ended, and replaced."""
        try:
            async with asyncio.timeout(seconds):
                return await answer
        except TimeoutError as error:
            self._fork_server.close()
            raise TimeoutError(f"the fork server did not answer for {seconds:g} s") from error


class Starter:
    """Start runs: forked, where that was asked for and the system can, else spawned.

    Args:
        environ: All their variables.
        module: What they are.
        forks: Have them forked; it pays where there is more than one.
    """

    def __init__(self, environ: Mapping[str, str], module: str, *, forks: bool) -> None:
        self._environ, self._module = environ, module
        self._forks = forks and hasattr(os, "pidfd_open")
        self._fork_server: ForkServer | None = None

    def start(
        self, notebook: Path, log: IO[bytes] | None = None, folder: Path | None = None
    ) -> RunProcess:
        """Start a run; to be called on a running event loop.

        Args:
            notebook: What it will be told to run, as far as that is known: it warms up for it.
            log: A file that gets what it writes to stderr; ours by default.
            folder: Where it runs; our working folder by default.

        Raises:
            OSError: There can be no further process.
        """
        if not self._forks:
            return SpawnedRun(notebook, self._environ, self._module, log, folder)
        if self._fork_server is None or not self._fork_server.is_open:
            self._fork_server = ForkServer(notebook, self._environ, self._module)
        return ForkedRun(self._fork_server, notebook, log, folder)

    def close(self) -> None:
        """Have no more runs forked."""
        if self._fork_server is not None:
            self._fork_server.close()
