"""Bring what a record holds, which may be anything, into the form in which it is shown."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

LONGEST_VALUE = 200
LONGEST_TEXT = 2_000

Value = str | int | float | bool | None


def shown(path: Path) -> str:
    """Give a path as text that UTF-8 can hold."""
    return os.fsencode(path).decode(errors="replace")


def plain(value: Any) -> Value:
    """Give a value as it is if it is a single, short one; else as bounded text."""
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int) and abs(value) < 2**63:
        return value
    text = value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
    return text_of(text, LONGEST_VALUE)


def text_of(value: Any, longest: int = LONGEST_TEXT) -> str:
    """Give a text that UTF-8 can hold, cut to a length; empty if it is none."""
    if not isinstance(value, str):
        return ""
    cut = value if len(value) <= longest else f"{value[: longest - 1]}…"
    return cut.encode(errors="replace").decode()


def text_of_value(value: Value) -> str:
    """Write a parameter or a metric as a reader of the notebook would."""
    if isinstance(value, float):
        return f"{value:.6g}"
    return value if isinstance(value, str) else json.dumps(value)


def number_of(value: Any) -> float | None:
    """Give a number that is finite; None of anything else, and of what no float can hold."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None
