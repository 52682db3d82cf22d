"""Measure notebooks of a WSGI app and of a handler class against the same code as scripts.

The WSGI app is measured against wsgiref, the handler class against wsgiref and ``http.server``.

One client asks in sequence, on one kept connection and on a new one for each request. wsgiref
keeps no connection by itself, so there it is given a request handler class that does; on new
connections it is as it comes. Both write their access logs: wsgiref to nowhere, the service to a
file. Rounds alternate, because the machine is noisy, and the ratio is of the medians. On a machine
that others use, too, the processor's time of the server for a request says more.

    python benchmarks/wsgi_against_wsgiref.py [--rounds 9] [--seconds 2]
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from leftovers import leave_nothing
from service import free_port, serving, until_answered

APP = """
import json
from wsgiref import simple_server

def app(environ, start_response):
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    if environ["PATH_INFO"] == "/stream":
        start_response("200 OK", [("Content-Type", "text/event-stream")])
        return (b"data: %d\\n\\n" % number for number in range(100))
    content = json.dumps({"val": 0, "pid": 0, "length": len(body)}).encode()
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(content)))]
    start_response("200 OK", headers)
    return [content]
"""
KEEPING = """
class Answer(simple_server.ServerHandler):
    http_version = "1.1"

class Handler(simple_server.WSGIRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each answer waits 40 ms

    def handle(self):
        self.close_connection = False
        while not self.close_connection:
            self.handle_one()

    def handle_one(self):
        self.raw_requestline = self.rfile.readline(65537)
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        answer = Answer(self.rfile, self.wfile, self.get_stderr(), self.get_environ())
        answer.request_handler = self
        answer.run(self.server.get_app())
"""
HANDLER_CLASS = """
import json
from http import server

class Handler(server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        content = json.dumps({"val": 0, "pid": 0, "length": len(body)}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_GET
"""
SERVE_CLASS = "server.HTTPServer(('127.0.0.1', {port}), Handler).serve_forever()"
SERVE = "simple_server.make_server('127.0.0.1', {port}, app{more}).serve_forever()"
GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60\r\n\r\n" + b"x" * 60
STREAM = b"GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n"

Ask = Callable[[int, bytes, float], float]  # a port, a request, seconds; requests per second


def main() -> None:
    """Alternate the rounds and print the ratios."""
    leave_nothing()
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--rounds", type=int, default=9)
    options.add_argument("--seconds", type=float, default=2)
    given = options.parse_args()
    print(f"{os.cpu_count()} cores, Python {sys.version.split()[0]}, {time.strftime('%Y-%m-%d')}")
    with (
        ours(APP, SERVE.format(port=1, more="")) as app,
        ours(HANDLER_CLASS, SERVE_CLASS.format(port=1)) as handler_class,
        script(APP, SERVE, more="") as plain,
        script(APP + KEEPING, SERVE, more=", handler_class=Handler") as keeping,
        script(HANDLER_CLASS, SERVE_CLASS) as http_server,
    ):
        on_app, on_class = {"runner": app}, {"http.server": http_server, "runner": handler_class}
        kept = {"wsgiref": keeping}
        new = {"wsgiref": plain}
        cases: dict[str, tuple[Ask, bytes, dict[str, Server]]] = {
            "GET, one kept connection": (on_one, GET, kept | on_app),
            "POST of 60 bytes, one kept connection": (on_one, POST, kept | on_app),
            "GET, new connections": (on_new, GET, new | on_app),
            "POST of 60 bytes, new connections": (on_new, POST, new | on_app),
            "100 events streamed, new connections": (on_new, STREAM, new | on_app),
            "handler class: GET, one kept connection": (on_one, GET, kept | on_class),
            "handler class: POST, one kept connection": (on_one, POST, kept | on_class),
            "handler class: GET, new connections": (on_new, GET, new | on_class),
            "handler class: POST, new connections": (on_new, POST, new | on_class),
        }
        for name, (ask, request, servers) in cases.items():
            print(f"{name:40}", compared(ask, request, servers, given), flush=True)


def compared(ask: Ask, request: bytes, servers: dict[str, Server], given: Any) -> str:
    """Alternate the rounds of one case, and tell what came of it."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in servers}
    for _ in range(given.rounds):
        for name, server in servers.items():
            before = server.used()
            rate = ask(server.port, request, given.seconds)
            # Rounds end with their seconds, so that is how many requests there were.
            found[name].append((rate, (server.used() - before) / rate / given.seconds))
    middle = {
        name: [statistics.median(column) for column in zip(*rounds, strict=True)]
        for name, rounds in found.items()
    }
    ours = middle["runner"][0]
    return "   ".join(
        f"{name} {rate:.0f} req/s, CPU {1e6 * used:.0f} us"
        + ("" if name == "runner" else f", ratio {ours / rate:.2f}")
        for name, (rate, used) in middle.items()
    )


@dataclasses.dataclass(frozen=True)
class Server:
    """Say where one listens, and which processes it has."""

    port: int
    processes: tuple[int, ...]

    def used(self) -> float:
        """Give the processor's time of all of them."""
        # The clock of another process. Source: clock_getcpuclockid(3) of glibc.
        return sum(time.clock_gettime(~process << 3 | 2) for process in self.processes)


@contextlib.contextmanager
def ours(*cells: str) -> Iterator[Server]:
    """Serve a notebook."""
    with serving("--no-standby", cells=cells) as service:
        yield Server(service.port, tuple(service.family()))


@contextlib.contextmanager
def script(*parts: str, more: str = "") -> Iterator[Server]:
    """Run the same as a script."""
    port = free_port()
    code = "\n".join([*parts[:-1], parts[-1].format(port=port, more=more)])
    # In a session of its own, as the service is: Linux shares processors out among sessions, and
    # who has one with the client need not wait for it.
    process = subprocess.Popen(
        [sys.executable, "-c", code], stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        until_answered(process, port)
        yield Server(port, (process.pid,))
    finally:
        process.kill()
        process.wait()


def on_one(port: int, request: bytes, seconds: float) -> float:
    """Give requests per second on one connection."""
    count, began = 0, time.perf_counter()
    with connected(port) as client:
        while time.perf_counter() < began + seconds:
            client.sendall(request)
            answer = client.recv(65536)
            while not answer.endswith(b"}"):
                answer += received(client)
            count += 1
    return count / (time.perf_counter() - began)


def on_new(port: int, request: bytes, seconds: float) -> float:
    """Give requests per second, each on a connection of its own."""
    count, began = 0, time.perf_counter()
    request = request.replace(b"Host", b"Connection: close\r\nHost", 1)
    while time.perf_counter() < began + seconds:
        with connected(port) as client:
            client.sendall(request)
            answer = b""
            while block := client.recv(65536):
                answer += block
        if b" 200 OK" not in answer[:16]:
            raise SystemExit(f"not answered: {answer!r:.200}")
        count += 1
    return count / (time.perf_counter() - began)


def connected(port: int) -> socket.socket:
    """Connect, without a delay for what is sent in pieces."""
    client = socket.create_connection(("127.0.0.1", port), timeout=20)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return client


def received(client: socket.socket) -> bytes:
    """Give the next bytes; an end is an error."""
    block = client.recv(65536)
    if not block:
        raise SystemExit("the connection was ended")
    return block


if __name__ == "__main__":
    main()
