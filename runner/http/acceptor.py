"""Accept connections for one loop, and leave them to other workers while it is busy."""

from __future__ import annotations

import asyncio
import errno
import logging
import select
import socket
from collections.abc import Callable, Sequence
from typing import Any

log = logging.getLogger(__name__)

_BACKLOG = 2048
_WINDOW = 1.0  # seconds for which a busy worker goes on to accept, while its requests are short
_LAST_ACCEPTS, _LAST_TURNS = 0.05, 1000
_FULL = 0.01  # seconds until it is seen whether there is room again
_FOR_EVER = float("inf")
_PAUSE = 1.0  # seconds without what the system lacks for a further connection
_SHORT_PAUSE = 0.01  # until what was ended is closed
_LACKS_FILES = {errno.EMFILE, errno.ENFILE}
_LACKS = {*_LACKS_FILES, errno.ENOBUFS, errno.ENOMEM}


class Acceptor:
    """Accept from one listener, and one by one from others when asked.

    Args:
        protocol: Makes what speaks with one client.
        listener: Whose connections are ours first; it is closed with this.
        is_full: Tells that a further request would be refused.
        make_room: Ends what is idle, if the system lacks what a connection takes; tells whether
            anything was.
        may_pause: Others can accept from it while we are busy or full. Then it is read by
            ourselves, at the price of 30 µs for each connection: a loop's own server cannot pause.
        may_be_lent: So can a thread while it has the listener.

    Attributes:
        on_accepted: Called when one of our own was accepted.
    """

    on_accepted: Callable[[], None] = staticmethod(lambda: None)

    def __init__(  # noqa: PLR0913 - each is one thing that it is told
        self,
        protocol: Callable[[], Any],
        listener: socket.socket,
        *,
        is_full: Callable[[], bool],
        make_room: Callable[[], bool],
        may_pause: bool,
        may_be_lent: bool = False,
    ) -> None:
        self._protocol, self._listener, self._may_pause = protocol, listener, may_pause
        self._is_full, self._make_room = is_full, make_room
        self._loop = asyncio.get_running_loop()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._may_be_lent, self._is_lent = may_be_lent, False
        self._is_busy = self._is_reading = self._is_closed = False
        self._pause: asyncio.TimerHandle | None = None
        self._recheck: asyncio.TimerHandle | None = None
        self._busy_since = self._accepts_until = 0.0
        self._window_for = 0.0

    async def open(self) -> None:
        """Begin to accept."""
        if self._may_pause or self._may_be_lent:
            self._update()
        else:
            self._server = await self._loop.create_server(
                self._protocol, sock=self._listener, backlog=_BACKLOG
            )

    def lend(self, *, is_lent: bool) -> None:
        """Leave the listener to a thread, or take it back."""
        self._is_lent = is_lent
        self._update()

    def set_busy(self, *, is_busy: bool) -> None:
        """Note, whenever a request begins or ends, whether another would have to wait."""
        self._is_busy = is_busy
        self._busy_since = self._loop.time()
        if self._may_pause:
            self._update()

    def take(self, listener: socket.socket, *, busy_for: float) -> bool:
        """Accept one connection of any listener; tell whether there was one to be had.

        Args:
            listener: Gives it.
            busy_for: For how many seconds we may have been busy with one request at most.
        """
        if self._is_closed or self._pause is not None:
            return False
        if self._is_full() and busy_for != _FOR_EVER:
            return False
        if self._is_busy and self._busy_seconds() >= busy_for:
            return False
        if self._may_pause and 0 < busy_for < _FOR_EVER:
            self._window_for, self._accepts_until = busy_for, self._loop.time() + _WINDOW
            self._update()
        return self._accept_one(listener)

    def _busy_seconds(self) -> float:
        return self._loop.time() - self._busy_since

    async def drain(self) -> None:
        """Take in who has connected, busy or not, and accept nothing any more.

        To close a listener resets who is in its queue. How long it takes to empty depends on how
        busy the machine is. Bounded, since a listener that a new run shares has always more.
        """
        self._may_pause = self._is_busy = False
        if self._server is None:
            self._update()
        await asyncio.sleep(_LAST_ACCEPTS)  # handshakes that are under way
        queues = select.poll()
        for listener in self._listeners():
            queues.register(listener.fileno(), select.POLLIN)
        for _ in range(_LAST_TURNS):
            if not queues.poll(0):
                break
            await asyncio.sleep(0)
        self._close()

    def _listeners(self) -> Sequence[socket.socket]:
        return [self._listener] if self._server is None else self._server.sockets

    def _close(self) -> None:
        self._is_closed = True
        if self._server is not None:
            self._server.close()
        else:
            self._update()
            self._listener.close()

    def _update(self) -> None:
        """Read the listener, or cease to."""
        reads = not (
            self._is_lent
            or self._is_closed
            or self._pause is not None
            or self._leaves_it_to_others()
        )
        if reads is self._is_reading:
            return
        self._is_reading = reads
        if reads:
            self._loop.add_reader(self._listener, self._accept_own)
        else:
            self._loop.remove_reader(self._listener)

    def _leaves_it_to_others(self) -> bool:
        if not self._may_pause:
            return False
        if self._is_full():
            if self._recheck is None:
                self._recheck = self._loop.call_later(_FULL, self._check_again)
            return True
        has_window = self._loop.time() < self._accepts_until
        return self._is_busy and not (has_window and self._busy_seconds() < self._window_for)

    def _check_again(self) -> None:
        self._recheck = None
        self._update()

    def _accept_own(self) -> None:
        self._update()
        if self._is_reading and self._accept_one(self._listener):
            self.on_accepted()

    def _accept_one(self, listener: socket.socket) -> bool:
        try:
            client, _ = listener.accept()
        except OSError as error:  # also if there was none, or it was closed
            if error.errno in _LACKS and self._pause is None:
                has_room = self._make_room()  # it says so, if files are what it lacks
                if error.errno not in _LACKS_FILES:
                    log.warning("no further connection: %s", error.strerror)
                seconds = _SHORT_PAUSE if has_room else _PAUSE
                self._pause = self._loop.call_later(seconds, self._go_on)
                self._update()
            return False
        client.setblocking(False)
        task = self._loop.create_task(self._connect(client))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True

    def _go_on(self) -> None:
        self._pause = None
        self._update()

    async def _connect(self, client: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._protocol, client)
        except OSError:
            client.close()
