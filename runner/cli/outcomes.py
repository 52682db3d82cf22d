"""Say what a command has done to a service, and which version serves now."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.record.sparkline import counted
from runner.supervise.status import VERSION_STYLES, local, why

if TYPE_CHECKING:
    from runner.cli.terminal import Cell

_LETTERS = 8  # of a hash

VERSION_COLUMNS = ("version", "state", "since", "commit", "author", "why")


def said(question: str, outcome: dict[str, Any]) -> str:
    """Say in a line what was done.

    Args:
        question: What was asked for, such as ``reload``.
        outcome: What the supervisor has answered, which is well.
    """
    before, serving = outcome.get("before"), outcome.get("serving")
    if question == "stop":
        served = f"; {_named(before)} had served since {_since(before)}" if before else ""
        return f"stopped{served}{_asked(outcome.get('traffic'))}"
    if not serving:
        return f"{question} is done"
    now, where = _named(serving), f"serves on {serving['url']}"
    if outcome["reason"]:
        return f"{now} {where}: {outcome['reason']}"
    if before and before["sha256"] == serving["sha256"]:
        return f"{now}, run anew, {where}"
    instead = f", instead of {_named(before)}" if before else ""
    back = "back to " if question == "rollback" else ""
    return f"{back}{now}, which {where}{instead}"


def what_serves(outcome: dict[str, Any]) -> str:
    """Say what serves though a command has failed; empty if that is not known."""
    if "serving" not in outcome:
        return ""
    serving = outcome["serving"]
    return f"{_named(serving)} goes on serving on {serving['url']}" if serving else "nothing serves"


def version_rows(versions: Iterable[dict[str, Any]]) -> list[tuple[Cell, ...]]:
    """Lay out what a supervisor says of versions, in ``VERSION_COLUMNS``."""
    return [
        (
            each["sha256"][:_LETTERS],
            (each["state"], VERSION_STYLES.get(each["state"], "")),
            local(each["since"]),
            (each["commit"] or "")[:_LETTERS],
            each["author"] or "",
            why(each),
        )
        for each in versions
    ]


def short_path(path: Path | None) -> str:
    """Name a file by its path below the working folder, if it is there."""
    if path is None:
        return "the service"
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def _asked(traffic: dict[str, Any] | None) -> str:
    """Say what a service was asked in its life."""
    if not traffic:
        return ""
    failed = f"{traffic['errors']:,} of them failed" if traffic["errors"] else "none failed"
    return f"; {counted(traffic['requests'], 'request')}, {failed}"


def _named(run: dict[str, Any]) -> str:
    return f"version {run['sha256'][:_LETTERS]}" if run.get("sha256") else f"run {run['run']}"


def _since(run: dict[str, Any]) -> str:
    return local(run.get("since") or "") or "a moment ago"
