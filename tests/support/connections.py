"""Speak with a connection of ours without a socket."""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import Callable, Sequence
from typing import Any

from runner.access.gate import Gate
from runner.config import Limits, ProxyTrust
from runner.http import app_protocol
from runner.http.connection import Connection, Phase
from runner.http.forwarded import TrustedProxies
from runner.http.request_log import RequestLog
from runner.http.server_state import ServerState
from runner.liveness.readiness import Readiness

# What differs from one answer to the next.
_CHANGING = re.compile(rb'server-timing: [^\r]*\r\n|"failure": "\w+"')


class Transport:
    """Take what is written.

    Attributes:
        written: In pieces.
        unsent: Bytes that the client has not taken.
        is_paused: Nothing is to be read.
        is_ended: The client was told that nothing more comes.
        is_lost: The connection is no more.
    """

    def __init__(self) -> None:
        self.connection: Any = None
        self.written: list[bytes] = []
        self.unsent = 0
        self.is_paused = self.is_ended = self.is_lost = self._is_closing = False

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def pause_reading(self) -> None:
        self.is_paused = True

    def resume_reading(self) -> None:
        self.is_paused = False

    def is_closing(self) -> bool:
        return self._is_closing

    def get_extra_info(self, name: str) -> None:
        return None

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.is_ended = True

    def close(self) -> None:
        if not self._is_closing:
            self._is_closing = self.is_ended = True
            if not self.unsent:
                self._lose()

    def abort(self) -> None:
        self._is_closing = self.is_ended = True
        self._lose()

    def _lose(self) -> None:
        if self.connection is not None and not self.is_lost:
            self.is_lost = True
            asyncio.get_running_loop().call_soon(self.connection.connection_lost, None)


class ClockedLoop(asyncio.SelectorEventLoop):
    """Be a loop whose clock a test moves by hand.

    Attributes:
        ahead: Seconds that were skipped.
    """

    ahead = 0.0

    def time(self) -> float:
        return super().time() + self.ahead


class Server:
    """Be the server that connections belong to.

    Args:
        app: Answers what comes the general way.
        gate: Lets requests in; all, unless given.
        **limits: Of `Limits`.
    """

    def __init__(self, app: Any = None, gate: Gate | None = None, **limits: Any) -> None:
        self.app, self.limits = app, Limits(**limits)
        self.state = ServerState(self.limits.max_buffered)
        self.state.bound.most = self.limits.max_connections or self.state.bound.most
        self.state.date_line = b"date: now\r\n"
        self.access_log: Any = None
        self.gate = gate or Gate()
        self.request_log: RequestLog | None = None
        self.proxies = TrustedProxies(ProxyTrust())
        self.is_draining = False
        self.readiness = Readiness.READY
        self.takes_websockets = app_protocol.of(app).takes_websockets
        self.page = None

    def plain_way(self) -> Any:
        """Make a connection that takes what is plain by itself."""
        return self.app.protocol(self)

    def general_way(self) -> Any:
        """Make one that leaves all to the app."""
        connection = self.plain_way() if hasattr(self.app, "protocol") else Connection(self)
        connection.take_plain = lambda _: None
        return connection

    def connect(self, make: Callable[[], Any]) -> Any:
        """Give a connection its transport."""
        connection, transport = make(), Transport()
        transport.connection = connection
        connection.connection_made(transport)
        return connection

    async def said(
        self, make: Callable[[], Any], *pieces: bytes, ends: bool = False
    ) -> tuple[bytes, str]:
        """Send pieces, each when the one before was taken, and give the answers.

        Args:
            make: Makes the connection.
            *pieces: What is sent.
            ends: The client ends its half at once behind the last.

        Returns:
            All that was answered, without what always differs; and what is waited for next.
        """
        connection = self.connect(make)
        transport = connection.transport
        for piece in pieces:
            if transport.is_closing():
                break
            connection.data_received(piece)
            if ends and piece is pieces[-1] and not connection.eof_received():
                transport.close()
            await _settled(connection)
        phase = "the end" if transport.is_ended else connection.phase.name
        if not transport.is_closing():
            transport.close()
        await asyncio.sleep(0)
        await self._forgotten(connection)
        return _CHANGING.sub(b"", b"".join(transport.written)), phase

    async def _forgotten(self, connection: Any) -> None:
        """Wait until nothing of a connection is counted any more, nor at all if it was the last."""
        state = self.state
        assert connection not in state.connections
        if state.connections:
            return
        async with asyncio.timeout(20):
            while state.in_flight or state.tasks:  # noqa: ASYNC110 - a number, no event
                await asyncio.sleep(0)
        assert state.buffers.held == 0


async def _settled(connection: Any) -> None:
    """Wait until whatever was sent is answered, or waits for more."""
    async with asyncio.timeout(20):
        while _is_busy(connection):  # noqa: ASYNC110 - several facts, no event
            await asyncio.sleep(0)


def _is_busy(connection: Any) -> bool:
    phase = connection.phase
    return phase is Phase.ANSWERING or (phase is Phase.IDLE and bool(connection.unread))


def pieces(data: bytes, *cuts: int) -> Sequence[bytes]:
    """Cut bytes in pieces."""
    ends = [0, *sorted(cuts), len(data)]
    return [data[begin:end] for begin, end in itertools.pairwise(ends)]
