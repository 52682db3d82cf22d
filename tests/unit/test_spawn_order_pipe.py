"""Orders to a run: written without waiting for it."""

from __future__ import annotations

import asyncio
import os

from runner.spawn.order_pipe import OrderPipe

LARGE = b"x" * 1_000_000 + b"\n"


def test_a_run_that_reads_nothing_holds_nobody_up() -> None:
    """More than the pipe takes waits on our side, and comes in order when it is read."""

    async def story() -> bytes:
        read, write = os.pipe()
        orders = OrderPipe(write)
        orders.write(LARGE)
        orders.write(b"last\n")
        assert not orders.is_read
        with os.fdopen(read, "rb") as file:
            taken = await asyncio.to_thread(file.read, len(LARGE) + 5)
            assert orders.is_read
            orders.close()
            return taken + file.read()

    assert asyncio.run(story()) == LARGE + b"last\n"


def test_who_has_read_an_order_is_seen() -> None:
    """Without an answer: the pipe tells how much waits in it."""

    async def story() -> None:
        read, write = os.pipe()
        orders = OrderPipe(write)
        orders.write(b"one\n")
        assert not orders.is_read
        os.read(read, 100)
        assert orders.is_read
        orders.close()
        os.close(read)

    asyncio.run(story())


def test_a_run_that_is_gone_needs_no_order() -> None:
    """What is written then, or behind the end, goes nowhere."""

    async def story() -> None:
        read, write = os.pipe()
        os.close(read)
        orders = OrderPipe(write)
        orders.write(LARGE)
        orders.close()
        orders.write(b"more\n")
        orders.close()

    asyncio.run(story())
