"""Say in words and in blocks what a service was asked, how it answered, and for how long."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

_BLOCKS = "▁▂▃▄▅▆▇█"
_WIDTH = 60  # letters of an hour
_UNITS = ("B", "kB", "MB", "GB", "TB")


def sparkline(values: Sequence[float], width: int = _WIDTH) -> str:
    """Draw numbers as blocks, of which the highest is the largest number.

    Args:
        values: Their numbers, none below 0.
        width: So many letters at most; then each is the sum of as many numbers.
    """
    if not values:
        return ""
    each = -(-len(values) // width)
    first = len(values) % each
    parts = [values[:first]] if first else []
    parts += [values[at : at + each] for at in range(first, len(values), each)]
    return blocks([sum(part) for part in parts])


def blocks(values: Sequence[float]) -> str:
    """Draw each number as a block, of which the highest is the largest number."""
    most = max(values, default=0)
    return "".join(_block(value, most) for value in values)


def _block(value: float, most: float) -> str:
    """Draw a number: whatever is more than nothing is seen."""
    if value <= 0:
        return " "
    return _BLOCKS[min(len(_BLOCKS) - 1, int(value / most * len(_BLOCKS)))]


def counted(number: int, name: str) -> str:
    """Say a number of something, such as ``1 error``."""
    return f"{number:,} {noun(number, name)}"


def noun(number: int, name: str) -> str:
    """Name one or several."""
    return name if number == 1 else f"{name}s"


def rate(per_second: float) -> str:
    """Say how many requests come in a second."""
    return f"{per_second:,.0f}/s" if per_second >= 10 else f"{per_second:.2g}/s"


def milliseconds(seconds: float | None) -> str:
    """Say how long an answer takes; nothing if none was given."""
    if seconds is None:
        return ""
    return f"{seconds * 1000:,.0f} ms" if seconds >= 0.01 else f"{seconds * 1000:.2g} ms"


def span(seconds: float) -> str:
    """Say for how long something has gone on, such as ``1 day, 2:03:04``."""
    return str(dt.timedelta(seconds=round(seconds)))


def size(count: float | None) -> str:
    """Say how many bytes something has; nothing if that is not known."""
    if count is None:
        return ""
    power = 0
    while count >= 1000 and power < len(_UNITS) - 1:
        count, power = count / 1000, power + 1
    return f"{count:,.0f} {_UNITS[power]}" if count >= 10 else f"{count:.2g} {_UNITS[power]}"


def said(traffic: dict[str, Any]) -> str:
    """Say in a line what was asked since the service was started, and what is now."""
    failed, refused = traffic["errors"], traffic["refused"]
    parts = [
        f"{rate(traffic['per_second'])} in the last minute",
        f"{traffic['requests']:,} in all",
        f"{failed:,} failed" if failed else "none failed",
        *([f"{refused:,} refused"] if refused else []),
        *([f"{traffic['in_flight']:,} in flight"] if traffic["in_flight"] else []),
        *([f"{traffic['waiting']:,} waiting"] if traffic["waiting"] else []),
    ]
    return ", ".join(parts)


def latency(traffic: dict[str, Any]) -> str:
    """Say how long answers took in the last minute."""
    p50, p99 = milliseconds(traffic["p50"]), milliseconds(traffic["p99"])
    return f"p50 {p50}, p99 {p99}" if p50 else "nothing was asked in the last minute"
