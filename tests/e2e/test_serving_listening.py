"""What listens in a process and in those that it has started."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest
from support import until

from runner.serving.listening import family, is_beside, listening

CHILD = "import socket, time\ns = socket.create_server(('127.0.0.1', 0))\ntime.sleep(60)"


def addresses(pid: int) -> list[tuple[str, int]]:
    return [(each.host, each.port) for each in listening(pid)]


@pytest.mark.parametrize(
    ("kind", "bound", "reached"),
    [
        (socket.AF_INET, "127.0.0.1", "127.0.0.1"),
        (socket.AF_INET, "0.0.0.0", "127.0.0.1"),
        (socket.AF_INET6, "::1", "::1"),
        (socket.AF_INET6, "::", "::1"),
    ],
)
def test_a_listener_is_found_where_it_is_reached(
    kind: socket.AddressFamily, bound: str, reached: str
) -> None:
    """By the system's table, and no longer than it listens."""
    with socket.create_server((bound, 0), family=kind) as server:
        address = (reached, server.getsockname()[1])
        assert address in addresses(os.getpid())
    assert address not in addresses(os.getpid())


def test_what_only_connects_or_is_bound_is_none() -> None:
    """Only who waits for clients is a server."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        with socket.create_connection(server.getsockname()) as client:
            ports = {port for _, port in addresses(os.getpid())}
            assert bound.getsockname()[1] not in ports
            assert client.getsockname()[1] not in ports


def test_a_childs_child_is_looked_into() -> None:
    """A shell that starts a server is one."""
    words = ["sh", "-c", f'{sys.executable} -c "{CHILD}" & wait']
    with subprocess.Popen(words) as shell:
        try:
            [found] = until(lambda: listening(shell.pid))
            assert found.pid in set(family(os.getpid())) - {os.getpid(), shell.pid}
            assert not is_beside(found.pid)
        finally:
            for pid in [*family(shell.pid)][::-1]:
                os.kill(pid, 9)


def test_what_a_shell_has_left_in_the_background_is_looked_into() -> None:
    """Its parent is gone, as of ``nohup server &``; its process group is not."""
    words = ["sh", "-c", f'({sys.executable} -c "{CHILD}" &); exec sleep 60']
    with subprocess.Popen(words, start_new_session=True) as leader:
        try:
            [found] = until(lambda: listening(leader.pid))
            assert found.pid not in set(family(leader.pid))
        finally:
            os.killpg(leader.pid, 9)
