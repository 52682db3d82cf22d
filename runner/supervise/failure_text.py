"""Say once that a run failed: why, and what becomes of the service."""

from __future__ import annotations

import re

_PROCESS = re.compile(r"\b(pid|process) \d+")


def failure_text(run: str, reason: str, after: str, *, is_again: bool = False) -> str:
    """Say it in a line.

    Args:
        run: Which.
        reason: Why: where in the notebook, by which error, and what mends it.
        after: What becomes of the service; empty if nothing.
        is_again: The run before it failed likewise, which was told.
    """
    said = f"run {run} failed as the one before it" if is_again else f"run {run} failed: {reason}"
    return f"{said}; {after}" if after else said


def becomes(serving: str, next_run: str, awaited: str) -> str:
    """Say what becomes of a service of which a run has failed.

    Args:
        serving: The run that goes on serving; empty if none does.
        next_run: The run that is being started; empty if none is.
        awaited: The notebook of which an edit is waited for; empty if none is.
    """
    if serving:
        return f"run {serving} keeps serving"
    if next_run:
        return f"run {next_run} takes its place"
    return f"an edit of {awaited} is waited for" if awaited else ""


def is_same(reason: str, before: str) -> bool:
    """Tell whether two runs failed likewise, whichever processes they were."""
    return _PROCESS.sub("", reason) == _PROCESS.sub("", before)
