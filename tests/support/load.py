"""Clients of a service: one request, or requests without a pause."""

from __future__ import annotations

import concurrent.futures
import http.client
import threading


def answer(port: int, timeout: float = 20) -> str:
    """One request on a connection of its own; empty when nobody answered."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request("GET", "/")
        return connection.getresponse().read().decode()
    except (OSError, http.client.HTTPException):
        return ""
    finally:
        connection.close()


_PAUSE = 0.005


class Load:
    """Clients that ask all the time, a connection for each request.

    They pause for a moment: what they load is the service, not the machine.
    """

    def __init__(self, port: int, clients: int = 4) -> None:
        self.answers: list[str] = []
        self._over = threading.Event()
        self._pool = concurrent.futures.ThreadPoolExecutor(clients)
        self._clients = [self._pool.submit(self._ask, port) for _ in range(clients)]

    def __enter__(self) -> Load:
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._pool.shutdown()

    def _ask(self, port: int) -> None:
        while not self._over.wait(_PAUSE):
            self.answers.append(answer(port))
