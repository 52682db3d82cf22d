"""Ask an app once, and see each piece of its answer as it comes."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

from runner.http.problems import NotedFailureError
from runner.predict.app import PredictApp
from support.prediction_apps import living


class Exchange:
    """Be one request of an app that lives.

    Attributes:
        status: Of the answer; 0 before it has begun.
        headers: Of the answer.
        pieces: What has come of its body.
        is_whole: Whether it was ended as it should.
    """

    def __init__(self, app: PredictApp, value: Any, **headers: str) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.pieces: list[bytes] = []
        self.is_whole = False
        self._app, self._body = app, json.dumps(value).encode()
        self._gone = asyncio.Event()
        self._came = asyncio.Condition()
        self._asked = False
        self._headers = {"content-type": "application/json", **headers}
        self._task = asyncio.ensure_future(self._run())

    async def _run(self) -> None:
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/",
            "query_string": b"",
            "headers": [(name.encode(), each.encode()) for name, each in self._headers.items()],
        }
        with contextlib.suppress(NotedFailureError):  # as the server does, which cuts it off
            await self._app(scope, self._receive, self._send)

    async def _receive(self) -> dict[str, Any]:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": self._body, "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: dict[str, Any]) -> None:
        async with self._came:
            if message["type"] == "http.response.start":
                self.status = message["status"]
                self.headers = {name.decode(): each.decode() for name, each in message["headers"]}
            else:
                self.pieces.append(message.get("body", b""))
                self.is_whole = not message.get("more_body", False)
            self._came.notify_all()

    async def until(self, text: bytes) -> None:
        """Wait until the body has a text."""
        async with asyncio.timeout(20), self._came:
            await self._came.wait_for(lambda: text in self.body)

    def leave(self) -> None:
        """Be a client that goes away."""
        self._gone.set()

    async def end(self) -> None:
        """Wait until the app has returned."""
        async with asyncio.timeout(20):
            await self._task

    @property
    def body(self) -> bytes:
        """Give what has come."""
        return b"".join(self.pieces)


def exchanged(app: PredictApp, value: Any, **headers: str) -> Exchange:
    """Ask an app, and wait for the end of its answer."""

    async def ask() -> Exchange:
        async with living(app):
            exchange = Exchange(app, value, **headers)
            await exchange.end()
            return exchange

    return asyncio.run(ask())
