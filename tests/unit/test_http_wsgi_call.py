"""A call of a WSGI app in a thread, without a client."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from typing import Any

from support.connections import Server

from runner.http.wsgi_adapter import WsgiAdapter

PATIENCE = 30.0


def test_an_app_that_outlives_the_loop_is_told_so() -> None:
    """What it gives cannot be passed on, and what it returned is closed all the same."""
    goes_on, closed = threading.Event(), threading.Event()

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        try:
            assert goes_on.wait(PATIENCE)
            start_response("200 OK", [])
            yield b"a piece"
        finally:
            closed.set()

    async def asked(descriptor: int) -> None:
        server = Server(WsgiAdapter(app, 1))
        connection = server.connect(server.plain_way)
        connection.descriptor = descriptor
        connection.data_received(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert connection.transport.is_paused

    ours, theirs = socket.socketpair()
    with ours, theirs:
        asyncio.run(asked(ours.fileno()))
        goes_on.set()
        assert closed.wait(PATIENCE)
