"""Whoever is not let in comes no further than a worker's connection, whatever serves."""

from __future__ import annotations

import asyncio
import json
import logging
import types
from collections.abc import Callable
from typing import Any

import pytest
from support.connections import Server

from runner.access.gate import USUAL_PATHS, Gate
from runner.access.key_file import hash_of, key_of
from runner.access.keys import Keys
from runner.access.settings import Opened
from runner.http import server
from runner.http.wsgi_adapter import WsgiAdapter

KEY = "the-right-key"
GATE = Gate(Keys([key_of("alice", hash_of(KEY))]), USUAL_PATHS)
WEBSOCKET = (
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
)


def request(*fields: str, method: str = "GET", target: str = "/") -> bytes:
    lines = [f"{method} {target} HTTP/1.1", "Host: a", *fields, "", ""]
    return "\r\n".join(lines).encode()


class Asgi:
    """Note what an ASGI app sees."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.seen.append(scope)
        if scope["type"] == "websocket":
            await send({"type": "websocket.close"})
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"answer"})


class Log:
    """Note whose requests were answered."""

    def __init__(self) -> None:
        self.lines: list[tuple[int, str]] = []

    def add(self, *, status: int, key_name: str, **_: Any) -> None:
        self.lines.append((status, key_name))


def asgi_server() -> tuple[Server, list[Any]]:
    app = Asgi()
    return Server(app, GATE), app.seen


def wsgi_server() -> tuple[Server, list[Any]]:
    seen: list[Any] = []

    def app(environ: Any, start_response: Any) -> list[bytes]:
        seen.append(environ)
        start_response("200 OK", [("Content-Length", "6")])
        return [b"answer"]

    return Server(WsgiAdapter(app, 2), GATE), seen


def said_by(server: Server, *pieces: bytes) -> tuple[bytes, str]:
    log: Any = Log()
    server.access_log = log
    answer, _ = asyncio.run(server.said(server.general_way, *pieces))
    (line,) = log.lines
    return answer, line


@pytest.mark.parametrize("make", [asgi_server, wsgi_server])
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS", "HEAD", "PURGE"])
def test_an_app_hears_of_nobody_who_is_not_let_in(
    make: Callable[[], tuple[Server, list[Any]]], method: str
) -> None:
    """The answer is problem details, which HEAD has no body of; the connection ends."""
    server, seen = make()
    answer, line = said_by(server, request("x-api-key: wrong", method=method))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 401 Unauthorized\r\n")
    assert b'www-authenticate: Bearer realm="runner", error="invalid_token"' in head
    assert b"content-type: application/problem+json" in head
    assert (json.loads(body)["status"] if body else 401) == 401
    assert bool(body) == (method != "HEAD")
    assert seen == []
    assert line == (401, "")


@pytest.mark.parametrize("make", [asgi_server, wsgi_server])
@pytest.mark.parametrize("field", [f"Authorization: Bearer {KEY}", f"X-API-Key: {KEY}"])
def test_who_is_let_in_is_known_by_name_and_the_app_sees_no_key(
    make: Callable[[], tuple[Server, list[Any]]], field: str
) -> None:
    """The name is in the access log."""
    server, seen = make()
    answer, line = said_by(server, request(field))
    assert answer.startswith(b"HTTP/1.1 200")
    assert KEY not in repr(seen)
    assert line == (200, "alice")


@pytest.mark.parametrize("field", ["", f"x-api-key: {KEY}\r\n"])
def test_a_websocket_needs_a_key_as_well(field: str, caplog: pytest.LogCaptureFixture) -> None:
    """Its handshake is a request like others; no log has the key, however much a notebook logs."""
    caplog.set_level(logging.DEBUG)
    server, seen = asgi_server()
    handshake = request().removesuffix(b"\r\n") + f"{WEBSOCKET}{field}\r\n".encode()
    answer, line = said_by(server, handshake)
    assert [each["type"] for each in seen] == (["websocket"] if field else [])
    assert KEY not in repr(seen) + caplog.text
    assert line == ((403, "alice") if field else (401, ""))
    assert answer.startswith(b"HTTP/1.1 403" if field else b"HTTP/1.1 401")


def test_health_is_told_to_everybody() -> None:
    """Whoever watches a service has no key."""
    server, seen = asgi_server()
    server.gate = Gate(GATE.keys, {"/healthz": Opened.HEALTH})
    answer, line = said_by(server, request(target="/healthz"))
    assert answer.startswith(b"HTTP/1.1 200")
    assert (seen, line) == ([], (200, ""))


def test_other_workers_are_shown_who_is_refused_without_keys(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """For a host or a site, of which the metrics of any worker tell."""
    monkeypatch.setattr(server, "_SHOW_EVERY", 0.0)
    gate = Gate(slots=2)
    worker: Any = types.SimpleNamespace(gate=gate)

    async def work() -> None:
        showing = asyncio.ensure_future(server.AsgiServer._show_counts(worker))
        gate.counts.refuse(421)
        while not gate.counts._read(0).refused:  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0)
        showing.cancel()

    asyncio.run(asyncio.wait_for(work(), 20))
    assert gate.counts._read(0).refused == {"421": 1}
