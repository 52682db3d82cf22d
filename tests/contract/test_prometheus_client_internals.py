"""What we use of prometheus_client that its documentation does not promise."""

from __future__ import annotations

import prometheus_client.core
import prometheus_client.exposition
from support.insides import require, require_parameters


def test_prometheus_client_has_the_families_and_the_encoder() -> None:
    """Metrics are made from counters of our own, and written in the form that is asked for."""
    require(
        prometheus_client.core,
        "CounterMetricFamily",
        "GaugeMetricFamily",
        "HistogramMetricFamily",
        "InfoMetricFamily",
    )
    require(prometheus_client.exposition, "choose_encoder")
    require_parameters(prometheus_client.exposition.choose_encoder, "accept_header")
