"""Listen to kernels on a Unix socket, and hand them sockets: lines of JSON both ways.

A kernel connects inside ``runner.serve`` and says hello with its run's id. One
connection per run counts; another one of the same run is closed at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from runner import wire
from runner.liveness import stacks
from runner.run.private_folder import PrivateFolder

log = logging.getLogger(__name__)

_HELLO_WITHIN = 10.0

Hear = Callable[[str, dict[str, Any] | None], bool]


class KernelLinks:
    """Hold the connections of all runs.

    Args:
        hear: Gets a run's id and a message, or None when the run hung up; tells, of a
            hello, whether it is welcome.
    """

    def __init__(self, hear: Hear) -> None:
        self._hear = hear
        self._folder = PrivateFolder()
        self._senders: dict[str, socket.socket] = {}
        self._server: asyncio.Server | None = None
        self._renewal: asyncio.Task[None] | None = None

    @property
    def path(self) -> Path:
        """Where kernels connect; only our user can enter the folder."""
        return self._folder.path / "control"

    async def open(self) -> None:
        """Start to listen."""
        await self._accept(self._bound())

    def renew(self) -> None:
        """Listen at the same place again, if that was swept; whoever is connected stays so.

        Raises:
            OSError: That cannot be.
        """
        if self._server is None or self.path.exists():
            return
        log.warning("%s was removed by somebody, and is made again", self._folder.path)
        self._server.close()
        self._folder.renew()
        self._renewal = asyncio.ensure_future(self._accept(self._bound()))

    def _bound(self) -> socket.socket:
        listener = socket.socket(socket.AF_UNIX)
        try:
            listener.bind(str(self.path))
            listener.listen()
        except OSError:
            listener.close()
            raise
        return listener

    async def _accept(self, listener: socket.socket) -> None:
        self._server = await asyncio.start_unix_server(
            self._serve, sock=listener, limit=wire.LONGEST
        )

    def close(self) -> None:
        """Stop listening, and hang up on everyone."""
        if self._server:
            self._server.close()
        for sender in self._senders.values():
            with contextlib.suppress(OSError):  # it has hung up already
                sender.shutdown(socket.SHUT_RDWR)
        self._folder.close()

    def send(self, run: str, fds: Sequence[int] = (), **words: Any) -> None:
        """Send a run's kernel a line, and open files with it; one that hung up gets none."""
        line = wire.encode(words)
        sender = self._senders.get(run)
        if sender is None:
            return
        with contextlib.suppress(OSError):
            if fds:
                socket.send_fds(sender, [line], list(fds))
            else:
                sender.sendall(line)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        run = ""
        try:
            async with asyncio.timeout(_HELLO_WITHIN):
                hello = await wire.receive(reader)
            name = str((hello or {}).get("run", ""))
            if hello is None or hello.get("event") != "hello" or name in self._senders:
                return
            # A file that stays would be read as that of another process, by its number.
            stacks_file = stacks.path_for(self.path.parent, int(hello["pid"]))
            # A socket of our own: asyncio's streams cannot send open files.
            raw = socket.socket(fileno=os.dup(writer.get_extra_info("socket").fileno()))
            with raw:
                self._senders[name] = raw
                run = name
                if self._hear(run, hello):
                    while message := await wire.receive(reader):
                        self._hear(run, message)
        except ConnectionError:
            log.debug("a kernel hung up")  # as one does that was killed
        except (OSError, ValueError, KeyError, TypeError, TimeoutError) as error:
            log.warning("a kernel was not understood: %s", error)
        except Exception:  # what becomes of its run is decided by the end of its connection
            log.exception("a kernel's message was not taken")
        finally:
            if run:
                del self._senders[run]
                with contextlib.suppress(OSError):
                    stacks_file.unlink()
                self._hear(run, None)
            writer.close()
