"""What the requests of a worker hold together."""

from __future__ import annotations

from runner.http.buffers import Buffers


def test_that_much_was_in_hand_is_told_once() -> None:
    """When it is not any more: not before, and not of a little."""
    buffers, told = Buffers(0), []
    for size in (500_000, -500_000, 600_000, 600_000, -300_000, -900_000, 0):
        buffers.add(size)
        told.append(buffers.has_emptied())
    assert told == [False, False, False, False, True, False, False]
