"""Answer HTTP for endpoints: an ASGI app.

A path and a method are looked up in ``routes``, to which other modules add theirs.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import uuid
from collections.abc import Sequence
from typing import Any

from runner.limits import Limits
from runner.prediction.batching import Batcher
from runner.prediction.counters import Counters
from runner.prediction.endpoints import Endpoint
from runner.prediction.heads import answer_headers, timeout_of
from runner.prediction.hotroute import HotRoute
from runner.prediction.problems import CONTENT_TYPE, ProblemError
from runner.prediction.requests import Answer, Request, Route
from runner.prediction.waiters import Answer as Prediction

log = logging.getLogger(__name__)


class PredictApp:
    """Answer for endpoints.

    Attributes:
        endpoints: What predicts, by path.
        routes: What answers a path and a method.
    """

    def __init__(self, endpoints: Sequence[Endpoint], *, is_hot: bool = True) -> None:
        self.endpoints = {endpoint.path: endpoint for endpoint in endpoints}
        self.hot_route: HotRoute | None = None
        self._is_hot = is_hot
        self._run_id = os.environ.get("RUNNER_RUN_ID", "").encode()
        self._batchers: dict[str, Batcher] = {}
        self.prepare(1)
        self.routes: dict[tuple[str, str], Route] = {}
        for endpoint in endpoints:
            self.routes["POST", endpoint.path] = self._posting(endpoint)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Be an ASGI app."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            answer = await self._answer(scope, receive)
            if answer is not None:
                await _send(answer, self._run_id, send)

    def prepare(self, slots: int) -> None:
        """Make what the workers share, before they are forked.

        Args:
            slots: How many workers there may be at a time.
        """
        self.counters = Counters([each.name for each in self.endpoints.values()], slots)

    def take_slot(self, slot: int) -> None:
        """Become the worker of a slot."""
        self.counters.take(slot)

    async def predict(self, endpoint: Endpoint, item: Any, request: Request) -> Prediction:
        """Give the prediction for one item, in time for the request."""
        return await self._batchers[endpoint.path].predict(item, _deadline_of(request))

    async def _live(self, receive: Any, send: Any) -> None:
        await receive()
        self._start(asyncio.get_running_loop())
        await send({"type": "lifespan.startup.complete"})
        await receive()
        for batcher in self._batchers.values():
            batcher.close()
        self.counters.publish()
        with contextlib.suppress(OSError):
            await send({"type": "lifespan.shutdown.complete"})

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        self.counters.attend(loop)
        most = Limits.from_environment().max_waiting
        self._batchers = {
            path: Batcher(endpoint, loop=loop, counters=self.counters, most_waiting=most)
            for path, endpoint in self.endpoints.items()
        }
        if self._is_hot:
            batchers = {p: b for p, b in self._batchers.items() if b.endpoint.call is None}
            self.hot_route = HotRoute(batchers, self.counters, self._run_id)

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
            return answer_of(problem)
        except Exception:
            number = uuid.uuid4().hex[:12]
            log.exception("a request failed; its answer has the id %s", number)
            return answer_of(ProblemError(500, f"unforeseen; the log has it under {number}"))

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
            given = await self.predict(endpoint, item, request)
            try:
                body = endpoint.encode(given.result)
            except Exception as error:
                raise self._batchers[endpoint.path].problem(error) from error
            return Answer(body=body, headers=((b"server-timing", given.timing),))

        return post


def answer_of(problem: ProblemError) -> Answer:
    """Give the answer that says a problem."""
    return Answer(
        status=problem.status,
        body=problem.body(),
        content_type=CONTENT_TYPE,
        headers=problem.headers,
    )


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


async def _send(answer: Answer, run_id: bytes, send: Any) -> None:
    headers = answer_headers(answer.content_type, len(answer.body), run_id, answer.headers)
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


def _deadline_of(request: Request) -> float | None:
    seconds = timeout_of(request.headers.items())
    return None if seconds is None else asyncio.get_running_loop().time() + seconds
