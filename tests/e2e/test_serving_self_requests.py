"""What cells ask the server that they have started, at the port of its own call."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import weakref
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from support import reserved_port

from runner.serving.self_requests import OwnClients, SelfRequests


class Pool:
    """Answer each connection by the app's name."""

    def __init__(self, app: str, listener: socket.socket, clients: OwnClients) -> None:
        self.app, self.listener, self._clients = app, listener, clients
        self.loops: list[asyncio.AbstractEventLoop] = []

    def run(self) -> None:
        with contextlib.suppress(OSError):  # it was stopped
            while True:
                client, address = self.listener.accept()
                with client:
                    client.sendall(self.app.encode() if address in self._clients else b"stranger")

    async def run_on_loop(self) -> None:
        self.loops.append(asyncio.get_running_loop())
        await asyncio.to_thread(self.run)

    def stop(self) -> None:
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


Leave = Callable[..., Any]


@pytest.fixture
def pools() -> list[Pool]:
    return []


@pytest.fixture
def leave(pools: list[Pool]) -> Iterator[Leave]:
    """Leave an app that wanted to listen at an address."""
    left: list[Any] = []

    def make_pool(left_app: Any, listener: socket.socket, clients: OwnClients) -> Pool:
        pools.append(Pool(left_app.app, listener, clients))
        return pools[-1]

    requests = SelfRequests(left, make_pool)
    requests.patch()
    yield lambda app, requested, loop=None: (
        left.append(SimpleNamespace(app=app, requested=requested, loop=loop)),
        requests,
    )[1]
    requests.end()


def asked(host: str, port: int) -> str:
    with socket.create_connection((host, port), timeout=10) as client:
        return client.recv(100).decode()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1.2.3", "0.0.0.0", "::1"])
def test_whoever_asks_for_the_port_gets_the_app_that_is_left(
    leave: Leave, pools: list[Pool], host: str
) -> None:
    """By any name of this machine, and again; it is begun by the first."""
    port = reserved_port()
    leave("mine", f"127.0.0.1:{port}")
    assert pools == []
    assert [asked(host, port) for _ in range(2)] == ["mine", "mine"]
    assert len(pools) == 1


def test_also_where_another_listens(leave: Leave) -> None:
    """Such as the version that serves until now."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        leave("mine", f"0.0.0.0:{port}")
        assert asked("127.0.0.1", port) == "mine"
        with socket.socket() as client:
            assert client.connect_ex(("127.0.0.1", port)) == 0
            assert client.recv(10) == b"mine"


def test_other_connections_go_where_they_went(leave: Leave) -> None:
    """To another port, and all once the app serves."""
    taken, port = reserved_port(), reserved_port()
    requests = leave("mine", f"127.0.0.1:{taken}, [::]:{taken}")
    with pytest.raises(ConnectionRefusedError):
        asked("127.0.0.1", port)
    assert asked("127.0.0.1", taken) == "mine"
    requests.end()
    assert "connect" not in vars(socket.socket)
    with pytest.raises(ConnectionRefusedError):
        asked("127.0.0.1", taken)


def test_the_app_of_a_task_is_asked_on_its_loop(leave: Leave, pools: list[Pool]) -> None:
    """There is what it awaits."""
    port = reserved_port()

    async def cell() -> str:
        loop = asyncio.get_running_loop()
        requests = leave("mine", f"127.0.0.1:{port}", loop)
        found = await asyncio.to_thread(asked, "127.0.0.1", port)
        assert pools[0].loops == [loop]
        await asyncio.to_thread(requests.end)
        return found

    assert asyncio.run(cell()) == "mine"


def test_a_forked_child_connects_as_ever(leave: Leave, monkeypatch: pytest.MonkeyPatch) -> None:
    """It must begin nothing."""
    port = reserved_port()
    leave("mine", f"127.0.0.1:{port}")
    monkeypatch.setattr("os.getpid", lambda: threading.get_native_id() + 1)
    with pytest.raises(ConnectionRefusedError):
        asked("127.0.0.1", port)


def test_nobody_else_is_taken_for_the_notebook(leave: Leave, pools: list[Pool]) -> None:
    """Who finds the port where this process asks itself is a stranger there."""
    port = reserved_port()
    leave("mine", f"127.0.0.1:{port}")
    assert asked("127.0.0.1", port) == "mine"
    found = pools[0].listener.getsockname()[1]
    assert asked("127.0.0.1", found) == "stranger"
    with socket.socket() as client:
        client.bind(("127.0.0.1", 0))  # a port of its own choice
        client.connect(("127.0.0.1", port))
        assert client.recv(10) == b"mine"


def test_one_that_speaks_tls_is_known_though_it_became_another_object(leave: Leave) -> None:
    """`wrap_socket` takes the file away from the socket that was connected."""
    port = reserved_port()
    leave("mine", f"https://127.0.0.1:{port}")
    plain = socket.create_connection(("127.0.0.1", port), timeout=10)
    with socket.socket(fileno=plain.detach()) as other:
        other.settimeout(10)
        assert other.recv(100) == b"mine"


class _Interrupted(weakref.WeakSet[socket.socket]):
    """Let a thread have a turn in the midst of it."""

    def __init__(self, turn: threading.Thread) -> None:
        super().__init__()
        self._turn = turn

    def __iter__(self) -> Iterator[socket.socket]:
        for each in super().__iter__():
            self._turn.start()
            self._turn.join(timeout=0.1)
            yield each


def test_who_asks_is_known_while_another_thread_begins_to_ask() -> None:
    """Cells ask in threads, and what answers looks in another."""
    clients = OwnClients()
    with socket.socket() as own, socket.socket() as other:
        turn = threading.Thread(target=clients.add, args=[other, "127.0.0.1"])
        clients._sockets = _Interrupted(turn)
        clients.add(own, "127.0.0.1")
        assert own.getsockname() in clients
        turn.join()
        clients._sockets = weakref.WeakSet({own, other})
        assert other.getsockname() in clients
