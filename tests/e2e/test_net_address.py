"""Looking at addresses from outside."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys

import pytest

from runner import net
from runner.errors import ConfigurationError


def test_a_free_address_passes(port: int) -> None:
    """Nothing is left bound by the look."""
    net.check_free("127.0.0.1", port)
    net.check_free("127.0.0.1", port)


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "localhost"])
def test_a_port_in_use_is_refused(host: str) -> None:
    """The error comes before a kernel is started, and says what to do."""
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        pytest.raises(ConfigurationError, match="in use") as raised,
    ):
        net.check_free(host, server.getsockname()[1])
    assert "--port" in raised.value.hint
    assert f"by process {os.getpid()} (" in str(raised.value)


def test_who_has_a_port_is_named_without_its_options() -> None:
    """What stands behind an option may be a secret, and the sentence goes to the log."""
    listens = (
        "import socket; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1])\n"
        "import time; time.sleep(60)"
    )
    words = [sys.executable, "-u", "-", "--token=hunter2"]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True) as other:
        assert other.stdin
        assert other.stdout
        other.stdin.write(listens)
        other.stdin.close()
        try:
            used = OSError(errno.EADDRINUSE, "")
            said = net.held_by(int(other.stdout.readline()), used)
        finally:
            other.kill()
    assert said == f", by process {other.pid} ({sys.executable} -u -)"


@pytest.mark.parametrize("host", ["203.0.113.1", "no.such.host.invalid"])
def test_an_address_that_is_not_ours_is_refused(host: str, port: int) -> None:
    """An address of another machine, or none at all, is named."""
    with pytest.raises(ConfigurationError, match=host):
        net.check_free(host, port)


def test_a_listener_is_noticed(port: int) -> None:
    """By the address that it is to bind, which may be all of the machine's."""
    assert not net.is_listening("0.0.0.0", port)
    with socket.create_server(("127.0.0.1", port)):
        assert net.is_listening("0.0.0.0", port)


def test_no_answer_is_no_status(port: int) -> None:
    """A probe of a silent or closed port gives nothing, in time."""
    assert net.http_status("127.0.0.1", port, 0.2) is None
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert net.http_status("127.0.0.1", silent.getsockname()[1], 0.2) is None
