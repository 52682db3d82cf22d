"""Read the places of a traceback as IPython shows it, and fold those that are not the author's."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path, PurePath

_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
FRAME = re.compile(
    r"^\s*(?:Cell In\[(?P<count>\d+)\], line |File (?P<file>[^\n]+?):)(?P<line>\d+)", re.MULTILINE
)
_PACKAGE = Path(__file__).parent.parent
_INSTALLED = ("site-packages", "dist-packages")
_VERSION = re.compile(r"python3(\.\d+)?t?")  # of a folder of Python's own modules


def plain(text: str) -> str:
    """Give a text without its colours, and what else it has for a terminal."""
    return _ANSI.sub("", text)


def is_of_library(file: str) -> bool:
    """Tell a file that is installed, or of Python's own or of this package, from the author's."""
    if file.startswith("<frozen "):
        return True
    path = PurePath(Path(file).expanduser())
    pairs = zip(path.parts, path.parts[1:], strict=False)
    is_standard = any(lib in ("lib", "lib64") and _VERSION.fullmatch(name) for lib, name in pairs)
    is_installed = any(name in path.parts for name in _INSTALLED)
    return is_standard or is_installed or path.is_relative_to(_PACKAGE)


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
        left += [_fold_line(row)] * bool(row) + [part]
        row = 0
    return left + [_fold_line(row)] * bool(row), folds.count(True)


def _is_foldable(part: str) -> bool:
    shown = plain(part)
    found = [*FRAME.finditer(shown)] if FRAME.match(shown) else []
    return bool(found) and all(frame["file"] and is_of_library(frame["file"]) for frame in found)


def _fold_line(count: int) -> str:
    return f"    … {frames_said(count)} …\n"


def frames_said(count: int) -> str:
    """Say how many frames are folded."""
    return "1 frame of a library" if count == 1 else f"{count} frames of libraries"
