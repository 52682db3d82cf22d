"""Let a notebook record its metrics; `runner.record.metrics` reads them from the record."""

from __future__ import annotations

import math
import operator
import sys
from collections.abc import Mapping
from typing import Any

from runner.wire import METRICS_MIME


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
        shell.display_pub.publish({METRICS_MIME: found, "text/plain": text})
    else:
        print(text)  # noqa: T201 - there is nothing else to show it


def _shell() -> Any:
    """Give the IPython that we run in; None outside of one."""
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython else None


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
