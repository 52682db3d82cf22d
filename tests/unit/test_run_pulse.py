"""Whether a kernel that waits is there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq

from runner.run import pulse
from runner.run.pulse import Pulse


@pytest.fixture
def kernel() -> Iterator[Any]:
    """Stand in for a kernel's heartbeat."""
    with zmq.Context() as context, context.socket(zmq.REP) as socket:
        socket.linger = 0
        yield socket


@pytest.fixture
def asking(kernel: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pulse]:
    """Ask it."""
    monkeypatch.setattr(pulse, "_IN_A_HURRY", 0.05)
    kernel.bind(f"ipc://{tmp_path}/k-5")
    found = Pulse(kernel.context, {"transport": "ipc", "ip": f"{tmp_path}/k", "hb_port": 5})
    yield found
    found.close()


def answer(kernel: Any) -> None:
    assert kernel.poll(10_000)
    kernel.send(kernel.recv())


def test_a_kernel_that_was_never_there_may_be_starting(asking: Pulse) -> None:
    """Whoever needs it waits for it elsewhere, and longer."""
    assert asking.answers()
    asking.is_overdue()
    asking._beat._silent = pulse._WITHIN
    assert not asking.is_overdue()


def test_a_kernel_that_was_there_and_answers_no_more_is_of_no_use(
    kernel: Any, asking: Pulse
) -> None:
    """It was stopped, or hangs as a whole: another is started in its place."""
    answer(kernel)
    assert asking._socket.poll(10_000)
    assert not asking.answers()
    answer(kernel)
    assert asking._socket.poll(10_000)
    assert not asking.is_overdue()  # and asks anew
    asking._beat._silent = pulse._WITHIN
    assert asking.is_overdue()
