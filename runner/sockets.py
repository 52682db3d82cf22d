"""Open the listening sockets: one per worker slot, all on one address."""

from __future__ import annotations

import os
import socket
from collections.abc import MutableMapping

from runner.errors import ConfigurationError
from runner.net import check_free

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
