"""The metrics are what was counted, in Prometheus' formats."""

from __future__ import annotations

import asyncio
import threading

import pytest
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families
from support.service_surface import IDENTITY, Surface, price, species

from runner.access.gate import Gate
from runner.liveness.readiness import Readiness
from runner.predict import prometheus
from runner.predict.http_messages import Request, Response
from runner.traffic.counters import Counters


@pytest.fixture
def service() -> Surface:
    return Surface(species(), price())


def samples(answer: Response) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    families = text_string_to_metric_families(answer.body.decode())
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def value(answer: Response, name: str, **labels: str) -> float:
    return samples(answer)[name, tuple(sorted(labels.items()))]


def test_requests_are_counted_by_endpoint_and_status(service: Surface) -> None:
    """Each answer counts once, a rare status among those of its class."""
    for name, status in (("species", 200), ("species", 200), ("price", 422), ("price", 418)):
        service.counters[name].request_started()
        service.counters[name].request_answered(status, 0.003)
    answer = service.get("/metrics")
    requests = "runner_requests_total"
    assert value(answer, requests, endpoint="species", status="200") == 2
    assert value(answer, requests, endpoint="price", status="422") == 1
    assert value(answer, requests, endpoint="price", status="4xx") == 1


def test_errors_are_counted_by_kind(service: Surface) -> None:
    """What is not answered well is sorted: whose fault it was, and whether one may try again."""
    for status in (422, 500, 503, 504):
        service.counters["price"].request_started()
        service.counters["price"].request_answered(status, 0.001)
    service.counters["price"].request_started()
    service.counters["price"].request_abandoned()
    answer = service.get("/metrics")
    for kind in ("invalid", "failed", "busy", "late", "gone"):
        assert value(answer, "runner_errors_total", endpoint="price", kind=kind) == 1


def test_what_the_request_log_could_not_take_is_counted(service: Surface) -> None:
    """Of all endpoints together: it is dropped when there is no time to look."""
    service.counters[""].requests_unrecorded(3)
    assert value(service.get("/metrics"), "runner_requests_unrecorded_total") == 3


def test_who_was_refused_is_counted_without_keys_too(service: Surface) -> None:
    """A host that is not allowed needs none; keys are counted where some are asked for."""
    service.gate.counts.refuse(421)
    answer = service.get("/metrics")
    assert value(answer, "runner_refused_requests_total", status="421") == 1
    assert b"runner_key_requests" not in answer.body


def test_latencies_are_a_histogram(service: Surface) -> None:
    """Buckets accumulate, and the last one is the count."""
    for seconds in (0.0002, 0.0009, 0.0009, 99):
        service.counters["species"].request_started()
        service.counters["species"].request_answered(200, seconds)
    answer, name = service.get("/metrics"), "runner_request_duration_seconds"
    buckets = [
        value(answer, f"{name}_bucket", endpoint="species", le=bound)
        for bound in ("0.0001", "0.00025", "0.001", "10.0", "+Inf")
    ]
    assert buckets == [0, 1, 3, 3, 4]
    assert value(answer, f"{name}_count", endpoint="species") == 4
    assert value(answer, f"{name}_sum", endpoint="species") == pytest.approx(99.002)


def test_batches_are_a_histogram(service: Surface) -> None:
    """How many rows the calls had, and how long they took."""
    service.counters["species"].model_called(1, 0.5)
    service.counters["species"].model_called(30, 0.25)
    answer, name = service.get("/metrics"), "runner_predict_rows"
    assert value(answer, f"{name}_bucket", endpoint="species", le="1.0") == 1
    assert value(answer, f"{name}_bucket", endpoint="species", le="32.0") == 2
    assert value(answer, f"{name}_sum", endpoint="species") == 31
    assert value(answer, "runner_predict_seconds_total", endpoint="species") == 0.75


def test_what_waits_is_shown(service: Surface) -> None:
    """Requests in flight and those that wait for a call are gauges."""
    service.counters["price"].request_started()
    service.counters["price"].request_started()
    service.counters["price"].set_waiting(1)
    answer = service.get("/metrics")
    assert value(answer, "runner_requests_in_flight", endpoint="price") == 2
    assert value(answer, "runner_requests_waiting", endpoint="price") == 1


def test_what_is_running_is_told_by_hashes(service: Surface) -> None:
    """Run, notebook, model and versions are labels of one metric."""
    ((labels, one),) = [
        (dict(labels), value)
        for (name, labels), value in samples(service.get("/metrics")).items()
        if name == "runner_info"
    ]
    assert one == 1
    assert (labels["run_id"], labels["notebook_sha256"], labels["model_sha256"]) == (
        "r1",
        "a" * 64,
        "b" * 64,
    )
    assert {"runner", "python"} <= set(labels)


def test_a_strange_name_is_a_label(service: Surface) -> None:
    """Whatever an endpoint is called, the format holds."""
    name = 'a"b\\c\nd'
    service = Surface(species(name=name))
    service.counters[name].model_called(1, 0.5)
    answer = service.get("/metrics")
    assert value(answer, "runner_predict_seconds_total", endpoint=name) == 0.5


def test_prometheus_gets_the_format_that_it_asks_for(service: Surface) -> None:
    """OpenMetrics for who accepts it, in its own media type and grammar."""
    accept = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"
    answer = service.get("/metrics", accept=accept)
    assert answer.content_type.startswith(b"application/openmetrics-text; version=1.0.0")
    families = list(openmetrics.text_string_to_metric_families(answer.body.decode()))
    assert "runner_requests" in {family.name for family in families}
    assert service.get("/metrics").content_type == b"text/plain; version=0.0.4; charset=utf-8"


@pytest.mark.parametrize(
    "accept",
    [
        "application/openmetrics-text;version=x",
        "text/plain;version=1.x",
        "text/plain;version=",
        ";;,,=",
        "application/openmetrics-text;version=1.0.0;escaping=nothing",
    ],
)
def test_a_strange_accept_is_no_error(service: Surface, accept: str) -> None:
    """Whatever a client accepts, it gets metrics."""
    assert service.get("/metrics", accept=accept).body.startswith(b"# HELP runner")


def test_scrapes_that_come_while_the_client_is_imported_wait_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is half imported stands among the modules already, and is of no use."""
    asked, may_go_on = threading.Semaphore(0), threading.Event()

    def imported(_: str) -> None:
        asked.release()
        assert may_go_on.wait(20)

    async def scraped() -> list[int]:
        counters = Counters(["a"], 1)
        route = prometheus.metrics_route
        scrape = route(lambda: counters, IDENTITY, Gate, lambda: Readiness.READY)
        request = Request(method="GET", path="/metrics", headers={}, body=b"", query=b"")
        scrapes = [asyncio.ensure_future(scrape(request)) for _ in range(2)]
        for _ in scrapes:
            await asyncio.to_thread(asked.acquire, timeout=20)
        assert not any(each.done() for each in scrapes)
        may_go_on.set()
        return [(await each).status for each in scrapes]

    monkeypatch.setattr(prometheus.importlib, "import_module", imported)
    assert asyncio.run(scraped()) == [200, 200]


def test_a_version_that_failed_turns_a_metric(service: Surface) -> None:
    """One that every replica has, whichever version it serves."""
    assert value(service.get("/metrics"), "runner_version_failed") == 0
    service.readiness = Readiness.VERSION_FAILED
    assert value(service.get("/metrics"), "runner_version_failed") == 1
