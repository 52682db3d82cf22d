"""Open the listening sockets, one for each worker slot, and look at an address from outside."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import time
from collections.abc import MutableMapping

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


_FIRST_FD = 3  # SD_LISTEN_FDS_START of sd_listen_fds(3)
_BACKLOG = 2048


def listeners(
    host: str, port: int, slots: int, environ: MutableMapping[str, str] = os.environ
) -> list[socket.socket]:
    """Give a listening socket for each slot: from systemd, if it passed any, else new ones.

    The kernel of the system spreads new connections over them evenly (SO_REUSEPORT).

    Raises:
        ConfigurationError: The address cannot be bound.
    """
    return _inherited(slots, environ) or _opened(host, port, slots)


def give_up(listeners: list[socket.socket]) -> None:
    """Let nobody new in, and close our copies: who waits in the queue is still answered."""
    for listener in listeners:
        if listener.fileno() >= 0:
            listener.listen(0)
            listener.close()


def describe(listener: socket.socket) -> str:
    """Give the address that a listener is bound to, as ``host:port`` or a path."""
    address = listener.getsockname()
    if not isinstance(address, tuple):
        return str(address)
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def port_of(listener: socket.socket) -> int:
    """Give the TCP port that a listener is bound to; 0 if it is bound to a path."""
    address = listener.getsockname()
    return int(address[1]) if isinstance(address, tuple) else 0


def _opened(host: str, port: int, slots: int) -> list[socket.socket]:
    check_free(host, port)  # another's SO_REUSEPORT would let us share its connections
    opened: list[socket.socket] = []
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        for _ in range(slots):
            listener = socket.socket(family, kind, protocol)
            opened.append(listener)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            listener.bind(address)
            address = listener.getsockname()  # with port 0, the further ones share the first's
        # Only now: a connection is spread over those that listen when it comes.
        for listener in opened:
            listener.listen(_BACKLOG)
            listener.setblocking(False)
    except OSError as error:
        for listener in opened:
            listener.close()
        raise ConfigurationError(f"{host}:{port}: {error.strerror}") from error
    return opened


def _inherited(slots: int, environ: MutableMapping[str, str]) -> list[socket.socket]:
    """Take over what sd_listen_fds(3) describes; the variables are meant for nobody else."""
    pid, count = environ.pop("LISTEN_PID", ""), environ.pop("LISTEN_FDS", "")
    environ.pop("LISTEN_FDNAMES", None)
    if pid != str(os.getpid()) or not count.isdecimal():
        return []
    given = []
    for fd in range(_FIRST_FD, _FIRST_FD + int(count)):
        os.set_inheritable(fd, False)
        given.append(socket.socket(fileno=fd))
        given[-1].setblocking(False)
    # Fewer than slots: some workers take turns at one queue, which spreads the load less evenly.
    return [given[slot % len(given)] for slot in range(slots)] if given else []
