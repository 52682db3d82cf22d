"""Say what a reload, a rollback or a stop has done, and which version serves now.

The answer may come from a supervisor of another release: what it lacks is left out.
"""

from __future__ import annotations

from typing import Any

from runner.supervise.status import local
from runner.traffic.traffic_text import counted

LETTERS = 8
"""Of a hash, by which a version is named."""


def said(question: str, outcome: dict[str, Any]) -> str:
    """Say in a line what was done.

    Args:
        question: What was asked for, such as ``reload``.
        outcome: What the supervisor has answered, which is well.
    """
    before, serving = _mapping(outcome.get("before")), _mapping(outcome.get("serving"))
    if question == "stop":
        served = f"; {_named(before)} had served since {_since(before)}" if before else ""
        return f"stopped{served}{_asked(_mapping(outcome.get('traffic')))}"
    reason = reason_of(outcome)
    if not serving:
        return f"{question} is done: {reason}" if reason else f"{question} is done"
    now, where = _named(serving), f"serves{_where(serving)}"
    if reason:
        return f"{now} {where}: {reason}"
    if before and _named(before) == now:
        return f"{now}, run anew, {where}"
    instead = f", instead of {_named(before)}" if before else ""
    back = "back to " if question == "rollback" else ""
    return f"{back}{now}, which {where}{instead}"


def what_serves(outcome: dict[str, Any]) -> str:
    """Say what serves though a command has failed; empty if that is not known."""
    if "serving" not in outcome:
        return ""
    serving = _mapping(outcome["serving"])
    return f"{_named(serving)} goes on serving{_where(serving)}" if serving else "nothing serves"


def reason_of(outcome: dict[str, Any]) -> str:
    """Give in a line why it went as it did; empty if nothing is said of that."""
    return " ".join(_text(outcome.get("reason")).split())


def _where(run: dict[str, Any]) -> str:
    url = _text(run.get("url"))
    return f" on {url}" if url else ""


def _asked(traffic: dict[str, Any]) -> str:
    """Say what a service was asked in its life."""
    asked, errors = traffic.get("requests"), traffic.get("errors")
    if not isinstance(asked, int) or not isinstance(errors, int):
        return ""
    failed = f"{errors:,} of them failed" if errors else "none failed"
    return f"; {counted(asked, 'request')}, {failed}"


def _named(run: dict[str, Any]) -> str:
    sha256 = _text(run.get("sha256"))
    return f"version {sha256[:LETTERS]}" if sha256 else f"run {run.get('run')}"


def _since(run: dict[str, Any]) -> str:
    return local(_text(run.get("since"))) or "a moment ago"


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
