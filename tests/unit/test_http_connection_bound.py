"""Who makes room when there is none for connections, for requests or for files."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from support.connections import ClockedLoop, Server

from runner import processes
from runner.http import connection_bound
from runner.http.asgi_exchange import IS_CLOSING
from runner.http.connection_bound import ConnectionBound, most_connections

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n"


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answer when the body is whole; ``/wait`` never, and without asking for it.

    ``/stream`` is answered until the client has gone.
    """
    has_more = True
    if scope["path"] == "/wait":
        await asyncio.Event().wait()
    while has_more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        has_more = message["more_body"]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    while scope["path"] == "/stream" and not scope["extensions"][IS_CLOSING]():
        await send({"type": "http.response.body", "body": b"a", "more_body": True})
    await send({"type": "http.response.body", "body": b""})


def status_of_another(*begun: bytes, seconds: float, **limits: int) -> tuple[bytes, list[bytes]]:
    """Begin requests, and ask after a while; give that status, and of those that were begun."""

    async def asked() -> tuple[bytes, list[bytes]]:
        server, loop = Server(app, **limits), asyncio.get_running_loop()
        assert isinstance(loop, ClockedLoop)
        others = [server.connect(server.general_way) for _ in begun]
        for connection, data in zip(others, begun, strict=True):
            connection.data_received(data)
        await asyncio.sleep(0)
        loop.ahead += seconds
        answer, _ = await server.said(server.general_way, GET)
        for connection in others:
            connection.transport.close()
        await asyncio.sleep(0.01)
        for task in server.state.tasks:
            task.cancel()
        return answer[9:12], [b"".join(each.transport.written)[9:12] for each in others]

    with asyncio.Runner(loop_factory=ClockedLoop) as runner:
        return runner.run(asked())


def test_a_slow_body_gives_up_its_place() -> None:
    """The one that began first, when another needs it."""
    status, others = status_of_another(*[POST + b"a"] * 3, seconds=2, max_concurrency=3)
    assert (status, others) == (b"200", [b"408", b"", b""])


EXPECT = b"POST /wait HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n"


@pytest.mark.parametrize(
    ("begun", "seconds"),
    [(POST + b"a", 0.5), (POST + b"a" * 100_000, 5), (EXPECT, 5), (EXPECT + b"a" * 9, 5)],
    ids=["young", "quick", "waiting for a word of ours", "whole"],
)
def test_whoever_is_not_slow_keeps_its_place(begun: bytes, seconds: float) -> None:
    """Then the one who comes is told to come later."""
    assert status_of_another(begun, seconds=seconds, max_concurrency=1) == (b"503", [b""])


@pytest.mark.parametrize("begun", [GET[:9], POST + b"a"])
def test_slow_connections_make_room(begun: bytes) -> None:
    """If none is idle, one that is slow ends; while all are young the new one is refused."""
    assert status_of_another(*[begun] * 3, seconds=2, max_connections=3)[0] == b"200"
    assert status_of_another(*[begun] * 3, seconds=0.5, max_connections=3)[0] == b"503"


@dataclasses.dataclass(eq=False)
class Client:
    """Be a connection, idle since the server expects something until ``deadline``."""

    deadline: float
    is_idle: bool = True
    is_closed: bool = False

    def is_slow(self) -> bool:
        return False

    def close(self) -> None:
        self.is_closed = True


def bound_of(clients: list[Client]) -> ConnectionBound:
    state: Any = SimpleNamespace(connections=set(clients))
    return ConnectionBound(state, sys.maxsize)


def test_files_that_are_open_already_leave_room_for_fewer_connections(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A notebook may have many; there is always room for some."""
    for opened, most in [(20, 172), (100, 92), (200, 28), (256, 1)]:
        monkeypatch.setattr(processes, "open_files", lambda opened=opened: opened)
        assert most_connections(256, 0) == most
        assert most_connections(256, 10) == min(10, most)


def test_the_files_that_are_open_are_counted() -> None:
    """Those of this process, whoever has opened them."""
    before = processes.open_files()
    with contextlib.ExitStack() as opened:  # many: threads of other tests may open and close some
        for _ in range(100):
            opened.enter_context(open("/dev/null", "rb"))  # noqa: PTH123 - no file to read
        assert 50 < processes.open_files() - before < 150


def test_idle_connections_end_when_hardly_a_file_can_be_opened(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that have been idle longest, some at a time, and the log says so once a second."""
    clients = [Client(deadline=float(number)) for number in range(20)]
    busy = Client(deadline=-1.0, is_idle=False)
    bound = bound_of([*clients, busy])
    monkeypatch.setattr(connection_bound, "_lacks_files", lambda _: True)
    assert bound.keep_files_free()
    assert [each.is_closed for each in clients] == [True] * 16 + [False] * 4
    assert bound.keep_files_free()
    assert all(each.is_closed for each in clients)
    assert not bound.keep_files_free()
    assert not busy.is_closed
    assert caplog.text.count("files can be opened") == 1


def test_nobody_ends_while_files_can_be_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many connections there are."""
    monkeypatch.setattr(connection_bound, "_lacks_files", lambda _: False)
    client = Client(deadline=0.0)
    bound = bound_of([client])
    assert not bound.keep_files_free()
    assert not client.is_closed


@pytest.mark.parametrize("rate", [0, 60_000, 100_000])
def test_who_takes_next_to_nothing_gives_up_its_place(rate: int) -> None:
    """Below 64 KB a second, when another needs it."""

    async def asked() -> tuple[bytes, bool]:
        server, loop = Server(app, max_concurrency=1), asyncio.get_running_loop()
        assert isinstance(loop, ClockedLoop)
        reader = server.connect(server.general_way)
        reader.data_received(GET.replace(b"/ ", b"/stream "))
        await asyncio.sleep(0)
        reader.transport.unsent = 10_000_000
        reader.pause_writing()
        for _ in range(2):
            reader.transport.unsent -= 5 * rate
            loop.ahead += 5
            await asyncio.sleep(0.01)
        answer, _ = await server.said(server.general_way, GET)
        is_lost = reader.transport.is_lost
        reader.transport.abort()
        await asyncio.sleep(0.01)
        assert (server.state.in_flight, server.state.unsent.held) == (0, 0)
        return answer[9:12], is_lost

    with asyncio.Runner(loop_factory=ClockedLoop) as runner:
        expected = (b"200", True) if rate < 65_536 else (b"503", False)
        assert runner.run(asked()) == expected


def test_files_are_lacking_when_the_next_one_is_near_the_last() -> None:
    """The system gives the lowest number that is free."""
    assert connection_bound._lacks_files(1)
    assert not connection_bound._lacks_files(1_000_000)
