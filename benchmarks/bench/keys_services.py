"""Services of each way of serving that `keys.py` asks, and what it asks them for."""

from __future__ import annotations

import dataclasses

WEBSOCKET = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Case:
    """Be something that is asked for.

    Attributes:
        path: Of what.
        method: How.
        body: With what.
        fields: Further headers.
        is_open: It needs no key.
        status: Of its answer then.
    """

    path: str = "/"
    method: str = "GET"
    body: bytes = b""
    fields: tuple[str, ...] = ()
    is_open: bool = False
    status: int = 200

    def head(self, *more: str) -> bytes:
        """Write the head of a request behind which the connection ends."""
        ends = () if WEBSOCKET[0] in self.fields else ("Connection: close",)
        return self.plain(*ends, *more)

    def plain(self, *more: str) -> bytes:
        """Write that of one behind which it goes on."""
        length = (f"Content-Length: {len(self.body)}",) if self.body else ()
        lines = (
            f"{self.method} {self.path} HTTP/1.1",
            "Host: localhost",
            *self.fields,
            *length,
            *more,
        )
        return "\r\n".join([*lines, "", ""]).encode()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Kind:
    """Be a way of serving.

    Attributes:
        name: For people.
        cells: Of the notebook.
        right: What is asked with a right key.
        cases: What is asked without.
    """

    name: str
    cells: tuple[str, ...]
    right: Case
    cases: tuple[Case, ...]


JSON = ("Content-Type: application/json",)
HEALTH = (Case(path="/healthz", is_open=True), Case(path="/readyz", is_open=True))
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "PURGE")
CLOSED = (
    *(Case(method=method) for method in METHODS),
    *(Case(path=path) for path in ("/healthz/", "//healthz", "/HEALTHZ", "/%2e")),
    Case(path="/healthz", method="POST", body=b"{}", fields=JSON),
    Case(path="/metrics", method="POST", body=b"{}", fields=JSON),
    Case(path="/a/b?c=d"),
)
POST = Case(method="POST", body=b'{"x": 1.5}', fields=JSON)

_PREDICTION = """
class Model:
    def predict(self, rows):
        return [2 * row[0] for row in rows]
from runner import serve
serve(Model(), example={"x": 1.5})
"""
_ASGI = """
async def app(scope, receive, send):
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close"})
        return
    if scope["type"] != "http":
        raise RuntimeError
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"x"})
from runner import serve
serve(app)
"""
_WSGI = """
def app(environ, start_response):
    start_response("200 OK", [("Content-Length", "1")])
    return [b"x"]
from runner import serve
serve(app)
"""
_HANDLER = """
from http.server import BaseHTTPRequestHandler, HTTPServer
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "1")
        self.end_headers()
        self.wfile.write(b"x")
    do_POST = do_GET
HTTPServer(("", PORT), Handler).serve_forever()
"""
_CELLS = '# GET /\nprint("x")'
_SOCKET = """
import asyncio
async def talk(reader, writer):
    await reader.readuntil(b"\\r\\n\\r\\n")
    writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 1\\r\\n\\r\\nx")
    writer.close()
server = await asyncio.start_server(talk, port=PORT)
await server.serve_forever()
"""
_PROGRAM = """
import pathlib, subprocess, sys
pathlib.Path("other.py").write_text('''
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "1")
        self.end_headers()
        self.wfile.write(b"x")
http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Handler).serve_forever()
''')
subprocess.Popen([sys.executable, "other.py"]).wait()
"""
_OPENED = ("/metrics", "/", "/docs", "/openapi.json", "/static/page.js", "/ping", "/v2/health/live")
_PROTOCOLS = ("/v2", "/v2/models/model", "/version", "/static/none.js", "/docs/")

SERVICES = (
    Kind(
        name="a model",
        cells=(_PREDICTION,),
        right=POST,
        cases=(
            *(
                case
                for case in CLOSED
                if (case.method, case.path) not in {("GET", "/"), ("HEAD", "/")}
            ),
            *(POST,) * 10,  # the plain way
            *(Case(path=path, is_open=True) for path in _OPENED),
            *(Case(path=path) for path in _PROTOCOLS),
            Case(path="/invocations", method="POST", body=b'{"inputs": [[1]]}', fields=JSON),
            *HEALTH,
        ),
    ),
    Kind(
        name="an ASGI app",
        cells=(_ASGI,),
        right=Case(),
        cases=(*CLOSED, POST, *HEALTH, *(Case(fields=WEBSOCKET),) * 4),
    ),
    Kind(name="a WSGI app", cells=(_WSGI,), right=Case(), cases=(*CLOSED, *(POST,) * 4, *HEALTH)),
    Kind(name="a handler class", cells=(_HANDLER,), right=Case(), cases=(*CLOSED, POST, *HEALTH)),
    Kind(name="annotated cells", cells=(_CELLS,), right=Case(), cases=(*CLOSED, POST, *HEALTH)),
    Kind(name="its own sockets", cells=(_SOCKET,), right=Case(), cases=(*CLOSED, POST, *HEALTH)),
    Kind(name="a program", cells=(_PROGRAM,), right=Case(), cases=(*CLOSED, POST, *HEALTH)),
)
