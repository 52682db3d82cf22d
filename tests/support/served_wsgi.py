"""A WSGI app over real sockets, without a supervisor."""

from __future__ import annotations

import http.client
import socket
import threading
from typing import Any

from runner.config import Limits
from runner.http.server import AsgiServer
from runner.http.wsgi_adapter import WsgiAdapter

PATIENCE = 30.0


class Served:
    """A WSGI app, served in a thread.

    Attributes:
        thread: In which the server is run.
        adapter: Of the app.
        server: Of the adapter.
    """

    def __init__(
        self, app: Any, host: str = "127.0.0.1", most_threads: int | None = None, **limits: Any
    ) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.listener = socket.create_server((host, 0), family=family)
        self.address = self.listener.getsockname()[:2]
        bounds = Limits(**{"linger": 0.1, "drain_timeout": 1.0, **limits})
        self.adapter = WsgiAdapter(app, most_threads or bounds.max_concurrency)
        self.server = AsgiServer(self.adapter, bounds)
        ready = threading.Event()
        self.thread = threading.Thread(target=self.server.run, args=(ready.set,), daemon=True)
        self.thread.start()
        assert ready.wait(PATIENCE)
        self.server.accept(self.listener)

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(*self.address, timeout=PATIENCE)

    def ask(self, method: str = "GET", path: str = "/", body: Any = None, **headers: str) -> Any:
        connection = self.connect()
        try:
            fields = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, fields)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def raw(self, data: bytes) -> bytes:
        """Send bytes; give all that comes until the server closes."""
        with socket.create_connection(self.address, timeout=PATIENCE) as client:
            client.sendall(data)
            return b"".join(iter(lambda: client.recv(65536), b""))
