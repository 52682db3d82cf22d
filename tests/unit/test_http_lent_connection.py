"""How a thread waits for the next request of the connection that it has."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from support.connections import Server

from runner.http import lent_connection
from runner.http.lent_connection import LentConnection
from runner.http.wsgi_adapter import WsgiAdapter

REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


class News:
    """Be the poll of a descriptor that has something at one of the looks."""

    def __init__(self, ready_at: int) -> None:
        self.looks, self._ready_at = 0, ready_at

    def poll(self, milliseconds: int) -> list[tuple[int, int]]:
        assert milliseconds == 0
        self.looks += 1
        return [(3, 1)] if self.looks >= self._ready_at else []


def test_one_client_that_asks_again_at_once_is_waited_for_awake(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """To be woken takes longer than that."""
    monkeypatch.setattr(lent_connection, "AWAKE", 30.0)  # no machine is too slow for three looks
    connection, lent = lent_by_one_of(1)
    news: Any = News(ready_at=3)
    assert lent.has_more_at_once(news)
    assert (news.looks, connection.waits.asleep) == (3, 0)


def test_a_wait_in_vain_is_followed_by_many_asleep(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that is slower costs next to nothing."""
    monkeypatch.setattr(lent_connection, "AWAKE", 0.05)
    connection, lent = lent_by_one_of(1)
    in_vain: Any = News(ready_at=10**9)
    assert not lent.has_more_at_once(in_vain)
    asleep, looks = connection.waits.asleep, in_vain.looks
    assert asleep > 10
    for _ in range(asleep):
        assert not lent.has_more_at_once(in_vain)
    assert in_vain.looks == looks
    assert lent.has_more_at_once(News(ready_at=1))


def test_nobody_is_waited_for_awake_while_another_request_is_in_hand() -> None:
    """That one needs the processor."""
    _, lent = lent_by_one_of(2)
    news: Any = News(ready_at=1)
    assert not lent.has_more_at_once(news)
    assert news.looks == 0


def lent_by_one_of(in_hand: int) -> tuple[Any, LentConnection]:
    """Give a connection that a thread has, and so many requests in hand."""

    async def made() -> tuple[Any, LentConnection]:
        server = Server(WsgiAdapter(lambda environ, start_response: [], 1))
        connection = server.connect(server.plain_way)
        request = connection.plain_request(REQUEST)
        assert request is not None
        server.state.in_flight = in_hand
        lent = LentConnection(connection)
        lent.take(*request)
        return connection, lent

    return asyncio.run(made())
