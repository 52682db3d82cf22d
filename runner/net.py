"""Open the listening sockets, one for each worker slot, and look at an address from outside."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import ipaddress
import itertools
import os
import socket
import struct
from collections.abc import Iterator, MutableMapping, Sequence
from pathlib import Path

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
        raise _refused(host, port, error) from error


def _refused(host: str, port: int, error: OSError) -> ConfigurationError:
    """Say why an address cannot be bound, and what to do."""
    hint = "--host names an address of this machine; 0.0.0.0 is all of them"
    if error.errno == errno.EADDRINUSE:
        hint = "--port chooses another"
    elif error.errno == errno.EACCES:
        hint = "only root may bind ports below 1024: --port chooses another"
    return ConfigurationError(f"{host}:{port}: {error.strerror}{held_by(port, error)}", hint)


def held_by(port: int, error: OSError) -> str:
    """Name the processes that listen on a port that is in use, as far as we may see them.

    Returns:
        Such as ``, by process 4711 (python app.py)``; empty if none is seen.
    """
    if error.errno != errno.EADDRINUSE or not port:
        return ""
    sockets = {number for number, (_, each) in listening_sockets() if each == port}
    processes = Path("/proc").glob("[0-9]*")
    holders = [each for each in processes if not sockets.isdisjoint(sockets_of(int(each.name)))]
    said = ", ".join(f"process {each.name} ({_command_of(each)})" for each in holders)
    return f", by {said}" if said else ""


def _command_of(process: Path) -> str:
    """Give its program and arguments up to the first option, whose value may be a secret."""
    with contextlib.suppress(OSError):
        words = (process / "cmdline").read_text(errors="replace").rstrip("\0").split("\0")
        kept = itertools.takewhile(lambda word: not word.startswith("--"), words)
        return " ".join(kept)[:100]
    return "?"


def sockets_of(pid: int) -> Iterator[str]:
    """Give the numbers of the sockets that a process has open, as far as we may see them."""
    folder = Path("/proc", str(pid), "fd")
    try:
        names = os.listdir(folder)  # noqa: PTH208 - many, and no paths are needed
    except OSError:
        return
    for name in names:
        try:
            target = os.readlink(folder / name)  # noqa: PTH115 - no path, but `socket:[…]`
        except OSError:
            continue
        if target.startswith("socket:["):
            yield target[8:-1]


def listening_sockets() -> Iterator[tuple[str, tuple[str, int]]]:
    """Give the number and the address of each TCP socket that listens."""
    for state, number, address in _tcp_sockets():
        if state == "0A":
            yield number, address


def sockets_at(host: str, port: int) -> set[str]:
    """Give the numbers of the TCP sockets whose own address is this one."""
    hosts = {host, f"::ffff:{host}"}
    return {number for _, number, at in _tcp_sockets() if at[1] == port and at[0] in hosts}


def _tcp_sockets() -> Iterator[tuple[str, str, tuple[str, int]]]:
    """Give the state, the number and the own address of each TCP socket.

    Source: proc_pid_net(5). Elsewhere than on Linux there are none.
    """
    for family_, name in ((socket.AF_INET, "tcp"), (socket.AF_INET6, "tcp6")):
        try:
            lines = Path("/proc/self/net", name).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            yield fields[3], fields[9], _address(family_, fields[1])


def _address(family_: socket.AddressFamily, text: str) -> tuple[str, int]:
    """Read an address as /proc/net/tcp has it: words of 32 bits in the machine's order."""
    packed, port = text.split(":")
    words = bytes.fromhex(packed)
    raw = b"".join(words[i : i + 4][::-1] for i in range(0, len(words), 4))
    return socket.inet_ntop(family_, raw), int(port, 16)


def is_listening(host: str, port: int, timeout: float = 1.0) -> bool:
    """Tell whether a connection to the address is accepted within ``timeout`` seconds."""
    try:
        socket.create_connection((reachable(host), port), timeout=timeout).close()
    except OSError:
        return False
    return True


_WANTS_A_CERTIFICATE = 496  # as nginx has it, for it is none of HTTP's


def http_status(
    host: str, port: int, timeout: float, path: str = "/", *, is_tls: bool = False
) -> int | None:
    """Ask by GET and give the answer's status; None if none came within ``timeout`` seconds.

    By TLS no certificate is verified: whoever asks is on the same machine, and asks nothing secret.
    Who wants one of the client has answered as well.
    """
    import http.client
    import ssl

    at = reachable(host)
    connection = http.client.HTTPConnection(at, port, timeout=timeout)
    if is_tls:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection = http.client.HTTPSConnection(at, port, timeout=timeout, context=context)
    with contextlib.closing(connection):
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        except ssl.SSLError as error:
            return _WANTS_A_CERTIFICATE if "CERTIFICATE_REQUIRED" in str(error.reason) else None
        except (OSError, http.client.HTTPException):
            return None


def reachable(host: str) -> str:
    """Give the address to reach a server at that binds ``host``, which may be all addresses."""
    return _WILDCARDS.get(host, host)


_FIRST_FD = 3  # SD_LISTEN_FDS_START of sd_listen_fds(3)
_BACKLOG = 2048


class _SystemdSocket(socket.socket):
    """Be a listener that systemd shares, and starts a service anew by when a client comes."""


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
            if not isinstance(listener, _SystemdSocket):
                admit_nobody(listener)
            with contextlib.suppress(OSError):  # a stop is never held up
                listener.close()


# A classic BPF program for a TCP segment: drop it if its SYN flag is set, else let it pass.
_DROP_SYN = struct.pack(
    "HBBI" * 5,
    *(0x30, 0, 0, 13),  # load the byte of the flags
    *(0x54, 0, 0, 0x02),  # and SYN
    *(0x15, 0, 1, 0),  # skip one line unless it is 0
    *(0x06, 0, 0, 0xFFFFFFFF),  # let all of it pass
    *(0x06, 0, 0, 0),  # let nothing pass
)
_SO_ATTACH_FILTER = 26  # socket(7); the module socket lacks it


def admit_nobody(listener: socket.socket) -> None:
    """Let no further connection begin, for all who share the listener.

    To close a listener resets who is in its queue, or about to be. Who comes now is not heard
    instead: the client's system asks again a second later, and finds the port closed. A queue of
    length 0 would not do: a client is told that it is connected before there is room for it.
    """
    program = ctypes.create_string_buffer(_DROP_SYN, len(_DROP_SYN))
    described = struct.pack("HP", len(_DROP_SYN) // 8, ctypes.addressof(program))
    with contextlib.suppress(OSError):  # the system has no filters
        listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, described)


def describe(listener: socket.socket) -> str:
    """Give the address that a listener is bound to, as ``host:port`` or a path."""
    address = listener.getsockname()
    if not isinstance(address, tuple):
        return str(address)
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def is_for_others(host: str) -> bool:
    """Tell whether other machines may reach what binds ``host``; empty is all addresses."""
    try:
        found = socket.getaddrinfo(
            host or None, 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except OSError:
        return True
    return not all(ipaddress.ip_address(each[4][0]).is_loopback for each in found)


def is_local(listeners: Sequence[socket.socket]) -> bool:
    """Tell whether only this machine reaches what is bound, by TCP."""
    names = [listener.getsockname() for listener in listeners]
    return bool(names) and not any(
        not isinstance(name, tuple) or is_for_others(str(name[0])) for name in names
    )


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
        raise _refused(host, port, error) from error
    return opened


def _inherited(slots: int, environ: MutableMapping[str, str]) -> list[socket.socket]:
    """Take over what sd_listen_fds(3) describes; the variables are meant for nobody else."""
    pid, count = environ.pop("LISTEN_PID", ""), environ.pop("LISTEN_FDS", "")
    environ.pop("LISTEN_FDNAMES", None)
    if pid != str(os.getpid()) or not count.isdecimal():
        return []
    given: list[socket.socket] = []
    for fd in range(_FIRST_FD, _FIRST_FD + int(count)):
        os.set_inheritable(fd, False)
        given.append(_SystemdSocket(fileno=fd))
        given[-1].setblocking(False)
    # Fewer than slots: some workers take turns at one queue, which spreads the load less evenly.
    return [given[slot % len(given)] for slot in range(slots)] if given else []
