"""Make spans by OpenTelemetry's SDK, if its variables ask for them.

The rules of this file:

1. It is the one module for that library, of which only what is public is used. What the ``OTEL_*``
   variables say of sampling, limits, batches, the service and the collector is the SDK's business.
2. Nothing is imported before a process is to make spans, and where none are wanted nothing is done.
3. A process makes its own, after it was forked. A collector that does not answer holds nobody up:
   spans are exported by a thread, and at the end for a moment.
4. Names and attributes are those of the semantic conventions for HTTP.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from runner.telemetry.request_trace import RequestTrace, current

log = logging.getLogger(__name__)

SWITCH = "RUNNER_SPANS"
"""Is 0 where it was said already that no spans can be made."""

_ASKING = (
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_TRACES_EXPORTER",
)
_EXPORTERS = ("otlp", "otlp_proto_http")
_PROPAGATED = (b"tracestate", b"baggage")  # beside what is read strictly
_FLUSH_WITHIN = 2.0

Result = TypeVar("Result")
Attributes = Mapping[str, str | int]

_NONE: Attributes = {}

_tracer: Any = None
_provider: Any = None
_pid = 0


def are_wanted(environ: Mapping[str, str] = os.environ) -> bool:
    """Tell whether the variables ask for spans."""
    if environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or environ.get(SWITCH) == "0":
        return False
    exporters = environ.get("OTEL_TRACES_EXPORTER", "otlp").split(",")
    if not any(each.strip() in _EXPORTERS for each in exporters):
        return False
    return any(environ.get(name) for name in _ASKING)


def can_be_made() -> bool:
    """Tell whether spans are wanted and the libraries are there; say so if they are not."""
    if not are_wanted():
        return False
    try:
        if importlib.util.find_spec("opentelemetry.exporter.otlp.proto.http") and (
            importlib.util.find_spec("opentelemetry.sdk")
        ):
            return True
    except ImportError:  # of the package that they stand in
        pass
    _do_without("and there are none without: pip install 'notebook-runner[otel]'")
    return False


def _do_without(why: str) -> None:
    os.environ[SWITCH] = "0"  # whoever we start needs not say it again
    log.warning("the OTEL_* variables ask for spans, %s", why)


def begin(run: str = "", notebook: Path | None = None) -> None:
    """Make spans in this process from now on, if they are wanted; once is enough.

    Args:
        run: The name of the run that it serves, if there is one.
        notebook: After which the service is named, in the processes that this one starts too,
            unless the variables name it.
    """
    global _tracer, _provider, _pid  # noqa: PLW0603 - there is one for a process
    if _pid == os.getpid() or not can_be_made():
        return
    is_named = "service.name=" in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    if notebook is not None and not is_named:
        os.environ.setdefault("OTEL_SERVICE_NAME", notebook.stem)
    from opentelemetry import trace

    from runner import __version__

    try:
        provider = _new_provider({"runner.run": run} if run else {})
    except ValueError as error:
        _do_without(f"but none are made: {error}")
        return
    _provider, _pid = provider, os.getpid()
    _tracer = provider.get_tracer("runner", __version__)
    if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        trace.set_tracer_provider(provider)  # for the spans of the notebook, which has none


def _new_provider(facts: dict[str, str]) -> Any:
    """Make what makes and exports spans.

    Raises:
        ValueError: A variable says what the SDK does not know.
    """
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    importlib.import_module("opentelemetry.propagate")  # now, for a request would fail by it
    resource = Resource.create({"process.pid": os.getpid(), **facts})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider


def import_ahead() -> None:
    """Import what spans need, if they are wanted: processes that are forked share it."""
    if can_be_made():
        with contextlib.suppress(ValueError):  # of a variable: who begins says so
            importlib.import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
            importlib.import_module("opentelemetry.sdk.trace.export")


def is_on() -> bool:
    """Tell whether this process makes spans."""
    return _tracer is not None and _pid == os.getpid()


def flush(within: float = _FLUSH_WITHIN) -> None:
    """Export what has ended, for some seconds at most."""
    if not is_on():
        return
    work = threading.Thread(
        target=_provider.force_flush, args=[int(within * 1000)], name="spans", daemon=True
    )
    work.start()
    work.join(within)


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
        span = _tracer.start_span(
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
        if cause is not None:
            self._span.record_exception(cause)

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
        self.end(failed=str(status) if status >= 500 else "")


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
    span = _tracer.start_span(
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
    if not is_on():
        return None
    from opentelemetry import context, propagate

    above = propagate.extract(
        {"traceparent": traceparent} if traceparent else {}, context.Context()
    )
    return Span(_tracer.start_span(name, context=above, attributes=attributes))


def _wall(moment: float) -> int:
    """Give the nanoseconds since the epoch of a moment by `time.monotonic`."""
    return time.time_ns() - int((time.monotonic() - moment) * 1e9)
