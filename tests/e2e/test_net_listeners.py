"""Listening sockets: one per slot, from us or from systemd."""

from __future__ import annotations

import errno
import os
import select
import socket

import pytest

from runner import net
from runner.errors import ConfigurationError


def close(*listeners: socket.socket) -> None:
    for listener in listeners:
        listener.close()


def test_each_slot_has_a_socket_of_its_own_on_one_port() -> None:
    """The system spreads connections over them."""
    opened = net.listeners("127.0.0.1", 0, 3, {})
    port = net.port_of(opened[0])
    assert port > 0  # chosen by the system, once for all of them
    assert {listener.getsockname() for listener in opened} == {("127.0.0.1", port)}
    assert len({listener.fileno() for listener in opened}) == 3
    assert net.describe(opened[0]) == f"127.0.0.1:{port}"
    close(*opened)


def test_ipv6_is_bound_and_written_in_brackets() -> None:
    """As URLs want it."""
    (opened,) = net.listeners("::1", 0, 1, {})
    assert net.describe(opened) == f"[::1]:{net.port_of(opened)}"
    close(opened)


def test_a_port_in_use_is_refused_even_if_it_could_be_shared() -> None:
    """SO_REUSEPORT would let two services steal each other's connections."""
    first = net.listeners("127.0.0.1", 0, 1, {})
    with pytest.raises(ConfigurationError, match="in use"):
        net.listeners("127.0.0.1", net.port_of(first[0]), 1, {})
    close(*first)


def test_who_is_connected_when_listeners_are_given_up_can_be_accepted() -> None:
    """Whoever comes later is not told so, and is refused once the last copy is closed."""
    (opened,) = net.listeners("127.0.0.1", 0, 1, {})
    address, workers_copy = opened.getsockname(), opened.dup()
    with socket.create_connection(address) as waiting, socket.socket() as late:
        waiting.sendall(b"request")
        net.give_up([opened])
        with workers_copy.accept()[0] as accepted:
            assert accepted.recv(7) == b"request"
        late.setblocking(False)
        late.connect_ex(address)
        with pytest.raises(BlockingIOError):
            workers_copy.accept()
        workers_copy.close()
        assert select.select([], [late], [], 30)[1]
        assert late.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNREFUSED


def test_a_socket_of_systemds_goes_on_listening(monkeypatch: pytest.MonkeyPatch) -> None:
    """It starts the service anew when the next client comes."""
    given = socket.create_server(("127.0.0.1", 0))
    monkeypatch.setattr(net, "_FIRST_FD", os.dup(given.fileno()))
    net.give_up(net.listeners("", 0, 1, {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1"}))
    with socket.create_connection(given.getsockname(), timeout=30):
        given.accept()[0].close()
    given.close()


def test_sockets_of_another_process_are_not_taken() -> None:
    """LISTEN_PID says whom they are for; the variables go no further."""
    environ = {"LISTEN_PID": str(os.getpid() + 1), "LISTEN_FDS": "1"}
    opened = net.listeners("127.0.0.1", 0, 1, environ)
    assert environ == {}
    close(*opened)


def test_systemds_sockets_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slots beyond their number take turns."""
    given = socket.create_server(("127.0.0.1", 0))
    fd = os.dup(given.fileno())
    monkeypatch.setattr(net, "_FIRST_FD", fd)
    environ = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1"}
    taken = net.listeners("127.0.0.1", 1, 2, environ)
    assert [listener.getsockname() for listener in taken] == [given.getsockname()] * 2
    assert not os.get_inheritable(fd)
    close(given, taken[0])
