"""Runs that take no order."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from runner.spawn.processes import RunProcess
from runner.supervise import order_watch
from runner.supervise.events import Hung


class StubProcess:
    """One that is still to be forked."""

    pid = 0
    has_taken_orders = False

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
