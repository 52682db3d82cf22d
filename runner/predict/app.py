"""Answer HTTP for endpoints: an ASGI app.

A path and a method are looked up in ``routes``, to which other modules add theirs; a HEAD is
answered by the route of GET, and OPTIONS by the methods that a path has.
"""

from __future__ import annotations

import contextlib
import logging
import time
import urllib.parse
from collections.abc import Mapping, Sequence
from typing import Any

from runner.access.gate import Gate
from runner.access.origins import CorsRule, forged_by
from runner.config import Limits
from runner.http.app_protocol import AppProtocol
from runner.http.asking import note_cause
from runner.http.connection import Owner
from runner.http.problems import note_failure
from runner.http.scope import below_root
from runner.identity import Identity
from runner.predict import service_routes
from runner.predict.body_decoding import decoded_body
from runner.predict.body_work import BodyWork
from runner.predict.bulk import predict_bulk
from runner.predict.dispatch import Dispatcher
from runner.predict.endpoints import Endpoint
from runner.predict.fast_route import FastRoute, FastRouteConnection
from runner.predict.http_messages import JSON, Request, Response, Route, headers_of
from runner.predict.media_types import MediaType, media_type_of, negotiated
from runner.predict.problem_error import ProblemError
from runner.predict.row_calls import RowCalls
from runner.predict.streams import send_stream
from runner.predict.uploads import fields_of_form
from runner.telemetry import span_export, spans
from runner.traffic.counters import Counters

log = logging.getLogger(__name__)


class PredictApp(AppProtocol):
    """Answer for endpoints.

    Args:
        endpoints: What predicts.
        limits: How large a body may be; those of the environment unless given.
        uses_fast_route: Answer plain requests without this app, which nobody can tell.
        page: The HTML of the author's own page at ``/``; None for ours.

    Attributes:
        endpoints: What predicts, by path.
        routes: What answers a method and a path.
        counters: What all workers count.
        fast_route: Answers plain requests, once a worker has started.
    """

    offers: Mapping[str, str] = {"page": "/", "docs": "/docs"}
    can_be_busy = True  # for a slow model is called once at a time
    counters: Counters

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        limits: Limits | None = None,
        *,
        uses_fast_route: bool = True,
        page: bytes | None = None,
    ) -> None:
        self.endpoints = {endpoint.path: endpoint for endpoint in endpoints}
        self.limits = limits or Limits.from_environment()
        self._work = BodyWork()
        self._calls = RowCalls(predict_many=self.predict_many, work=self._work, limits=self.limits)
        self.needs_process = self.limits.predict_timeout > 0  # a call that hangs is killed
        self.has_authors_pages = page is not None
        self.gate = Gate()  # until a server has another
        identity = Identity.from_environment()
        self.routes: dict[tuple[str, str], Route] = service_routes.routes(
            endpoints,
            self._calls,
            lambda: self.counters,
            identity,
            gate=lambda: self.gate,
            is_draining=lambda: self.is_draining,
            readiness=lambda: self.readiness,
            page=page,
        )
        self.paths_to_open = service_routes.paths_to_open(self.routes)
        self.fast_route: FastRoute | None = None
        self.prepare(1)
        self._dispatcher: Dispatcher = None  # type: ignore[assignment] # there from the start of a worker
        self._uses_fast_route = uses_fast_route
        self._run_id = identity.run_id.encode()
        self._endpoint_names = service_routes.endpoint_names_by_path(endpoints, identity)
        if ("POST", self.limits.predict_path) in self.routes:
            self._endpoint_names.setdefault(self.limits.predict_path, endpoints[0].name)
        for endpoint in endpoints:
            self.routes["POST", endpoint.path] = self._predict_route(endpoint)

    @property
    def is_busy(self) -> bool:
        """Tell that a call runs for which a further one would have to wait."""
        return bool(self._dispatcher) and self._dispatcher.is_busy

    @property
    def is_spent(self) -> bool:
        """Tell that the worker must be replaced: a call in it does not end."""
        return bool(self._dispatcher) and self._dispatcher.is_stuck

    def return_memory(self) -> None:
        """Give back what large bodies took."""
        self._work.return_memory()

    def _tell_busy(self) -> None:
        self.on_busy_changed()  # which the server sets later

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Be an ASGI app."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await self._respond(scope, receive, send)

    def prepare(self, slots: int) -> None:
        """Make the counters, which the workers share."""
        self.counters = Counters([each.name for each in self.endpoints.values()], slots)

    def take_slot(self, slot: int) -> None:
        """Count as the worker of a slot."""
        self.counters.take_slot(slot)

    def uncounted(self) -> contextlib.AbstractContextManager[object]:
        """Forget, at its end, what was counted meanwhile."""
        return self.counters.restored()

    def is_safe(self, method: str, path: str) -> bool:
        """Tell a prediction from what is asked of the service itself."""
        return method == "POST" and urllib.parse.unquote(path) in self._endpoint_names

    def count_unrecorded(self, count: int) -> None:
        """Count requests that the request log could not take."""
        self.counters[""].requests_unrecorded(count)

    def protocol(self, server: Owner) -> FastRouteConnection | None:
        """Make what answers plain requests without this app."""
        if self.fast_route is None or span_export.is_on():
            return None
        return self.fast_route.protocol(server)

    async def predict_many(
        self, endpoint: Endpoint, items: Sequence[Any], request: Request
    ) -> list[Any]:
        """Give the result of each item in order; an exception in its place is its own failure."""
        return await self._dispatcher.predict_many(endpoint, items, request)

    async def _respond(self, scope: Any, receive: Any, send: Any) -> None:
        began = time.monotonic()
        name = self._endpoint_names.get(below_root(scope), "") if scope["method"] == "POST" else ""
        counter = self.counters[name]
        counter.request_started()
        response = None
        try:
            response = await self._response(scope, receive)
            if response is not None:
                is_head = scope["method"] == "HEAD"
                await _send(response, self._run_id, receive, send, is_head=is_head)
        finally:
            if response is None:
                counter.request_abandoned()
            else:
                has_failed = response.stream is not None and response.stream.has_failed
                status = 500 if has_failed else response.status
                counter.request_answered(status, time.monotonic() - began)

    async def _response(self, scope: Any, receive: Any) -> Response | None:
        body: bytes | None = None
        path = below_root(scope)
        try:
            route = self._route(scope["method"], path)
            if (span := spans.span_here()) is not None:
                span.name_route(scope["method"], path)
            body = await _read_body(receive, self.limits.max_body)
            if body is None:
                return None
            headers = scope["headers"]
            if scope["method"] == "POST":
                _refuse_forged(headers, self.gate.cors)
            request = Request(
                method=scope["method"],
                path=path,
                headers=dict(headers),
                body=await decoded_body(body, headers, self._work, self.limits.max_body),
                query=scope["query_string"],
                root=scope.get("root_path", ""),
                scheme=scope.get("scheme", "http"),
            )
            return await route(request)
        except ProblemError as problem:
            note_cause(scope, problem.__cause__)
            return service_routes.problem_response(path, problem)
        except Exception as error:  # noqa: BLE001 - logged, and told to who may know
            note_cause(scope, error)
            return service_routes.problem_response(path, unexpected_problem(error))

    def _route(self, method: str, path: str) -> Route:
        route = self.routes.get((method, path))
        if route is None and method == "HEAD":
            route = self.routes.get(("GET", path))
        if route is not None:
            return route
        allowed = {each for each, known in self.routes if known == path}
        if not allowed:
            raise ProblemError(404, f"no such path: {path:.200}; there is {self._paths()}")
        allowed |= {"OPTIONS"} | ({"HEAD"} if "GET" in allowed else set())
        allow = (b"allow", ", ".join(sorted(allowed)).encode())
        if method == "OPTIONS":
            return _options_route(allow)
        raise ProblemError(405, f"{method} is not allowed at {path}", headers=[allow])

    def _paths(self) -> str:
        return ", ".join(f"POST {path}" for path in self.endpoints)

    def _predict_route(self, endpoint: Endpoint) -> Route:
        async def post(request: Request) -> Response:
            content_type = request.headers.get(b"content-type", b"")
            media = MediaType.JSON
            if content_type != JSON:
                media = media_type_of(
                    content_type,
                    takes_forms=endpoint.read_form is not None,
                    is_bare=endpoint.schema.is_bare,
                )
            if media not in (MediaType.JSON, MediaType.FORM):
                return await predict_bulk(endpoint, request, media, self._calls)
            if endpoint.media_types:
                negotiated(request.headers.get(b"accept", b""), endpoint.media_types)
            item = await self._calls.run(request, lambda: self._item(endpoint, request, media))
            given = await self._dispatcher.predict(endpoint, item, request)
            return await self._dispatcher.response(endpoint, given, request)

        return post

    def _item(self, endpoint: Endpoint, request: Request, media: MediaType) -> Any:
        if media is MediaType.FORM and endpoint.read_form is not None:
            content_type = request.headers[b"content-type"].decode("latin-1")
            return endpoint.read_form(fields_of_form(request.body, content_type))
        self._calls.check_json(request.body, endpoint)
        return endpoint.schema.decode(request.body)

    async def _lifespan(self, receive: Any, send: Any) -> None:
        await receive()
        self._dispatcher = Dispatcher(
            [*self.endpoints.values()],
            self.counters,
            limits=self.limits,
            run_id=self._run_id,
            gate=self.gate,
            on_busy_changed=self._tell_busy,
        )
        if self._uses_fast_route:
            self.fast_route = self._dispatcher.fast_route
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self._dispatcher.close()
        self._work.close()
        await send({"type": "lifespan.shutdown.complete"})


def unexpected_problem(error: Exception) -> ProblemError:
    """Log an error that nobody foresaw, and make the problem that says no more than its id."""
    number = note_failure(log, "a request failed", error)
    return ProblemError(500, f"this was not foreseen; the log has it under {number}")


def _options_route(allow: tuple[bytes, bytes]) -> Route:
    async def options(request: Request) -> Response:
        return Response(status=204, headers=(allow,))

    return options


def _refuse_forged(headers: list[tuple[bytes, bytes]], cors: CorsRule | None) -> None:
    """Refuse what a page of another site may have had a browser send.

    Raises:
        ProblemError: 415; it names the header that such a page cannot send.
    """
    if site := forged_by(headers, cors):
        said = f"a page of another site ({site:.80}) may have sent this"
        mend = "send Content-Type: application/json; --cors lets other sites ask"
        raise ProblemError(415, f"{said}: {mend}", headers=[(b"accept", JSON)])


async def _read_body(receive: Any, most: int) -> bytes | None:
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


async def _send(
    response: Response, run_id: bytes, receive: Any, send: Any, *, is_head: bool = False
) -> None:
    headers = headers_of(response, run_id)
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    if response.stream is not None:
        await send_stream(response.stream, receive, send)
    else:
        await send({"type": "http.response.body", "body": b"" if is_head else response.body})
