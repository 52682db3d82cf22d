"""Metrics: what is recorded, and what is read of a record."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from runner.model.metrics import record_metrics
from runner.record.metrics import metrics_of
from runner.wire import METRICS_MIME


def executed(*data: dict[str, Any], **run: Any) -> dict[str, Any]:
    outputs = [{"output_type": "display_data", "data": found} for found in data]
    cells = [{"source": ""}, {"outputs": [{"output_type": "stream"}, *outputs]}]
    return {"cells": cells, "metadata": {"runner": run}}


def card(sha256: str, **metrics: Any) -> dict[str, Any]:
    return {"sha256": sha256, "metrics": metrics}


def test_outside_of_ipython_it_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """A script that shares its code with a notebook goes on working."""
    record_metrics({"a b": 1}, c=np.int64(2), d=float("nan"))
    assert capsys.readouterr().out == "a b: 1\nc: 2\nd: None\n"


@pytest.mark.parametrize("value", ["0.5", [1], {}])
def test_a_metric_is_a_number(value: Any) -> None:
    """A text that looks like one is none."""
    with pytest.raises(TypeError, match="the metric 'a' is not a number"):
        record_metrics(a=value)


def test_what_is_recorded_last_counts() -> None:
    """A notebook may record its progress."""
    assert metrics_of(executed({METRICS_MIME: {"a": 1, "b": 2}}, {METRICS_MIME: {"a": 3}})) == {
        "a": 3,
        "b": 2,
    }


def test_scrapbooks_scraps_are_metrics() -> None:
    """Notebooks that glue need no edit; what is no number is left out."""
    scraps = [
        {"name": "a", "data": 0.5},
        {"name": "b", "data": "text"},
        {"name": "c", "data": True},
    ]
    mime = "application/scrapbook.scrap.json+json"
    assert metrics_of(executed(*({mime: scrap} for scrap in scraps))) == {"a": 0.5}


def test_a_card_that_the_run_wrote_has_metrics() -> None:
    """Not one that was there before, be it of a model that the run read."""
    run = {
        "model_cards": {"model_path": card("1", a=1), "base_path": card("2", a=2)},
        "model_cards_at_end": {
            "model_path": card("3", a=3, per={"class": 4}, note="text"),
            "base_path": card("2", a=2),
            "other_path": card("5", a=5),
        },
    }
    assert metrics_of(executed(**run)) == {"a": 3, "per.class": 4, "other.a": 5}


def test_what_is_recorded_comes_before_a_card() -> None:
    """The notebook's own word is the first."""
    run = {"model_cards_at_end": {"model_path": card("3", a=3)}}
    assert metrics_of(executed({METRICS_MIME: {"b": 1}}, **run)) == {"b": 1}
