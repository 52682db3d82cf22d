"""Say in words what stands in templates of runs."""

from __future__ import annotations

import datetime as dt
import time
import urllib.parse
from collections.abc import Callable, Mapping
from typing import Any

from runner.cockpit.run_values import text_of_value

_TONES = {
    "completed": "good",
    "serving": "good",
    "running": "busy",
    "draining": "busy",
    "failed": "bad",
    "kernel-died": "bad",
    "killed": "bad",
}
_WORDS = {"kernel-died": "kernel died", "": "unknown"}


def tone(status: str) -> str:
    """Say how a state, of a run or of a cell, is to be taken: the name of a colour."""
    return _TONES.get(status, "")


def word(status: str) -> str:
    """Say a state as people do."""
    return _WORDS.get(status, status)


def iso(moment: float | None) -> str:
    """Write a moment, given in seconds since 1970, as ISO does; a dash if there is none."""
    return dt.datetime.fromtimestamp(moment, dt.UTC).isoformat() if moment else "–"  # noqa: RUF001 - a dash


def since(moment: float | None) -> float | None:
    """Give the seconds since a moment; None if there is none, or it is to come."""
    passed = time.time() - moment if moment else -1.0
    return passed if passed >= 0 else None


FILTERS: Mapping[str, Callable[..., Any]] = {
    "tone": tone,
    "word": word,
    "iso": iso,
    "since": since,
    "value": text_of_value,
    "path_url": urllib.parse.quote,
}
