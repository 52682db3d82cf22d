"""Say what was raised while a request was answered: at which line of which cell, and how it came.

The rules of this file:

1. What is said is bounded, whatever an author's class and a client's request make of it.
2. Frames of libraries are folded, and the middle of a long way, such as that of an endless
   recursion, is left out.
3. No exception and no frame is kept: a request and its data would live as long.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import linecache
import os
import re
import sys
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePath
from types import FrameType
from typing import NamedTuple

from runner.telemetry.cell_places import place_of
from runner.telemetry.error_texts import bounded, chain_of, text_of

MOST = 16_384
"""Bytes that one has at most."""

_MOST_LINES = 10_240  # bytes of them
_LONGEST_NAME, _LONGEST_LINE = 200, 200
_MOST_FRAMES = 10_000
_MOST_SHOWN = 30  # places of one exception
_PACKAGE = Path(__file__).parent.parent
_INSTALLED = ("site-packages", "dist-packages")
_VERSION = re.compile(r"python3(\.\d+)?t?")  # of a folder of Python's own modules
_CAUSE = "The above exception was the direct cause of the following exception:"
_CONTEXT = "During handling of the above exception, another exception occurred:"


class Line(NamedTuple):
    """Be a line of a traceback: what is of the code, and behind that what an exception says."""

    code: str
    said: str = ""


class Raised(NamedTuple):
    """Be what was raised, in words.

    Attributes:
        error: The name of its class; empty if something failed of which nothing was raised.
        message: What it says.
        cell: The number of the cell that it came from, as a reader counts; 0 if that is not known.
        line: In that cell; 0 likewise.
        text: Of that line.
        lines: The traceback.
    """

    error: str
    message: str
    cell: int = 0
    line: int = 0
    text: str = ""
    lines: tuple[Line, ...] = ()

    @property
    def traceback(self) -> str:
        """Give it as one text."""
        return "\n".join(line.code + line.said for line in self.lines)


class _Frame(NamedTuple):
    """Be a place that an exception has passed; of a cell 0 says that it is none of a reader's."""

    file: str
    cell: int | None
    line: int
    name: str
    text: str

    @property
    def is_own(self) -> bool:
        return self.cell is not None or not is_of_library(self.file)

    def lines(self) -> Iterator[Line]:
        where = _named(self.file) if self.cell is None else f"cell {self.cell or '?'}"
        within = "" if self.name.startswith("<module>") else f", in {self.name}"
        yield Line(f"{where}, line {self.line}{within}")
        if self.text:
            yield Line(f"    {self.text}")


class _Link(NamedTuple):
    """Be one exception of several of which each came of the next."""

    error: BaseException
    name: str
    said: str
    frames: list[_Frame]


def raised_by(error: BaseException) -> Raised:
    """Say what an exception is, and where it comes from."""
    try:
        while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
            error = error.exceptions[0]
        return _raised_by([*map(_link, chain_of(error))])
    except Exception:  # noqa: BLE001 - an author's class may be anything
        return Raised("Exception", "(it cannot be told)")


def standing_in(thread: int, said: str) -> Raised:
    """Say that a thread goes no further, and where it is.

    Args:
        thread: Its identifier.
        said: What is to be said of it.
    """
    frame = sys._current_frames().get(thread)  # noqa: SLF001 - its documented name
    found = itertools.islice(traceback.walk_stack(frame), _MOST_FRAMES) if frame else ()
    frames = _frames_of(reversed([*found]))
    return _told("", said, frames, itertools.chain.from_iterable(_shown(frames)))


def _raised_by(chain: list[_Link]) -> Raised:
    first = next((each for each in chain if any(frame.cell for frame in each.frames)), chain[0])
    return _told(chain[0].name, chain[0].said, first.frames, _lines_of(chain))


def _told(error: str, said: str, frames: list[_Frame], lines: Iterable[Line]) -> Raised:
    place = next((each for each in reversed(frames) if each.cell), None)
    known = (place.cell or 0, place.line, place.text) if place else (0, 0, "")
    return Raised(error, said, *known, tuple(_fitted(lines)))


def _link(error: BaseException) -> _Link:
    name = bounded(type(error).__name__.lstrip("_"), _LONGEST_NAME)
    passed = itertools.islice(traceback.walk_tb(error.__traceback__), _MOST_FRAMES)
    return _Link(error, name, text_of(error), _frames_of(passed))


def _frames_of(passed: Iterable[tuple[FrameType, int]]) -> list[_Frame]:
    frames: list[_Frame] = []
    for frame, number in passed:
        code, line = frame.f_code, number or 0
        place = place_of(code.co_filename)
        frames.append(
            _Frame(
                file=code.co_filename,
                cell=None if place is None else place.number,
                line=line if place is None else line + place.above,
                name=bounded(code.co_name, _LONGEST_NAME),
                text=_text_of_line(code.co_filename, line),
            )
        )
    return frames


def _text_of_line(file: str, line: int) -> str:
    if is_of_library(file):
        return ""
    with contextlib.suppress(Exception):  # a file that is gone, or no text
        return bounded(linecache.getline(file, line).strip(), _LONGEST_LINE)
    return ""


def _lines_of(chain: list[_Link]) -> Iterator[Line]:
    for place in reversed(range(len(chain))):
        each = chain[place]
        for row in _shown(each.frames):
            yield from row
        yield Line(f"{each.name}: " if each.said else each.name, each.said)
        if place:
            is_cause = chain[place - 1].error.__cause__ is each.error
            yield Line(_CAUSE if is_cause else _CONTEXT)


def _shown(frames: list[_Frame]) -> Iterator[list[Line]]:
    """Give the lines of the places of one exception, those of libraries folded unless all are.

    Of those that have called the author's code nothing is said.
    """
    first = next((place for place, frame in enumerate(frames) if frame.is_own), None)
    rows: list[list[Line]] = []
    for is_folded, group in itertools.groupby(
        frames[first:], lambda each: first is not None and not each.is_own
    ):
        some = [*group]
        rows += [[Line(fold_line(len(some)))]] if is_folded else [[*each.lines()] for each in some]
    half = _MOST_SHOWN // 2
    if (left_out := len(rows) - 2 * half) > 0:
        rows[half:-half] = [[Line(f"    … {left_out} more places …")]]
    return iter(rows)


def _fitted(lines: Iterable[Line]) -> list[Line]:
    """Leave out what is in the middle of too many bytes: the end says most."""
    left, kept = _MOST_LINES, list[Line]()
    for line in reversed([*lines]):
        left -= len(line.code.encode()) + len(line.said.encode())
        if left < 0:
            return [Line("…"), *reversed(kept)]
        kept.append(line)
    return [*reversed(kept)]


def _named(file: str) -> str:
    with contextlib.suppress(OSError):
        file = file.removeprefix(f"{os.getcwd()}{os.sep}")  # noqa: PTH109 - paths take ten times as long
    return bounded(file, _LONGEST_NAME)


@functools.lru_cache(1_024)
def is_of_library(file: str) -> bool:
    """Tell a file that is installed, or of Python's own or of this package, from the author's."""
    if file.startswith("<frozen "):
        return True
    path = PurePath(Path(file).expanduser())
    pairs = zip(path.parts, path.parts[1:], strict=False)
    is_standard = any(lib in ("lib", "lib64") and _VERSION.fullmatch(name) for lib, name in pairs)
    is_installed = any(name in path.parts for name in _INSTALLED)
    return is_standard or is_installed or path.is_relative_to(_PACKAGE)


def fold_line(count: int) -> str:
    """Give what stands in place of so many frames of libraries."""
    return f"    … {frames_said(count)} …"


def frames_said(count: int) -> str:
    """Say how many frames are folded."""
    return "1 frame of a library" if count == 1 else f"{count} frames of libraries"
