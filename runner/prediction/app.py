"""Answer HTTP for endpoints: an ASGI app.

A path and a method are looked up in ``routes``, to which other modules add theirs.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import uuid
from collections.abc import Sequence
from typing import Any

from runner.identity import Identity
from runner.prediction import surface
from runner.prediction.counters import Counters
from runner.prediction.endpoints import Endpoint
from runner.prediction.problems import ProblemError
from runner.prediction.requests import Answer, Request, Route

log = logging.getLogger(__name__)


class PredictApp:
    """Answer for endpoints.

    Attributes:
        endpoints: What predicts, by path.
        routes: What answers a path and a method.
    """

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        counters: Counters | None = None,
        identity: Identity | None = None,
    ) -> None:
        self.endpoints = {endpoint.path: endpoint for endpoint in endpoints}
        self.routes: dict[tuple[str, str], Route] = surface.routes(
            endpoints,
            self.predict_many,
            counters or Counters([endpoint.name for endpoint in endpoints], slots=1),
            identity or Identity.from_environment(),
        )
        for endpoint in endpoints:
            self.routes["POST", endpoint.path] = self._posting(endpoint)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Be an ASGI app."""
        if scope["type"] == "lifespan":
            await _live(receive, send)
        elif scope["type"] == "http":
            answer = await self._answer(scope, receive)
            if answer is not None:
                await _send(answer, send)

    async def predict(self, endpoint: Endpoint, item: Any) -> Any:
        """Give the result of one item."""
        (result,) = endpoint.predict([item])
        if isinstance(result, Exception):
            raise result
        return result

    async def predict_many(
        self, endpoint: Endpoint, items: Sequence[Any], request: Request
    ) -> Sequence[Any]:
        """Give the results of many items, with an exception in the place of one that failed."""
        return await asyncio.gather(
            *(self.predict(endpoint, item) for item in items), return_exceptions=True
        )

    async def _answer(self, scope: Any, receive: Any) -> Answer | None:
        try:
            body = await _read(receive)
            if body is None:
                return None
            request = Request(
                method=scope["method"],
                path=scope["path"],
                headers=dict(scope["headers"]),
                body=body,
                query=scope["query_string"],
            )
            return await self._route(request)(request)
        except ProblemError as problem:
            return surface.refusal(scope["path"], problem)
        except Exception:
            number = uuid.uuid4().hex[:12]
            log.exception("a request failed; its answer has the id %s", number)
            unforeseen = ProblemError(500, f"unforeseen; the log has it under {number}")
            return surface.refusal(scope["path"], unforeseen)

    def _route(self, request: Request) -> Route:
        route = self.routes.get((request.method, request.path))
        if route is not None:
            return route
        allowed = sorted(method for method, path in self.routes if path == request.path)
        if not allowed:
            raise ProblemError(404, f"no such path: {request.path}")
        allow = (b"allow", ", ".join(allowed).encode())
        raise ProblemError(405, f"{request.method} is not allowed here", headers=[allow])

    def _posting(self, endpoint: Endpoint) -> Route:
        async def post(request: Request) -> Answer:
            item = endpoint.schema.decode(request.body)
            return Answer(body=endpoint.encode(await self.predict(endpoint, item)))

        return post


async def _read(receive: Any) -> bytes | None:
    """Read a body to its end; None if the client has gone."""
    message = await receive()
    body = message.get("body", b"")
    pieces = [body]
    while message.get("more_body", False):
        message = await receive()
        pieces.append(message.get("body", b""))
    if message["type"] == "http.disconnect":
        return None
    return body if len(pieces) == 1 else b"".join(pieces)


async def _send(answer: Answer, send: Any) -> None:
    headers = [
        (b"content-type", answer.content_type),
        (b"content-length", b"%d" % len(answer.body)),
        *answer.headers,
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


async def _live(receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    with contextlib.suppress(OSError):
        await send({"type": "lifespan.shutdown.complete"})
