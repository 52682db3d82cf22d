"""Runs that take no order."""

from __future__ import annotations

import asyncio
import os
from typing import Any, cast

import pytest

from runner.spawn.order_pipe import OrderPipe
from runner.spawn.processes import RunProcess
from runner.supervise import order_watch
from runner.supervise.events import Hung


class StubProcess:
    """One that is still to be forked."""

    pid = 0
    has_taken_orders = has_begun = False

    def order(self, **words: Any) -> None:
        """Leave it in the pipe."""


@pytest.mark.parametrize(("ready_timeout", "seconds"), [(0.02, 0.05), (0.4, 0.2)])
def test_a_run_has_time_to_begin_where_all_is_slow(
    ready_timeout: float, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of what it has until it serves: else what it is forked from would never be up."""
    monkeypatch.setattr(order_watch, "_FIRST_WITHIN", 0.05)

    async def hung() -> Hung:
        heard: asyncio.Future[Hung] = asyncio.get_running_loop().create_future()
        watch = order_watch.OrderWatch(lambda _: True, heard.set_result, ready_timeout)
        watch.begin(1, cast("RunProcess", StubProcess()))
        return await asyncio.wait_for(heard, 30)

    assert asyncio.run(hung()).reason == f"its process has taken no order for {seconds:g} s"


def test_a_run_that_has_begun_has_no_time_to_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    """Though it stopped, and was ordered to go, before anyone looked again."""
    monkeypatch.setattr(order_watch, "_WITHIN", 0.1)

    async def hung() -> Hung:
        heard: asyncio.Future[Hung] = asyncio.get_running_loop().create_future()
        watch = order_watch.OrderWatch(lambda _: False, heard.set_result, 120.0)
        process = StubProcess()
        watch.begin(1, cast("RunProcess", process))
        process.has_begun = True
        return await asyncio.wait_for(heard, 30)

    assert asyncio.run(hung()).reason == "its process has taken no order for 0.1 s"


def test_a_pipe_knows_that_it_was_read() -> None:
    """Also when more was written to it since."""

    async def write() -> list[bool]:
        read, write = os.pipe()
        pipe, said = OrderPipe(write), []
        for takes in (False, True, False):
            pipe.write(b"x")
            said.append(pipe.was_read)
            if takes:
                os.read(read, 10)
        pipe.write(b"x")
        said.append(pipe.was_read)
        pipe.close()
        os.close(read)
        return said

    assert asyncio.run(write()) == [False, False, True, True]
