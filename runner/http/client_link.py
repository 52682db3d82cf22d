"""Be one client's connection, below all that is said on it: who waits for whom, and how long.

The rules of this file:

1. Whoever waits has a deadline. There is one timer, moved only when it goes off too early, for
   most deadlines pass unused.
2. A client that takes no bytes is cut off, see `slow_reader`.
3. Reading pauses for as long as anybody has a reason for it.
4. A close is followed by an abort, if the client does not take what is left.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
from typing import Any

from runner.config import Limits
from runner.http.buffers import ByteCount
from runner.http.slow_reader import SlowReader

NEVER = float("inf")


class Pause(enum.IntFlag):
    """Say why nothing is read."""

    UNREAD = 1
    BODY = 2
    REFUSED = 4
    LENT = 8
    BUFFERS = 16


ALL_PAUSES = Pause(31)


class ClientLink(asyncio.Protocol):
    """Be the transport's side of a connection.

    Attributes:
        client: Host and port of the client; None for a Unix socket.
        server: Likewise of ours.
        scheme: How it came to us.
        is_write_paused: The client does not take what is written.
        deadline: When it is late, by the loop's clock.
    """

    transport: Any = None
    client: tuple[str, int] | None = None
    server: tuple[str, int] | None = None
    scheme = "http"

    def __init__(
        self, limits: Limits, unsent: ByteCount, loop: asyncio.AbstractEventLoop | None = None
    ) -> None:
        self.limits, self._unsent = limits, unsent
        self.is_write_paused = False
        self.loop = loop or asyncio.get_running_loop()
        self.deadline = NEVER
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = NEVER
        self._pauses = 0
        self._slow_reader: SlowReader | None = None
        self._writers: list[asyncio.Future[None]] = []

    def connection_made(self, transport: Any) -> None:
        """Begin."""
        self.transport = transport
        self.server = address_of(transport.get_extra_info("sockname"))
        self.client = address_of(transport.get_extra_info("peername"))

    def connection_lost(self, exc: Exception | None) -> None:
        """Let nothing hold us any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._watch_no_longer()
        self._release_writers()

    # -- deadlines

    def late(self) -> None:
        """Do what is to be done at the deadline."""
        raise NotImplementedError

    def expect_within(self, seconds: float) -> None:
        """Set the deadline anew."""
        self.deadline = deadline = self.loop.time() + seconds
        if deadline < self._timer_at:
            self._arm(deadline)

    def expect_nothing(self) -> None:
        """Have no deadline."""
        self.deadline = NEVER

    def _arm(self, deadline: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._timer_at = self.loop.call_at(deadline, self._look_at_deadline), deadline

    def _look_at_deadline(self) -> None:
        self._timer, self._timer_at = None, NEVER
        if self.deadline == NEVER:
            return
        # The loop may call a little early, by the grain of its clock.
        if self.deadline - self.loop.time() > 0.002:
            self._arm(self.deadline)
        else:
            self.deadline = NEVER
            self.late()

    # -- reading

    @property
    def is_read_paused(self) -> bool:
        """Tell that nothing is read at the moment."""
        return self._pauses != 0

    def pause_reading(self, why: Pause) -> None:
        """Read nothing more until the reason is taken back."""
        if not self._pauses and not self.transport.is_closing():
            self.transport.pause_reading()
        self._pauses |= why

    def resume_reading(self, why: Pause) -> None:
        """Read again, if there is no other reason not to."""
        if not self._pauses or not self._pauses & why:  # such a flag is slow to ask
            return
        self._pauses &= ~why
        if not self._pauses and not self.transport.is_closing():
            self.transport.resume_reading()

    # -- writing

    def pause_writing(self) -> None:
        """Give a client that does not read its time."""
        self.is_write_paused = True
        self._watch_writing()

    def resume_writing(self) -> None:
        """Note that the client reads again."""
        self.is_write_paused = False
        if not self.transport.is_closing():
            self._watch_no_longer()
        self._release_writers()

    async def writable(self) -> None:
        """Wait until the client takes more, or is gone."""
        if self.is_write_paused:
            waiter = self.loop.create_future()
            self._writers.append(waiter)
            await waiter

    def _release_writers(self) -> None:
        self.is_write_paused = False
        writers, self._writers = self._writers, []
        for waiter in writers:
            if not waiter.done():
                waiter.set_result(None)

    def _watch_writing(self) -> None:
        if self._slow_reader is None:
            self._slow_reader = SlowReader(self, self._unsent)

    def _watch_no_longer(self) -> None:
        if self._slow_reader is not None:
            self._slow_reader.end()
            self._slow_reader = None

    # -- ending

    def close(self) -> None:
        """End when the client has taken what was written, or takes nothing more."""
        if not self.transport.is_closing():
            self.transport.close()
            self._watch_writing()

    def close_our_half(self) -> None:
        """Tell the client that nothing more comes, and let it read that first."""
        if self.transport.can_write_eof():
            with contextlib.suppress(OSError, RuntimeError):
                self.transport.write_eof()

    def abort(self) -> None:
        """End at once."""
        self.transport.abort()


def address_of(name: Any) -> tuple[str, int] | None:
    """Give host and port; None for a Unix socket, whose ends have names or none."""
    return (name[0], name[1]) if isinstance(name, tuple) else None
