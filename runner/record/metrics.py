"""Read the metrics that a run's record holds.

The rules of this file:

1. What the notebook recorded itself comes first: by ``record_metrics``, or by scrapbook's ``glue``.
2. What it wrote on a model's card comes second: the card's ``metrics``, if the run wrote it.
3. A metric is a number, or None where it was none that JSON has; all else is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any

from runner.wire import METRICS_MIME

# Of scrapbook 0.5: https://nteract-scrapbook.readthedocs.io
SCRAP_MIME = "application/scrapbook.scrap.json+json"

_MOST_BITS = 1023

Metrics = dict[str, int | float | None]


def metrics_of(document: Mapping[str, Any]) -> Metrics:
    """Read the metrics of an executed notebook, in the order in which they were recorded."""
    found: Metrics = {}
    for output in _outputs(document):
        found |= _numbers(_glued(output) or output.get(METRICS_MIME))
    return found or _of_cards(document.get("metadata", {}).get("runner", {}))


def metrics_text(metrics: Mapping[str, float | None]) -> str:
    """Write metrics in a line."""
    return ", ".join(f"{name} {number_text(value)}" for name, value in metrics.items())


def number_text(value: float | None, none: str = "–") -> str:  # noqa: RUF001 - a dash is no value
    """Write the value of a metric for people."""
    return none if value is None else format(value, ".6g")


def _outputs(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for cell in document.get("cells", []):
        for output in cell.get("outputs", []):
            yield output.get("data") or {}


def _glued(data: Mapping[str, Any]) -> dict[str, Any]:
    scrap = data.get(SCRAP_MIME)
    return {str(scrap.get("name")): scrap.get("data")} if isinstance(scrap, dict) else {}


def _of_cards(run: Mapping[str, Any]) -> Metrics:
    """Take the cards that the run itself wrote: those that are others at its end."""
    before = run.get("model_cards") or {}
    after = run.get("model_cards_at_end") or {}
    written = {name: card for name, card in after.items() if card != before.get(name)}
    is_one = len(written) == 1
    found: Metrics = {}
    for name, card in written.items():
        found |= _numbers(card.get("metrics"), _prefix(name, is_one))
    return found


def _prefix(name: str, is_one: bool) -> str:
    """Tell metrics of several models apart, by the parameter that names one, or by its file."""
    if name == "model_path":
        return ""
    if name.endswith("_path"):
        return f"{name.removesuffix('_path')}."
    return "" if is_one else f"{PurePath(name).stem}."


def _numbers(values: Any, prefix: str = "") -> Metrics:
    """Take the numbers out of a mapping; those of a mapping within it as ``outer.inner``."""
    found: Metrics = {}
    for name, value in values.items() if isinstance(values, Mapping) else ():
        if isinstance(value, Mapping):
            found |= _numbers(value, f"{prefix}{name}.")
        elif value is None or _is_number(value):
            found[f"{prefix}{name}"] = value
    return found


def _is_number(value: Any) -> bool:
    """Tell a number, of which JSON allows more digits than a float can hold."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value.bit_length() <= _MOST_BITS
    return isinstance(value, float)
