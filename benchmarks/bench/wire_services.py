"""Services of each kind that `wire_cases.py` attacks, and what another client asks of them."""

from __future__ import annotations

import dataclasses

_PREDICTIONS = """
import dataclasses, datetime
from collections.abc import Iterator
from typing import Annotated, Any, Literal
import msgspec, numpy as np
from runner import UploadFile, serve
from runner.predict.targets import endpoint

class Flower:
    def predict(self, rows):
        return np.asarray(rows).argmax(axis=1)

def echo(a: str) -> str:
    return a

@dataclasses.dataclass
class Line:
    article: Literal["tea", "milk"]
    count: Annotated[int, msgspec.Meta(ge=1, le=9)] = 1
    tags: list[str] = dataclasses.field(default_factory=list)

@dataclasses.dataclass
class Order:
    lines: list[Line]
    day: datetime.date
    notes: dict[str, float | str | None] = dataclasses.field(default_factory=dict)
    parent: "Order | None" = None

def order(given: Order) -> Order:
    return given

def store(file: UploadFile, title: str = "") -> int:
    return len(file.data) + len(title)

def words(text: str, count: int = 3) -> Iterator[str]:
    for _ in range(min(count, 100)):
        yield text[:100]

def whatever(value: Any, /) -> Any:
    return value

serve({
    "flower": endpoint(Flower(), example={"length": 1.0, "width": 2.0}),
    "echo": echo,
    "order": endpoint(order, example={"lines": [], "day": "2026-01-01"}),
    "store": store,
    "words": words,
    "whatever": endpoint(whatever, example=1),
})
"""
_ASGI = """
async def app(scope, receive, send):
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            given = {key: message.get(key) for key in ("text", "bytes")}
            await send({"type": "websocket.send", **given})
        return
    if scope["type"] == "lifespan":
        while True:
            kind = (await receive())["type"]
            await send({"type": kind + ".complete"})
            if kind == "lifespan.shutdown":
                return
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size, more = size + len(message.get("body", b"")), message.get("more_body", False)
    headers = [(b"content-type", b"text/plain")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"%d" % size})
"""
_WSGI = """
def app(environ, start_response):
    size = 0
    while piece := environ["wsgi.input"].read(65536):
        size += len(piece)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"%d" % size]
"""
_HANDLER = """
from http.server import BaseHTTPRequestHandler, HTTPServer

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        length = self.headers.get("Content-Length", "0")
        body = self.rfile.read(int(length)) if length.isdigit() else b""
        answer = b"%d" % len(body)
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_POST = do_GET

    def log_message(self, *args):
        pass

HTTPServer(("127.0.0.1", 0), Handler).serve_forever()
"""
_CELLS = (
    "import json",
    '# GET /hello/:name\nprint(json.loads(REQUEST)["path"]["name"][:100])',
    '# POST /echo\nprint(len(json.dumps(json.loads(REQUEST)["body"])))',
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Kind:
    """Describe one kind of service.

    Attributes:
        cells: Of its notebook.
        path: Where another client posts.
        body: What it posts there.
    """

    cells: tuple[str, ...]
    path: str = "/echo"
    body: bytes = b'{"a": "b"}'


KINDS = {
    "predictions": Kind(cells=(_PREDICTIONS,), path="/flower", body=b'{"length": 1, "width": 2}'),
    "asgi": Kind(cells=(_ASGI,)),
    "wsgi": Kind(cells=(_WSGI,)),
    "handler": Kind(cells=(_HANDLER,)),
    "cells": Kind(cells=_CELLS),
}
