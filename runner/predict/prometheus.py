"""Show Prometheus what all workers count, by its own client's formats.

The client is imported at the first scrape, so that who is never scraped does not pay for it.
"""

from __future__ import annotations

import asyncio
import importlib
import itertools
import platform
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from runner import __version__
from runner.access.counts import Counted
from runner.access.gate import Gate
from runner.identity import Identity
from runner.liveness.readiness import Readiness
from runner.predict.http_messages import Request, Response, Route
from runner.traffic.counters import LATENCIES, SIZES, Counters, EndpointCounts

if TYPE_CHECKING:
    from prometheus_client import Metric

_LIBRARIES = {"numpy": "numpy", "sklearn": "scikit_learn"}


class PrometheusCollector:
    """Be a collector, as the client calls it.

    Args:
        counters: Gives the counters of all workers.
        identity: What is running.
        gate: Gives what lets requests in.
        readiness: Gives what the supervisor has told of the service.
    """

    def __init__(
        self,
        counters: Callable[[], Counters],
        identity: Identity,
        gate: Callable[[], Gate],
        readiness: Callable[[], Readiness],
    ) -> None:
        self._counters, self._gate, self._readiness = counters, gate, readiness
        self._identity = identity

    def collect(self) -> Iterator[Metric]:
        """Give all metrics as they are now."""
        from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily

        numbers = self._counters().total()
        yield InfoMetricFamily("runner", "What is running.", value=service_info(self._identity))
        yield from _counter_families(numbers)
        yield from _histogram_families(numbers)
        yield from _gauge_families(numbers)
        yield GaugeMetricFamily(
            "runner_version_failed",
            "1 while the newest version of the notebook has failed, and one before it serves.",
            value=int(Readiness.VERSION_FAILED in self._readiness()),
        )
        gate = self._gate()
        yield from _access_families(gate.counts.total(), is_keyed=gate.keys is not None)


def service_info(identity: Identity) -> dict[str, str]:
    """Say what is running, by versions and hashes."""
    versions = {
        label: str(getattr(sys.modules[name], "__version__", ""))
        for name, label in _LIBRARIES.items()
        if name in sys.modules
    }
    return {
        "run_id": identity.run_id,
        "notebook_sha256": identity.notebook_sha256,
        "model_sha256": identity.model_sha256,
        "runner": __version__,
        "python": platform.python_version(),
        **versions,
    }


def metrics_route(
    counters: Callable[[], Counters],
    identity: Identity,
    gate: Callable[[], Gate],
    readiness: Callable[[], Readiness],
) -> Route:
    """Make what answers at ``/metrics``."""
    collector = PrometheusCollector(counters, identity, gate, readiness)
    is_imported = False

    async def scrape(request: Request) -> Response:
        nonlocal is_imported
        if not is_imported:  # what is half imported by another scrape stands in `sys.modules` too
            await asyncio.to_thread(importlib.import_module, "prometheus_client")
            is_imported = True
        accept = request.headers.get(b"accept", b"").decode("latin-1")
        body, kind = exposition(collector, accept)
        headers = ((b"cache-control", b"no-store"), (b"vary", b"accept"))
        return Response(body=body, content_type=kind.encode(), headers=headers)

    return scrape


def exposition(collector: PrometheusCollector, accept: str) -> tuple[bytes, str]:
    """Write the metrics in the format that is asked for, and name its media type."""
    from prometheus_client.exposition import choose_encoder

    try:
        encoder, kind = choose_encoder(accept)
    except (ValueError, TypeError):  # a version that is no number
        encoder, kind = choose_encoder("")
    return encoder(collector), kind


def _counter_families(numbers: dict[str, EndpointCounts]) -> Iterator[Metric]:
    from prometheus_client.core import CounterMetricFamily

    requests = CounterMetricFamily(
        "runner_requests", "Requests answered.", labels=["endpoint", "status"]
    )
    errors = CounterMetricFamily(
        "runner_errors", "Requests without a prediction, by kind.", labels=["endpoint", "kind"]
    )
    call_seconds = CounterMetricFamily(
        "runner_predict_seconds", "Time spent in predict.", labels=["endpoint"]
    )
    for name, found in numbers.items():
        for status, count in found.answered.items():
            if count:
                requests.add_metric([name, str(status) if status >= 100 else f"{status}xx"], count)
        for kind, count in found.errors.items():
            errors.add_metric([name, kind], count)
        if name:
            call_seconds.add_metric([name], found.call_seconds)
    unrecorded = CounterMetricFamily(
        "runner_requests_unrecorded",
        "Requests that the request log should have, and has not.",
        value=numbers[""].unrecorded,
    )
    yield from (requests, errors, call_seconds, unrecorded)


def _histogram_families(numbers: dict[str, EndpointCounts]) -> Iterator[Metric]:
    from prometheus_client.core import HistogramMetricFamily

    latency = HistogramMetricFamily(
        "runner_request_duration_seconds",
        "Time from a request's arrival to its answer.",
        labels=["endpoint"],
    )
    sizes = HistogramMetricFamily(
        "runner_predict_rows", "Rows in one call of predict.", labels=["endpoint"]
    )
    for name, found in numbers.items():
        latency.add_metric([name], _buckets(LATENCIES, found.latencies), found.seconds)
        if name:
            sizes.add_metric([name], _buckets(SIZES, found.sizes), found.rows)
    yield from (latency, sizes)


def _gauge_families(numbers: dict[str, EndpointCounts]) -> Iterator[Metric]:
    from prometheus_client.core import GaugeMetricFamily

    in_flight = GaugeMetricFamily(
        "runner_requests_in_flight", "Requests begun and not answered.", labels=["endpoint"]
    )
    waiting = GaugeMetricFamily(
        "runner_requests_waiting", "Requests that wait for a call.", labels=["endpoint"]
    )
    for name, found in numbers.items():
        in_flight.add_metric([name], found.in_flight)
        if name:
            waiting.add_metric([name], found.waiting)
    yield from (in_flight, waiting)


def _access_families(counted: Counted, *, is_keyed: bool) -> Iterator[Metric]:
    from prometheus_client.core import CounterMetricFamily

    admitted = CounterMetricFamily(
        "runner_key_requests", "Requests let in, by the name of their key.", labels=["key"]
    )
    refused = CounterMetricFamily(
        "runner_refused_requests",
        "Requests that were not let in: 401, no key; 403, another site; 421, another host; 429,"
        " too many with one key.",
        labels=["status"],
    )
    for name, count in counted.admitted.items():
        admitted.add_metric([name], count)
    for status, count in counted.refused.items():
        refused.add_metric([status], count)
    yield from (admitted, refused) if is_keyed else (refused,)


def _buckets(bounds: Sequence[float], counts: Sequence[int]) -> list[tuple[str, float]]:
    """Accumulate counts, as Prometheus wants them."""
    labels = [*(str(float(bound)) for bound in bounds), "+Inf"]
    return list(zip(labels, itertools.accumulate(counts), strict=True))
