"""Send requests and read no more of the answers than is needed; ask as another client does."""

from __future__ import annotations

import contextlib
import dataclasses
import socket
import time
from collections.abc import Iterator
from typing import BinaryIO

from wire_seeds import CUT

HUNG = -1
"""Stands for an answer that did not come in time."""
RESET = -2
"""Stands for a connection that was reset instead of being closed."""
_PATIENCE = 20.0
_BODILESS = (204, 304)


class Client:
    """Keep a connection as long as it may be kept.

    Args:
        port: Where the service is.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket: socket.socket | None = None
        self._file: BinaryIO | None = None

    def ask(self, request: bytes, *, is_whole: bool) -> int:
        """Send a request, and give the status of its answer.

        Args:
            request: Head and body.
            is_whole: Its end is where its head says. Else it has a connection of its own, and
                nothing follows it.
        """
        if not is_whole:
            self.close()
        is_new = self._socket is None
        status = self._ask(request, is_whole=is_whole)
        if status in (CUT, RESET) and not is_new:  # it may have been too late for a kept one
            return self._ask(request, is_whole=is_whole)
        return status

    def _ask(self, request: bytes, *, is_whole: bool) -> int:
        try:
            if self._socket is None or self._file is None:
                self._socket = socket.create_connection(("127.0.0.1", self._port), _PATIENCE)
                self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._file = self._socket.makefile("rb")
            with contextlib.suppress(ConnectionError):  # refused before it was sent whole
                self._socket.sendall(request)
                if not is_whole:
                    self._socket.shutdown(socket.SHUT_WR)
            status, is_kept = _read_answer(self._file)
        except TimeoutError:
            status, is_kept = HUNG, False
        except ConnectionError:
            status, is_kept = RESET, False
        except (OSError, ValueError, IndexError):
            status, is_kept = CUT, False
        if not (is_kept and is_whole):
            self.close()
        return status

    def close(self) -> None:
        """Close it."""
        if self._file is not None and self._socket is not None:
            with contextlib.suppress(OSError):
                self._file.close()
                self._socket.close()
        self._file = self._socket = None


def _read_answer(file: BinaryIO) -> tuple[int, bool]:
    """Read an answer to its end; give its status, and whether another may follow."""
    words = file.readline(65_537).split()
    if len(words) < 2:
        return CUT, False
    status, length, is_chunked, is_kept = int(words[1]), 0, False, words[0] == b"HTTP/1.1"
    while line := file.readline(65_537).strip().lower():
        name, _, value = line.partition(b":")
        if name == b"content-length":
            length = int(value)
        elif name == b"transfer-encoding":
            is_chunked = True
        elif name == b"connection":
            is_kept = is_kept and value.strip() != b"close"
    if status < 200:
        return (status, False) if status == 101 else _read_answer(file)
    if status in _BODILESS:
        return status, is_kept
    while is_chunked and (length := int(file.readline(1_024), 16)):
        file.read(length + 2)
    if is_chunked:
        file.readline()
    elif length:
        file.read(length)
    return status, is_kept


@dataclasses.dataclass(frozen=True, kw_only=True)
class Waits:
    """Hold how long another client waited at most, in seconds, and at a service that is idle."""

    attacked: float
    idle: float


def requests_of_another(path: str, body: bytes) -> list[bytes]:
    """Give what another client asks, in turn."""
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    asked = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
    return [b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", asked]


def slowest(port: int, idle_port: int, requests: list[bytes], is_over: object) -> Waits:
    """Ask in turn, on new connections, until that is over.

    Args:
        port: Of the service that is attacked.
        idle_port: Of one that is not: how busy the machine is shows there.
        requests: What is asked of the one that is attacked.
        is_over: An event of `multiprocessing`.
    """
    attacked = idle = 0.0
    number = 0
    while not is_over.wait(0.005):  # type: ignore[attr-defined] # its class is private
        attacked = max(attacked, _seconds(port, requests[number % len(requests)]))
        idle = max(idle, _seconds(idle_port, requests[0]))
        number += 1
    return Waits(attacked=attacked, idle=idle)


def _seconds(port: int, request: bytes) -> float:
    client, began = Client(port), time.perf_counter()
    status = client.ask(request, is_whole=True)
    took = time.perf_counter() - began
    client.close()
    return took if status in (200, 503) else float("inf")


@contextlib.contextmanager
def client_of(port: int) -> Iterator[Client]:
    """Have a client for a while."""
    client = Client(port)
    try:
        yield client
    finally:
        client.close()
