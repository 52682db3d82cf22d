"""Look at a TCP address from outside: is it free, does something listen there yet."""

from __future__ import annotations

import contextlib
import errno
import socket
import time

from runner.errors import ConfigurationError

_WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - compared only


def check_free(host: str, port: int) -> None:
    """Make sure that a server can bind here.

    Raises:
        ConfigurationError: It cannot: in use, not allowed, or not an address of this machine.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        hint = "--port chooses another" if error.errno == errno.EADDRINUSE else ""
        raise ConfigurationError(f"{host}:{port}: {error.strerror}", hint) from error


def is_listening(host: str, port: int, timeout: float = 1.0) -> bool:
    """Tell whether a connection to the address is accepted within ``timeout`` seconds."""
    try:
        socket.create_connection((reachable(host), port), timeout=timeout).close()
    except OSError:
        return False
    return True


def wait_until_listening(host: str, port: int, deadline: float) -> bool:
    """Wait for a listener until the monotonic clock reaches ``deadline``."""
    while not is_listening(host, port):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def http_status(host: str, port: int, timeout: float, path: str = "/") -> int | None:
    """Ask by GET and give the answer's status; None if none came within ``timeout`` seconds."""
    import http.client

    connection = http.client.HTTPConnection(reachable(host), port, timeout=timeout)
    with contextlib.closing(connection):
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return None


def reachable(host: str) -> str:
    """Give the address to reach a server at that binds ``host``, which may be all addresses."""
    return _WILDCARDS.get(host, host)
