"""Read the places of a traceback as IPython shows it, and fold those that are not the author's."""

from __future__ import annotations

import re
from collections.abc import Sequence

from runner.telemetry.raised import fold_line, is_of_library

_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
FRAME = re.compile(
    r"^\s*(?:Cell In\[(?P<count>\d+)\], line |File (?P<file>[^\n]+?):)(?P<line>\d+)", re.MULTILINE
)


def plain(text: str) -> str:
    """Give a text without its colours, and what else it has for a terminal."""
    return _ANSI.sub("", text)


def folded(traceback: Sequence[str]) -> tuple[list[str], int]:
    """Put a line in place of the frames that are of libraries, unless all are.

    Args:
        traceback: As IPython gives it, each frame by itself.

    Returns:
        What is left of it, and how many frames are not.
    """
    folds = [_is_foldable(part) for part in traceback]
    frames = [bool(FRAME.match(plain(part))) for part in traceback]
    if folds.count(True) == frames.count(True):
        return [*traceback], 0
    left: list[str] = []
    row = 0
    for part, folds_it in zip(traceback, folds, strict=True):
        if folds_it:
            row += 1
            continue
        left += [f"{fold_line(row)}\n"] * bool(row) + [part]
        row = 0
    return left + [f"{fold_line(row)}\n"] * bool(row), folds.count(True)


def _is_foldable(part: str) -> bool:
    shown = plain(part)
    found = [*FRAME.finditer(shown)] if FRAME.match(shown) else []
    return bool(found) and all(frame["file"] and is_of_library(frame["file"]) for frame in found)
