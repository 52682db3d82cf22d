"""Threads that nobody waits for: what they did is forgotten."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import weakref
from collections.abc import Iterator

import pytest

from runner.predict.serial_thread import SerialThread


class Body:
    """Be large."""


@pytest.fixture
def uncollected() -> Iterator[None]:
    """Have no collector that ends circles."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("uncollected")
@pytest.mark.parametrize("fails", [False, True])
def test_nothing_is_kept_of_what_was_done(fails: bool) -> None:
    """Neither by a circle through an error and its frames, nor until there is more to do."""

    def act(body: Body) -> None:
        if fails:
            raise ValueError(body)

    async def is_kept() -> bool:
        thread, body = SerialThread("test"), Body()
        known = weakref.ref(body)
        with contextlib.suppress(ValueError):
            await thread.result_of(functools.partial(act, body))
        del body
        await thread.result_of(lambda: None)  # by then the thread has left the other
        thread.close()
        return known() is not None

    assert not asyncio.run(is_kept())
