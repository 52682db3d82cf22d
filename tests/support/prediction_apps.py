"""Ask an app of ours without a socket."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx

from runner.config import Limits
from runner.predict.app import PredictApp
from runner.predict.endpoint_factory import endpoints_of
from runner.predict.targets import EndpointOptions

NDJSON = "application/x-ndjson"


def app_of(
    target: Any, limits: Limits | None = None, page: bytes | None = None, **options: Any
) -> PredictApp:
    """The app that ``serve`` would make."""
    return PredictApp(
        endpoints_of(target, "", EndpointOptions(**options)), limits or Limits(), page=page
    )


@contextlib.asynccontextmanager
async def living(app: PredictApp) -> AsyncIterator[None]:
    """Start an app on this loop, as a worker does, and end it."""
    orders: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    said: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    life = asyncio.ensure_future(app({"type": "lifespan"}, orders.get, said.put))
    orders.put_nowait({"type": "lifespan.startup"})
    await said.get()
    try:
        yield
    finally:
        orders.put_nowait({"type": "lifespan.shutdown"})
        await life


def send(
    app: PredictApp,
    content: bytes | None,
    *,
    method: str = "POST",
    path: str = "/",
    root: str = "",
    **more: Any,
) -> httpx.Response:
    """One request of an app; ``more`` is httpx's own."""

    async def asked() -> httpx.Response:
        async with living(app):
            return await sent()

    async def sent() -> httpx.Response:
        transport = httpx.ASGITransport(app=app, root_path=root)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.request(method, path, content=content, **more)

    return asyncio.run(asked())


def post(app: PredictApp, value: Any, **more: Any) -> httpx.Response:
    """Send a JSON value."""
    headers = {"content-type": "application/json"}
    return send(app, json.dumps(value).encode(), headers=headers, **more)


def answered(target: Any, value: Any, **options: Any) -> Any:
    """What a target answers to a JSON value, which it has to accept."""
    response = post(app_of(target, **options), value)
    assert response.status_code == 200, response.text
    return response.json()


def faults_of(response: httpx.Response) -> dict[str, str]:
    """The faults of a refused body by their fields."""
    assert response.status_code == 422, response.text
    assert response.headers["content-type"] == "application/problem+json"
    return {fault["field"]: fault["detail"] for fault in response.json()["errors"]}
