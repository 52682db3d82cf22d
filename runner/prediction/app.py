"""Answer HTTP for endpoints: an ASGI app.

A path and a method are looked up in ``routes``, to which other modules add theirs; a HEAD is
answered by the route of GET, and OPTIONS by the methods that a path has.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable, Sequence
from typing import Any

from runner.limits import Limits
from runner.prediction.bulk import answer_many
from runner.prediction.endpoints import Endpoint
from runner.prediction.media import Media, accepted, media_of
from runner.prediction.problems import CONTENT_TYPE, ProblemError
from runner.prediction.requests import Answer, Request, Route
from runner.prediction.uploads import fields_of_form

log = logging.getLogger(__name__)

EXAMPLE = "runner.example"
_JSON = (Media.JSON,)


class PredictApp:
    """Answer for endpoints.

    Args:
        endpoints: What predicts.
        limits: How large a body may be; those of the environment unless given.

    Attributes:
        endpoints: What predicts, by path.
        routes: What answers a method and a path.
        on_startup: Called in the worker's loop, before the first request.
    """

    def __init__(self, endpoints: Sequence[Endpoint], limits: Limits | None = None) -> None:
        self.endpoints = {endpoint.path: endpoint for endpoint in endpoints}
        self.limits = limits or Limits.from_environment()
        self.routes: dict[tuple[str, str], Route] = {}
        self.on_startup: list[Callable[[], None]] = []
        for endpoint in endpoints:
            self.routes["POST", endpoint.path] = self._posting(endpoint)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Be an ASGI app."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            answer = await self._answer(scope, receive)
            if answer is not None:
                await _send(answer, send, is_head=scope["method"] == "HEAD")

    async def predict(self, endpoint: Endpoint, item: Any) -> Any:
        """Give the result of one item, or raise its error."""
        if endpoint.call is not None:
            return await endpoint.call(item)
        (result,) = endpoint.predict([item])
        if isinstance(result, Exception):
            raise result
        return result

    async def predict_many(self, endpoint: Endpoint, items: Sequence[Any]) -> list[Any]:
        """Give the result of each item in order; an exception in its place is its own failure."""
        results: list[Any] = []
        for begin in range(0, len(items), endpoint.max_batch):
            batch = items[begin : begin + endpoint.max_batch]
            results += await self._predict_batch(endpoint, batch)
            await asyncio.sleep(0)  # let others have their turn
        return results

    async def _predict_batch(self, endpoint: Endpoint, items: Sequence[Any]) -> list[Any]:
        if endpoint.call is None and len(items) > 1:
            try:
                return list(endpoint.predict(items))
            except Exception as error:  # noqa: BLE001 - whose it is shows below, one by one
                log.debug("a batch of %d failed: %s", len(items), error)
        results: list[Any] = []
        for item in items:
            try:
                results.append(await self.predict(endpoint, item))
            except Exception as error:  # noqa: BLE001 - it is the item's own
                results.append(error)
        return results

    async def _answer(self, scope: Any, receive: Any) -> Answer | None:
        try:
            route = self._route(scope["method"], scope["path"])
            body = await _read(receive, self.limits.max_body)
            if body is None:
                return None
            request = Request(
                method=scope["method"],
                path=scope["path"],
                headers=dict(scope["headers"]),
                body=body,
                query=scope["query_string"],
            )
            return await route(request)
        except ProblemError as problem:
            return answer_of(problem)
        except Exception as error:
            if EXAMPLE in scope.get("extensions", ()):
                raise  # the author sees it
            return answer_of(unforeseen(error))

    def _route(self, method: str, path: str) -> Route:
        route = self.routes.get((method, path))
        if route is None and method == "HEAD":
            route = self.routes.get(("GET", path))
        if route is not None:
            return route
        allowed = {each for each, known in self.routes if known == path}
        if not allowed:
            raise ProblemError(404, f"no such path: {path}; there is {self._paths()}")
        allowed |= {"OPTIONS"} | ({"HEAD"} if "GET" in allowed else set())
        allow = (b"allow", ", ".join(sorted(allowed)).encode())
        if method == "OPTIONS":
            return _options(allow)
        raise ProblemError(405, f"{method} is not allowed at {path}", headers=[allow])

    def _paths(self) -> str:
        return ", ".join(f"POST {path}" for path in self.endpoints)

    def _posting(self, endpoint: Endpoint) -> Route:
        async def post(request: Request) -> Answer:
            content_type = request.headers.get(b"content-type", b"")
            media = Media.JSON
            if content_type != b"application/json":
                media = media_of(content_type, takes_forms=endpoint.read_form is not None)
            if media not in (Media.JSON, Media.FORM):
                return await answer_many(
                    endpoint, request, media, self.predict_many, self.limits.max_rows
                )
            accepted(request.headers.get(b"accept", b""), _JSON)
            if media is Media.FORM and endpoint.read_form is not None:
                form = fields_of_form(request.body, content_type.decode("latin-1"))
                item = endpoint.read_form(form)
            else:
                item = endpoint.schema.decode(request.body)
            return Answer(body=endpoint.encode(await self.predict(endpoint, item)))

        return post

    async def _live(self, receive: Any, send: Any) -> None:
        await receive()
        for act in self.on_startup:
            act()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})


def answer_of(problem: ProblemError) -> Answer:
    """Give the answer that says a problem."""
    return Answer(
        status=problem.status,
        body=problem.body(),
        content_type=CONTENT_TYPE,
        headers=problem.headers,
    )


def unforeseen(error: Exception) -> ProblemError:
    """Log an error that nobody foresaw, and make the problem that says no more than its id."""
    number = uuid.uuid4().hex[:12]
    log.error("request %s failed", number, exc_info=error)
    return ProblemError(500, f"this was not foreseen; the log has it under {number}")


def _options(allow: tuple[bytes, bytes]) -> Route:
    async def options(request: Request) -> Answer:
        return Answer(status=204, headers=(allow,))

    return options


async def _read(receive: Any, most: int) -> bytes | None:
    """Read a body to its end; None if the client has gone."""
    message = await receive()
    pieces: list[bytes] = [message.get("body", b"")]
    size = len(pieces[0])
    while message.get("more_body", False) and size <= most:
        message = await receive()
        pieces.append(message.get("body", b""))
        size += len(pieces[-1])
    if size > most:
        close = (b"connection", b"close")
        raise ProblemError(413, f"the body is larger than {most} bytes", headers=[close])
    return None if message["type"] == "http.disconnect" else b"".join(pieces)


async def _send(answer: Answer, send: Any, *, is_head: bool) -> None:
    headers = list(answer.headers)
    if answer.status != 204:
        headers += [
            (b"content-type", answer.content_type),
            (b"content-length", b"%d" % len(answer.body)),
        ]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if is_head else answer.body})
