"""Have runs forked by `runner.nursery`, from the supervisor's side.

The rules of this file:

1. Nothing waits: a run exists, and takes orders, before its process does.
2. A nursery that died gets a successor when the next run is wanted. The runs that it had
   forked live on; how they end is then unknown, for their exit codes are the nursery's.
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

from runner.processes import RunProcess, gone_by_number

log = logging.getLogger(__name__)

_UNKNOWN = 1


class Nursery:
    """Own one ``python -m runner.nursery``; to be made and used on a running event loop."""

    def __init__(self, notebook: Path, environ: Mapping[str, str]) -> None:
        self._asked: deque[asyncio.Future[int]] = deque()
        self._loop = asyncio.get_running_loop()
        self._line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "runner.nursery", str(theirs.fileno()), str(notebook)],
                stdin=subprocess.DEVNULL,
                env=dict(environ),
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self._line.setblocking(False)
        self._loop.add_reader(self._line, self._hear)
        self.is_open = True

    def ask(self, question: str, *fds: int) -> asyncio.Future[int]:
        """Ask; the answer is a future, which fails with ConnectionError if there will be none."""
        answer: asyncio.Future[int] = self._loop.create_future()
        try:
            socket.send_fds(self._line, [question.encode()], fds)
        except OSError as error:
            answer.set_exception(ConnectionError(f"the nursery is gone: {error}"))
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
                answer.set_exception(ConnectionError("the nursery is gone"))
        self._process.kill()
        self._process.wait()

    def _hear(self) -> None:
        try:
            said = self._line.recv(64)
        except OSError:
            said = b""
        if said:
            answer = self._asked.popleft()
            if not answer.done():
                answer.set_result(int(said))
            return
        log.warning("the nursery (process %d) is gone", self._process.pid)
        self.close()


class ForkedRun(RunProcess):
    """Have a run forked by a nursery, whose child it becomes."""

    def __init__(self, nursery: Nursery) -> None:
        read, write = os.pipe()
        super().__init__(os.fdopen(write, "wb"))
        self._nursery = nursery
        self._number = nursery.ask("fork", read)
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
        """End it and its kernel with all that these started; before it began, the nursery."""
        if self.pid and not self._is_over:
            super().kill()
        elif not self.pid:
            self._nursery.close()

    async def ended(self) -> int:
        """Wait for its end, and end what it left."""
        try:
            self.pid = await self._number
            if self._is_unwanted:
                self.terminate()
            await gone_by_number(self.pid)
            if self._nursery.is_open:  # then it is not reaped, and nobody else has its number
                super().kill()
            return await self._nursery.ask(f"reap {self.pid}")
        except (ConnectionError, ProcessLookupError) as error:
            log.warning("how process %d ended is unknown: %s", self.pid, error)
            return _UNKNOWN
        finally:
            self._is_over = True
            with contextlib.suppress(OSError):
                self._orders.close()
