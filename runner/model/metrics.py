"""Let a notebook record its metrics, and read what a run's record says of them.

The rules of this file:

1. What the notebook says itself comes first: by ``record_metrics``, or by scrapbook's ``glue``.
2. What it wrote on a model's card comes second: the card's ``metrics``, if the run wrote it.
3. A metric is a number. What is none is left out; NaN and the infinities, which JSON has not,
   are None.
"""

from __future__ import annotations

import math
import operator
import sys
from collections.abc import Iterator, Mapping
from typing import Any

MIME = "application/vnd.runner.metrics+json"
# Of scrapbook 0.5: https://nteract-scrapbook.readthedocs.io
_SCRAP = "application/scrapbook.scrap.json+json"

Metrics = dict[str, int | float | None]


def record_metrics(metrics: Mapping[str, Any] | None = None, /, **named: Any) -> None:
    """Put numbers into the executed notebook, where ``runner sweep`` finds them.

    It shows them as text, in plain Jupyter too; without IPython it prints them. What is
    recorded again under the same name replaces what was.

    Args:
        metrics: Numbers by name, numpy's too.
        **named: The same, as keywords.

    Raises:
        TypeError: One is not a number.
    """
    found = {name: _number(name, value) for name, value in {**(metrics or {}), **named}.items()}
    text = "\n".join(f"{name}: {value}" for name, value in found.items())
    if shell := _shell():
        shell.display_pub.publish({MIME: found, "text/plain": text})
    else:
        print(text)  # noqa: T201 - there is nothing else to show it


def metrics_of(document: Mapping[str, Any]) -> Metrics:
    """Read the metrics of an executed notebook, in the order in which they were recorded."""
    said: Metrics = {}
    for output in _outputs(document):
        said |= _numbers(_glued(output) or output.get(MIME))
    return said or _of_cards(document.get("metadata", {}).get("runner", {}))


def _shell() -> Any:
    """Give the IPython that we run in; None outside of one."""
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython else None


def _outputs(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for cell in document.get("cells", []):
        for output in cell.get("outputs", []):
            yield output.get("data") or {}


def _glued(data: Mapping[str, Any]) -> dict[str, Any]:
    scrap = data.get(_SCRAP)
    return {str(scrap.get("name")): scrap.get("data")} if isinstance(scrap, dict) else {}


def _of_cards(run: Mapping[str, Any]) -> Metrics:
    """Take the cards that the run itself wrote: those that are others at its end."""
    before = run.get("model_cards") or {}
    found: Metrics = {}
    for parameter, card in (run.get("model_cards_at_end") or {}).items():
        if card != before.get(parameter):
            prefix = "" if parameter == "model_path" else f"{parameter.removesuffix('_path')}."
            found |= _numbers(card.get("metrics"), prefix)
    return found


def _numbers(values: Any, prefix: str = "") -> Metrics:
    """Take the numbers out of a mapping; those of a mapping within it as ``outer.inner``."""
    found: Metrics = {}
    for name, value in values.items() if isinstance(values, Mapping) else ():
        if isinstance(value, Mapping):
            found |= _numbers(value, f"{prefix}{name}.")
        elif value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
            found[f"{prefix}{name}"] = value
    return found


def _number(name: str, value: Any) -> int | float | None:
    if value is None:
        return None
    try:
        return int(operator.index(value))
    except TypeError:
        if isinstance(value, str) or not hasattr(value, "__float__"):
            kind = type(value).__name__
            raise TypeError(f"the metric {name!r} is not a number but {kind}") from None
    number = float(value)
    return number if math.isfinite(number) else None
