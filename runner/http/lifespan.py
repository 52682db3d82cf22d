"""Tell an ASGI app of the worker's start and end (ASGI's lifespan protocol).

An app that knows no lifespan is an app: it raises or returns, and is served all the same.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runner.http.asgi_exchange import App

log = logging.getLogger(__name__)


class Lifespan:
    """Be the life of one app in one worker.

    Args:
        app: Who is told.
        state: What it sets up for its requests.
    """

    def __init__(self, app: App, state: dict[str, Any]) -> None:
        self._app, self._state = app, state
        self._orders: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._answers: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._life: asyncio.Task[None] | None = None

    async def start_up(self) -> None:
        """Wait until the app has started.

        Raises:
            RuntimeError: It said that it cannot.
        """
        self._life = asyncio.ensure_future(self._live())
        answer = await self._ask("startup")
        if answer == "failed":
            raise RuntimeError("the app's lifespan startup failed")

    async def shut_down(self) -> None:
        """Wait until the app has ended, if it lives."""
        if self._life is not None and not self._life.done():
            await self._ask("shutdown")

    async def _ask(self, phase: str) -> str:
        self._orders.put_nowait({"type": f"lifespan.{phase}"})
        answer = await self._answers.get()
        _, _, result = str(answer["type"]).rpartition(".")
        if result == "failed":
            log.error("the app's %s failed: %s", phase, answer.get("message", ""))
        return result

    async def _live(self) -> None:
        scope = {
            "type": "lifespan",
            "asgi": {"version": "3.0", "spec_version": "2.0"},
            "state": self._state,
        }
        try:
            await self._app(scope, self._orders.get, self._answers.put)
        except BaseException as error:  # noqa: BLE001 - an app may raise anything, and be none
            log.info("the app has no lifespan: %r", error)
        finally:
            self._answers.put_nowait({"type": "lifespan.none"})  # whoever waits goes on
