"""How the cockpit writes figures."""

from __future__ import annotations

from typing import Any

import pytest

from runner.cockpit import layout


@pytest.mark.parametrize(
    ("write", "value", "shown"),
    [
        (layout.span, 59.7, "1 min"),
        (layout.milliseconds, 0.0021, "2.1 ms"),
        (layout.milliseconds, 1.5, "1,500 ms"),
        (layout.milliseconds, None, layout.UNKNOWN),
        (layout.size, 0, "0 B"),
        (layout.size, 999_600, "1,000 kB"),
        (layout.size, float("nan"), layout.UNKNOWN),
        (layout.number, 1_234_567, "1,234,567"),
        (layout.number, 0.125, "0.125"),
        (layout.number, 12_345.6, "12,346"),
        (layout.number, "<b>", layout.UNKNOWN),
    ],
)
def test_no_figure_is_written_with_an_exponent(write: Any, value: Any, shown: str) -> None:
    """A slow answer, a busy service and a large file are read at a glance, too."""
    assert write(value) == shown
