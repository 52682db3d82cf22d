"""A request is followed from a proxy to the notebook's own code, by a collector and by the log."""

from __future__ import annotations

import http.client
import json
import os
import secrets
import signal
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from support import Service, until, write_notebook
from support.collector import CollectedSpan, Collector, keep_spans
from support.served_wsgi import Served

from runner.telemetry import span_export

NOTEBOOK = """
import logging
from opentelemetry import trace
from runner import serve

def predict(x: int) -> int:
    with trace.get_tracer("notebook").start_as_current_span("looked up"):
        print("asked for", x)
        logging.getLogger("notebook").warning("odd")
    return 10 // x

serve(predict, example={"x": 1})
"""
SERVER, ERROR = 2, 2


class Proxy:
    """What stands in front: it has a span of its own, and says so."""

    def __init__(self, port: int) -> None:
        self._port = port

    def ask(self, x: int, *, flags: str = "01") -> tuple[str, str, http.client.HTTPResponse]:
        """Pass a request on; give the trace, the proxy's span and the answer."""
        trace_id, span_id = secrets.token_hex(16), secrets.token_hex(8)
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
        headers = {"content-type": "application/json"}
        headers["traceparent"] = f"00-{trace_id}-{span_id}-{flags}"
        connection.request("POST", "/", json.dumps({"x": x}), headers)
        answer = connection.getresponse()
        answer.read()
        assert answer.headers["traceparent"] == headers["traceparent"]
        connection.close()
        return trace_id, span_id, answer


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    """Where the spans of the service go."""
    collector = Collector()
    yield collector
    collector.close()


@pytest.fixture(scope="module")
def service(collector: Collector, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service whose variables ask for spans."""
    folder = tmp_path_factory.mktemp("traced")
    write_notebook(folder / "traced.ipynb", NOTEBOOK)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        patch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
        words = ("serve", "traced.ipynb", "--port", "0", "--log-format", "json", "--no-standby")
        service = Service(*words, cwd=folder)
    try:
        until(lambda: " served after " in service.said() or service.process.poll() is not None)
        yield service
    finally:
        service.end()


@pytest.fixture(scope="module")
def proxy(service: Service) -> Proxy:
    """Who asks."""
    return Proxy(service.bound_port())


def come(collector: Collector, name: str, trace_id: str = "") -> CollectedSpan:
    """The one span of a name, once it has come."""
    (span,) = until(lambda: collector.named(name, trace_id), 20)
    return span


def records_of(service: Service, trace_id: str) -> list[dict[str, Any]]:
    """What the log has of a trace."""
    lines = map(json.loads, service.said().splitlines())
    return [line for line in lines if line.get("trace_id") == trace_id]


def test_a_trace_goes_from_the_proxy_to_the_notebook(proxy: Proxy, collector: Collector) -> None:
    """Proxy, request, waiting and predict, and the notebook's own span, in one trace."""
    trace_id, proxys, _ = proxy.ask(5)
    request = come(collector, "POST /", trace_id)
    waiting, predict = come(collector, "waiting", trace_id), come(collector, "predict", trace_id)
    own = come(collector, "looked up", trace_id)
    assert (request.parent, request.kind) == (proxys, SERVER)
    assert waiting.parent == predict.parent == request.span_id
    assert own.parent == predict.span_id
    moments = (request.start, waiting.start, waiting.end, predict.start, own.start)
    for before, after in pairwise((*moments, own.end, predict.end, request.end)):
        assert before <= after + _BETWEEN_CLOCKS
    assert request.attributes.items() >= {
        ("http.request.method", "POST"),
        ("http.response.status_code", 200),
        ("http.route", "/"),
        ("url.path", "/"),
        ("url.scheme", "http"),
    }
    assert request.resource["service.name"] == "traced"
    assert request.resource["runner.run"]


_BETWEEN_CLOCKS = 10_000_000  # nanoseconds: two clocks are read, one after the other


def test_a_failure_is_found_by_its_trace(
    proxy: Proxy, collector: Collector, service: Service
) -> None:
    """In the log it is one line, an error; its number and what was raised stand in the span."""
    trace_id, _, answer = proxy.ask(0)
    request = come(collector, "POST /", trace_id)
    assert (answer.status, request.status) == (500, ERROR)
    (failure,) = until(
        lambda: [line for line in records_of(service, trace_id) if "traceback" in line], 10
    )
    assert failure["level"] == "error"
    assert failure["traceback"].endswith("ZeroDivisionError: integer division or modulo by zero")
    assert request.attributes["runner.failure"] in failure["event"]
    assert come(collector, "predict", trace_id).attributes["error.type"] == "ZeroDivisionError"


def test_all_that_is_logged_of_a_request_has_its_trace(proxy: Proxy, service: Service) -> None:
    """What its code prints, what it logs, and the line of the access log, under one id."""
    trace_id, _, _ = proxy.ask(2)
    records = until(lambda: (found := records_of(service, trace_id))[2:] and found, 10)
    shown = {record.get("line", record["event"]): record for record in records}
    assert shown.keys() == {"asked for 2", "odd", "request answered"}
    assert len({(each["id"], each["run"], each["worker"]) for each in records}) == 1
    assert (shown["odd"]["level"], shown["asked for 2"]["level"]) == ("warning", "info")


def test_a_trace_that_is_not_sampled_stays_unsampled(proxy: Proxy, collector: Collector) -> None:
    """As its flags say; it is named in the log all the same."""
    unsampled, _, _ = proxy.ask(3, flags="00")
    sampled, _, _ = proxy.ask(3)
    come(collector, "POST /", sampled)
    assert not collector.named("POST /", unsampled)


def test_a_start_and_a_swap_are_spans(service: Service, collector: Collector) -> None:
    """That of the run stands below, and ends when it serves."""
    start = come(collector, "start")
    run = until(lambda: collector.named("run", start.trace_id), 20)[0]
    assert run.parent == start.span_id
    assert start.attributes["runner.run"] == run.resource["runner.run"]
    os.kill(service.process.pid, signal.SIGHUP)
    swap = come(collector, "swap")
    assert (swap.attributes["runner.cause"], swap.status) == ("SIGHUP", 0)


def test_what_a_wsgi_app_does_stands_below_its_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the thread that has the connection, and in one from which the loop sends."""
    made = keep_spans(monkeypatch)

    def app(environ: Any, start_response: Any) -> list[bytes]:
        with span_export._provider.get_tracer("notebook").start_as_current_span("own"):
            start_response("200 OK", [])
        return [b"a"]

    served = Served(app)
    sent = "00-" + "1" * 32 + "-" + "2" * 16 + "-01"
    for fields in ({}, {"expect": "100-continue"}):
        status, headers, _ = served.ask("POST", "/a", b"b", traceparent=sent, **fields)
        assert (status, headers["traceparent"]) == (200, sent)
    served.server.drain()
    served.thread.join(10)
    found = made.get_finished_spans()
    requests = [span for span in found if span.name == "POST"]
    owns = [span.parent.span_id for span in found if span.name == "own" and span.parent]
    assert sorted(owns) == sorted(span.context.span_id for span in requests)
    assert [f"{span.parent.span_id:016x}" for span in requests if span.parent] == ["2" * 16] * 2
