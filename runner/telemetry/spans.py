"""Make spans, if `span_export` has begun to: of requests, and of what stands in them.

The rules of this file:

1. It and that module are the only ones for OpenTelemetry, of which only what is public is used.
2. Names and attributes are those of the semantic conventions for HTTP.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from runner.telemetry import span_export
from runner.telemetry.error_texts import is_quick, text_of
from runner.telemetry.request_trace import RequestTrace, current
from runner.telemetry.statuses import is_failure

_PROPAGATED = (b"tracestate", b"baggage")  # beside what is read strictly

Result = TypeVar("Result")
Attributes = Mapping[str, str | int]

_NONE: Attributes = {}


class Span:
    """Be a span, and the context of all that happens in it.

    Args:
        span: The library's.
    """

    def __init__(self, span: Any) -> None:
        from opentelemetry import trace

        self._span, self._is_over = span, False
        self._context = trace.set_span_in_context(span)

    @property
    def traceparent(self) -> str:
        """Name it to others. Source: W3C Trace Context."""
        found = self._span.get_span_context()
        return f"00-{found.trace_id:032x}-{found.span_id:016x}-{found.trace_flags:02x}"

    def attach(self) -> object:
        """Have what is done here happen in it; give what `detach` takes."""
        from opentelemetry import context

        return context.attach(self._context)

    def detach(self, token: Any) -> None:
        """Have what is done here happen in it no more."""
        from opentelemetry import context

        context.detach(token)

    def run(self, act: Callable[..., Result], *args: Any) -> Result:
        """Do something in it."""
        token = self.attach()
        try:
            return act(*args)
        finally:
            self.detach(token)

    def child(self, name: str, since: float, attributes: Attributes = _NONE) -> Span:
        """Begin a span in it.

        Args:
            name: What happens.
            since: When it began, by `time.monotonic`.
            attributes: What is to be known of it.
        """
        span = span_export.tracer().start_span(
            name, context=self._context, start_time=_wall(since), attributes=attributes
        )
        return Span(span)

    def name_route(self, method: str, route: str) -> None:
        """Say which of few routes was asked."""
        self._span.update_name(f"{method} {route}")
        self._span.set_attribute("http.route", route)

    def note_failure(self, number: str, cause: BaseException | None) -> None:
        """Note under which number the log has a failure, and what was raised."""
        self._span.set_attribute("runner.failure", number)
        if cause is not None and is_quick(cause):
            self._span.record_exception(cause)
        elif cause is not None:
            said = {"exception.type": type(cause).__name__, "exception.message": text_of(cause)}
            self._span.add_event("exception", said)

    def end(self, *, failed: str = "", said: str = "", until: float | None = None) -> None:
        """End it; the second time nothing happens.

        Args:
            failed: By what kind of failure; empty if by none.
            said: Likewise, in words.
            until: When it ended, by `time.monotonic`; now, unless given.
        """
        if self._is_over:
            return
        self._is_over = True
        if failed:
            from opentelemetry.trace import StatusCode

            self._span.set_status(StatusCode.ERROR, said or failed)
            self._span.set_attribute("error.type", failed)
        self._span.end(None if until is None else _wall(until))

    def end_answered(self, status: int) -> None:
        """End that of a request, which was answered; status 0: nobody took the answer."""
        if status and not self._is_over:
            self._span.set_attribute("http.response.status_code", status)
        self.end(failed=str(status) if is_failure(status) else "")


def begin_request(trace: RequestTrace, scope: Mapping[str, Any]) -> None:
    """Begin the span of a request, and name its trace.

    Args:
        trace: The request's.
        scope: Of the request, as in ASGI.
    """
    from opentelemetry import context, propagate
    from opentelemetry.trace import SpanKind

    carrier = {
        name.decode("ascii"): value.decode("latin-1")
        for name, value in scope["headers"]
        if name in _PROPAGATED
    }
    if trace.traceparent:
        carrier["traceparent"] = trace.traceparent.decode("ascii")
    span = span_export.tracer().start_span(
        scope.get("method", "GET"),
        context=propagate.extract(carrier, context.Context()),
        kind=SpanKind.SERVER,
        attributes=_attributes(scope),
    )
    trace.span = Span(span)
    trace.trace_id = trace.span.traceparent[3:35]


def _attributes(scope: Mapping[str, Any]) -> dict[str, Any]:
    client, server = scope.get("client"), scope.get("server")
    found: dict[str, Any] = {
        "http.request.method": scope.get("method", "GET"),
        "url.path": scope["path"],
        "url.scheme": scope.get("scheme", "http"),
        "network.protocol.version": scope.get("http_version", "1.1"),
    }
    if client:
        found["client.address"] = client[0]
    if server:
        found |= {"server.address": server[0], "server.port": server[1]}
    return found


@contextlib.contextmanager
def child_here(name: str, attributes: Attributes = _NONE) -> Iterator[None]:
    """Make a span, in that of the request that is answered here, of what is done meanwhile."""
    above = span_here()
    if above is None:
        yield
        return
    with _meanwhile(above.child(name, time.monotonic(), attributes)):
        yield


def span_here() -> Span | None:
    """Give the span of the request that is answered here."""
    trace = current.get()
    return None if trace is None else trace.span


@contextlib.contextmanager
def within(name: str, traceparent: str, attributes: Attributes) -> Iterator[Span | None]:
    """Make a span of what is done meanwhile, if spans are made; it may be ended before.

    Args:
        name: What is done.
        traceparent: In which span of another process; empty if in none.
        attributes: What is to be known of it.
    """
    span = begun(name, traceparent, attributes)
    if span is None:
        yield None
        return
    with _meanwhile(span):
        yield span


@contextlib.contextmanager
def _meanwhile(span: Span) -> Iterator[None]:
    """Have what is done meanwhile happen in a span, and end it by how that ends."""
    token = span.attach()
    try:
        yield
    except BaseException as error:
        span.end(failed=type(error).__name__)
        raise
    finally:
        span.detach(token)
        span.end()


def begun(name: str, traceparent: str, attributes: Attributes) -> Span | None:
    """Begin likewise a span that somebody else ends; None if none are made."""
    if not span_export.is_on():
        return None
    from opentelemetry import context, propagate

    above = propagate.extract(
        {"traceparent": traceparent} if traceparent else {}, context.Context()
    )
    return Span(span_export.tracer().start_span(name, context=above, attributes=attributes))


def _wall(moment: float) -> int:
    """Give the nanoseconds since the epoch of a moment by `time.monotonic`."""
    return time.time_ns() - int((time.monotonic() - moment) * 1e9)
