"""Answer HTTP for endpoints: an ASGI app.

A path and a method are looked up in ``routes``, to which other modules add theirs; a HEAD is
answered by the route of GET, and OPTIONS by the methods that a path has.
"""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Sequence
from typing import Any

from runner.config import Limits
from runner.http import failures
from runner.http.app_protocol import AppProtocol
from runner.http.protocol import Owner
from runner.identity import Identity
from runner.predict import service_routes
from runner.predict.bulk import answer_many
from runner.predict.columns import too_many
from runner.predict.counters import Counters
from runner.predict.dispatch import Dispatcher
from runner.predict.endpoints import Endpoint
from runner.predict.fast_route import FastRoute, FastRouteProtocol
from runner.predict.headers import answer_headers
from runner.predict.media import Media, accepted, media_of
from runner.predict.problems import ProblemError
from runner.predict.requests import JSON, Answer, Request, Route
from runner.predict.uploads import fields_of_form

log = logging.getLogger(__name__)

EXAMPLE = "runner.http.example"
_JSON = (Media.JSON,)


class PredictApp(AppProtocol):
    """Answer for endpoints.

    Args:
        endpoints: What predicts.
        limits: How large a body may be; those of the environment unless given.
        is_hot: Answer plain requests without this app, which nobody can tell.
        page: The HTML of the author's own page at ``/``; None for ours.

    Attributes:
        endpoints: What predicts, by path.
        routes: What answers a method and a path.
        counters: What all workers count.
        hot_route: Answers plain requests, once a worker has started.
    """

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        limits: Limits | None = None,
        *,
        is_hot: bool = True,
        page: bytes | None = None,
    ) -> None:
        self.endpoints = {endpoint.path: endpoint for endpoint in endpoints}
        self.limits = limits or Limits.from_environment()
        identity = Identity.from_environment()
        self.routes: dict[tuple[str, str], Route] = service_routes.routes(
            endpoints,
            self.predict_rows,
            lambda: self.counters,
            identity,
            is_draining=lambda: self.is_draining,
            page=page,
        )
        self.hot_route: FastRoute | None = None
        self.prepare(1)
        self._calls: Dispatcher = None  # type: ignore[assignment] # there from the start of a worker
        self._is_hot = is_hot
        self._run_id = identity.run_id.encode()
        self._names = service_routes.owners(endpoints, identity)
        for endpoint in endpoints:
            self.routes["POST", endpoint.path] = self._posting(endpoint)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Be an ASGI app."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            exchange = self._uncounted if EXAMPLE in scope.get("extensions", ()) else self._exchange
            await exchange(scope, receive, send)

    def prepare(self, slots: int) -> None:
        """Make the counters, which the workers share."""
        self.counters = Counters([each.name for each in self.endpoints.values()], slots)

    def take_slot(self, slot: int) -> None:
        """Count as the worker of a slot."""
        self.counters.take(slot)

    def protocol(self, server: Owner) -> FastRouteProtocol | None:
        """Make what answers plain requests without this app."""
        return None if self.hot_route is None else self.hot_route.protocol(server)

    async def predict_many(
        self, endpoint: Endpoint, items: Sequence[Any], request: Request
    ) -> list[Any]:
        """Give the result of each item in order; an exception in its place is its own failure."""
        return await self._calls.predict_many(endpoint, items, request)

    async def predict_rows(
        self, endpoint: Endpoint, items: Sequence[Any], request: Request
    ) -> list[Any]:
        """Do the same for as many items as a request may have.

        Raises:
            ProblemError: 413 for more.
        """
        if len(items) > self.limits.max_rows:
            raise too_many(self.limits.max_rows)
        return await self.predict_many(endpoint, items, request)

    async def _uncounted(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer our own example, which no client asked."""
        answer = await self._answer(scope, receive)
        if answer is not None:
            await _send(answer, self._run_id, send, is_head=False)

    async def _exchange(self, scope: Any, receive: Any, send: Any) -> None:
        began = time.monotonic()
        name = self._names.get(scope["path"], "") if scope["method"] == "POST" else ""
        self.counters.begun(name)
        answer = None
        try:
            answer = await self._answer(scope, receive)
            if answer is not None:
                await _send(answer, self._run_id, send, is_head=scope["method"] == "HEAD")
        finally:
            if answer is None:
                self.counters.left(name)
            else:
                self.counters.answered(name, answer.status, time.monotonic() - began)

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
            if EXAMPLE in scope.get("extensions", ()) and problem.__cause__ is not None:
                raise problem.__cause__ from None  # the author sees it
            return service_routes.refusal(scope["path"], problem)
        except Exception as error:
            if EXAMPLE in scope.get("extensions", ()):
                raise
            return service_routes.refusal(scope["path"], unforeseen(error))

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
            if content_type != JSON:
                media = media_of(
                    content_type,
                    takes_forms=endpoint.read_form is not None,
                    is_bare=endpoint.schema.is_bare,
                )
            if media not in (Media.JSON, Media.FORM):
                many = functools.partial(self.predict_many, request=request)
                return await answer_many(endpoint, request, media, many, self.limits.max_rows)
            accepted(request.headers.get(b"accept", b""), _JSON)
            if media is Media.FORM and endpoint.read_form is not None:
                form = fields_of_form(request.body, content_type.decode("latin-1"))
                item = endpoint.read_form(form)
            else:
                item = endpoint.schema.decode(request.body)
            given = await self._calls.predict(endpoint, item, request)
            body = self._calls.encode(endpoint, given.result)
            return Answer(body=body, headers=((b"server-timing", given.timing),))

        return post

    async def _live(self, receive: Any, send: Any) -> None:
        await receive()
        most, run_id = self.limits.max_waiting, self._run_id
        self._calls = Dispatcher(
            [*self.endpoints.values()], self.counters, most_waiting=most, run_id=run_id
        )
        if self._is_hot:
            self.hot_route = self._calls.hot_route
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self._calls.close()
        await send({"type": "lifespan.shutdown.complete"})


def unforeseen(error: Exception) -> ProblemError:
    """Log an error that nobody foresaw, and make the problem that says no more than its id."""
    number = failures.note(log, "a request failed", error)
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


async def _send(answer: Answer, run_id: bytes, send: Any, *, is_head: bool) -> None:
    if answer.status in (204, 304):
        headers = [*answer.headers, *([(b"x-run-id", run_id)] if run_id else [])]
    else:
        length = len(answer.body)
        headers = answer_headers(answer.content_type, length, run_id, answer.headers)
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if is_head else answer.body})
