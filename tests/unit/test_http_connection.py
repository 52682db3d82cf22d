"""One client's connection, without a socket."""

from __future__ import annotations

import asyncio
import types
from typing import Any

from runner.config import Limits
from runner.http.connection import Connection
from runner.http.exchange import Exchange
from runner.http.server_state import ServerState

REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


class Transport:
    """Take what is written, and be asked for no more."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.is_paused = False

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def pause_reading(self) -> None:
        self.is_paused = True

    def resume_reading(self) -> None:
        self.is_paused = False

    def is_closing(self) -> bool:
        return False

    def get_extra_info(self, name: str) -> None:
        return None


class AtOnce(Connection):
    """Answer each request before anything else happens."""

    def take_plain(self, data: bytes) -> bytes | None:
        if not data.startswith(REQUEST):
            return None
        exchange = Exchange(self, "GET", "/", keep_alive=True)
        self.begin(exchange, 0)
        self.write(b"answer")
        self.finish_exchange(exchange)
        return data[len(REQUEST) :]


class Waiting(Connection):
    """Let each request wait for its answer."""

    def take_plain(self, data: bytes) -> bytes | None:
        if not data.startswith(REQUEST):
            return None
        self.begin(Exchange(self, "GET", "/", keep_alive=True), 0)
        return data[len(REQUEST) :]


def connected(connection: type[Connection]) -> tuple[Any, Transport]:
    owner: Any = types.SimpleNamespace(
        state=ServerState(1_000_000), limits=Limits(), access_log=None, is_draining=False
    )
    made, transport = connection(owner), Transport()
    made.connection_made(transport)
    return made, transport


def test_who_sends_many_requests_at_once_leaves_others_their_turn() -> None:
    """A few are answered at a turn of the loop, whatever comes meanwhile; all are in the end."""

    async def answered() -> list[int]:
        connection, transport = connected(AtOnce)
        counts = []
        for _ in range(3):
            connection.data_received(REQUEST * 1000)
            counts.append(len(transport.written))
        turned = asyncio.Event()
        asyncio.get_running_loop().call_soon(turned.set)
        await turned.wait()
        counts.append(len(transport.written))
        assert transport.is_paused
        while connection.unread:  # noqa: ASYNC110 - each turn takes some
            await asyncio.sleep(0)
        assert not transport.is_paused
        connection.connection_lost(None)
        return [*counts, len(transport.written)]

    first, second, third, after_a_turn, last = asyncio.run(answered())
    assert 0 < first == second == third < after_a_turn < 100
    assert last == 3000


def test_an_answer_does_not_begin_the_next_request_at_once() -> None:
    """Else whoever answers all that wait would never come to an end."""

    async def begun() -> list[bool]:
        connection, _ = connected(Waiting)
        connection.data_received(REQUEST * 2)
        connection.finish_exchange(connection.exchange)
        found = [connection.exchange is not None]
        await asyncio.sleep(0)
        found.append(connection.exchange is not None)
        connection.connection_lost(None)
        return found

    assert asyncio.run(begun()) == [False, True]
