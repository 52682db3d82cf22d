"""Spans: made where they are wanted, with what the notebook does below them."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from support.collector import keep_spans
from support.connections import Server

from runner.cells.cell_thread import CellThread
from runner.telemetry import span_export, spans
from runner.telemetry.request_trace import RequestTrace

ASKING = "OTEL_EXPORTER_OTLP_ENDPOINT"
TRACEPARENT = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    """What has ended of the spans that this process makes."""
    return keep_spans(monkeypatch)


def own_span() -> None:
    """Be the notebook's code, with a tracer of its own."""
    with span_export._provider.get_tracer("notebook").start_as_current_span("own"):
        pass


def named(made: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    return {span.name: span for span in made.get_finished_spans()}


def parent_of(span: ReadableSpan) -> int:
    assert span.parent is not None
    return span.parent.span_id


async def app(scope: Any, receive: Any, send: Any) -> None:
    own_span()
    if scope["path"] == "/raises":
        raise ValueError("odd")
    status = 501 if scope["path"] == "/unknown" else 200
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": b"a"})


def ask(path: str, *lines: bytes) -> bytes:
    async def asked() -> bytes:
        server = Server(app)
        head = [b"GET %b HTTP/1.1" % path.encode(), b"Host: a", *lines, b"", b""]
        answer, _ = await server.said(server.general_way, b"\r\n".join(head))
        return answer

    return asyncio.run(asked())


def test_what_an_asgi_app_does_stands_below_its_request(made: InMemorySpanExporter) -> None:
    """And that below the span of who asks."""
    ask("/", b"traceparent: " + TRACEPARENT)
    request, own = named(made)["GET"], named(made)["own"]
    assert parent_of(own) == request.context.span_id
    assert f"{parent_of(request):016x}" == "b7ad6b7169203331"
    assert f"{request.context.trace_id:032x}" == "0af7651916cd43dd8448eb211c80319c"


def test_a_failure_stands_in_the_span(
    made: InMemorySpanExporter, caplog: pytest.LogCaptureFixture
) -> None:
    """What was raised, and by which number the log has it."""
    ask("/raises")
    request = named(made)["GET"]
    assert not request.status.is_ok
    attributes = request.attributes or {}
    assert f"failure {attributes['runner.failure']}: " in caplog.text
    assert (attributes["http.response.status_code"], attributes["error.type"]) == (500, "500")
    assert [event.name for event in request.events] == ["exception"]


def test_what_a_client_asks_amiss_is_no_failure_in_the_span(made: InMemorySpanExporter) -> None:
    """The app answers 501 to a method that it does not know."""
    ask("/unknown")
    assert named(made)["GET"].status.is_unset


def test_health_checks_make_no_spans(made: InMemorySpanExporter) -> None:
    """There would be little else."""
    assert ask("/healthz").startswith(b"HTTP/1.1 200")
    assert not made.get_finished_spans()


def test_a_cell_waits_and_runs_in_spans(made: InMemorySpanExporter) -> None:
    """What its code does stands below it."""
    request = RequestTrace()
    spans.begin_request(request, {"method": "GET", "path": "/", "headers": []})

    async def run() -> None:
        request.enter()
        thread: CellThread[None] = CellThread(
            timeout=0,
            grace=1,
            interrupt=KeyboardInterrupt,
            late=lambda: None,
            refused=lambda: None,
            kills=False,
        )
        await thread.run(own_span)

    asyncio.run(run())
    assert request.span is not None
    request.span.end_answered(200)
    found = named(made)
    assert parent_of(found["own"]) == found["cell"].context.span_id
    assert parent_of(found["cell"]) == parent_of(found["waiting"]) == found["GET"].context.span_id


def test_a_span_ends_once(made: InMemorySpanExporter) -> None:
    """Whoever else notes the end of its request."""
    request = RequestTrace()
    spans.begin_request(request, {"method": "GET", "path": "/", "headers": []})
    assert request.span is not None
    request.span.end_answered(200)
    request.span.end_answered(500)
    (span,) = made.get_finished_spans()
    assert (span.attributes or {})["http.response.status_code"] == 200


def test_spans_are_wanted_where_the_variables_say_so() -> None:
    """An endpoint, or the exporter by its name; the SDK can be switched off."""
    assert not span_export.are_wanted({})
    assert not span_export.are_wanted({ASKING: ""})
    assert span_export.are_wanted({ASKING: "http://a"})
    assert span_export.are_wanted({"OTEL_TRACES_EXPORTER": "console,otlp"})
    assert not span_export.are_wanted({ASKING: "http://a", "OTEL_TRACES_EXPORTER": "none"})
    assert not span_export.are_wanted({ASKING: "http://a", "OTEL_SDK_DISABLED": "true"})


def test_missing_libraries_are_told_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """With what installs them; whoever is started by us need not say it again."""
    monkeypatch.setenv(ASKING, "http://a")
    monkeypatch.delenv(span_export.SWITCH, raising=False)
    monkeypatch.setattr(span_export.importlib.util, "find_spec", lambda _: None)
    for _ in range(2):
        span_export.begin()
    assert not span_export.is_on()
    (record,) = caplog.records
    assert "pip install 'notebook-runner[otel]'" in record.message
    assert os.environ.pop(span_export.SWITCH) == "0"


def test_a_collector_that_hangs_is_waited_for_a_moment(
    made: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that ends has something else to do."""
    asked, goes_on = threading.Event(), threading.Event()

    class Hanging:
        def force_flush(self, timeout_millis: int) -> None:
            asked.set()
            goes_on.wait(30)

    monkeypatch.setattr(span_export, "_provider", Hanging())
    span_export.flush(0.01)
    assert asked.wait(10)
    assert not goes_on.is_set()
    goes_on.set()


@pytest.mark.parametrize(
    ("variable", "value"), [("OTEL_BSP_MAX_QUEUE_SIZE", "-1"), ("OTEL_PROPAGATORS", "b3")]
)
def test_what_the_library_does_not_know_is_said_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, variable: str, value: str
) -> None:
    """Before there are requests, and no more depends on it than spans."""
    monkeypatch.setenv(span_export.SWITCH, "")
    monkeypatch.setenv(ASKING, "http://127.0.0.1:9")
    monkeypatch.setenv(variable, value)
    monkeypatch.delitem(sys.modules, "opentelemetry.propagate", raising=False)
    for _ in range(2):
        span_export.begin()
    assert not span_export.is_on()
    (said,) = caplog.messages
    assert "none are made: " in said
