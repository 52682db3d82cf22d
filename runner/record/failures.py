"""Say in which cell and line a run failed, so that whoever wrote the notebook finds the place.

A cell is counted as a reader counts it: all cells of the notebook, texts too, from 1 on, without
those that papermill and we put in. Its title is an id of words, a comment in its first line, or the
heading right before it.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from runner.notebook import code
from runner.notebook.document import INJECTED_TAG, source, tags
from runner.record.tracebacks import FRAME, plain
from runner.telemetry.raised import is_of_library

_WORDS = re.compile(r"[a-z]+(?:[-_]?[a-z0-9]+)*")
_HEXADECIMAL = re.compile(r"[0-9a-f-]*")
_CAUSES = re.compile(r"^(?:During handling of|The above exception was)[^\n]*$", re.MULTILINE)
_TIMED = "<timed exec>"  # within `%%time`, whose body is a file of its own
_POINTED_AT = re.compile(r"^-+> \d+ (.*)$", re.MULTILINE)
_BELOW_PLACE = re.compile(r"\n {4}(.*)")  # as a file is shown that is no Python
_SYNTAX_PLACE = re.compile(r" \((?:\d+|<[^>]*>)(?:\.py)?, line \d+\)$")
_LONGEST_LINE = 100
_LONGEST_VALUE = 1_000  # the cell shows all of it

Cell = Mapping[str, Any]


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Frame:
    """Hold one place of a traceback: a cell by its execution count, or a file."""

    count: int
    file: str
    line: int
    text: str

    @property
    def place(self) -> tuple[int, str, int]:
        """Give where it is."""
        return self.count, self.file, self.line


@dataclasses.dataclass(frozen=True, kw_only=True)
class Failure:
    """Say where and by what a run failed.

    Attributes:
        place: The cell in words.
        cell: Its number as a reader counts it; None of one that was put in.
        cell_id: Its id.
        line: The line at which the error left it, as it is written; None if that is not known.
        text: That line.
        error: The error's name.
        value: What it says, in one line.
        origin: Where it began, if not there, in words.
        mend: What may be done about it, in words.
    """

    place: str
    cell: int | None
    cell_id: str
    line: int | None
    text: str
    error: str
    value: str
    origin: str = ""
    mend: str = ""

    @property
    def said(self) -> str:
        """Say it in one line."""
        place = f"{self.place}, line {self.line} `{self.text}`," if self.text else self.place
        said = f"{place} raised {self.error}: {self.value}".rstrip(": ")
        said += f" (in {self.origin})" if self.origin else ""
        return f"{said}; {self.mend}" if self.mend else said

    def facts(self) -> dict[str, Any]:
        """Give it for a record."""
        return dataclasses.asdict(self)


def failure_of(  # noqa: PLR0913, PLR0917 - each is another fact
    cells: Sequence[Cell],
    cell: Cell,
    name: str,
    value: str,
    traceback: Sequence[str] = (),
    mend: str = "",
) -> Failure:
    """Find out where a cell failed.

    Args:
        cells: All of the notebook.
        cell: The one that failed.
        name: The error's.
        value: Its text.
        traceback: As IPython shows it.
        mend: What may be done about it.
    """
    text = source(dict(cell))
    line = line_of(text, traceback)
    return Failure(
        place=describe(cells, cell),
        cell=number_of(cells, cell),
        cell_id=str(cell.get("id", "")),
        line=line or None,
        text=_line_of_text(text, line),
        error=name,
        value=plain_value(name, value),
        origin=origin_of(cells, cell, traceback),
        mend=mend,
    )


def title_of(cell: Cell) -> str:
    """Give the title that a cell has by itself; empty if none."""
    name = str(cell.get("id", ""))
    # Jupyter and Colab make ids of random characters, which tell nobody anything.
    if _WORDS.fullmatch(name) and not _HEXADECIMAL.fullmatch(name):
        return name
    first = source(dict(cell)).strip().partition("\n")[0]
    return first.lstrip("#% ").removeprefix("@title").strip() if first.startswith("#") else ""


def describe(cells: Sequence[Cell], cell: Cell) -> str:
    """Name a cell by its place and title, such as ``cell 4 (Load the data)``."""
    if is_put_in(cell):
        return "the cell of the parameters that were given" if _is_given(cell) else "what was left"
    own = [each for each in cells if not is_put_in(each)]
    number = number_of(cells, cell)
    if not number:
        return "a cell"
    title = title_of(cell) or _heading(own[number - 2] if number > 1 else None)
    return f"cell {number} ({title[:_LONGEST_LINE]})" if title else f"cell {number}"


def number_of(cells: Sequence[Cell], cell: Cell) -> int | None:
    """Count a cell as a reader does; None of one that is not the notebook's own."""
    own = (each for each in cells if not is_put_in(each))
    return next((place for place, each in enumerate(own, 1) if each is cell), None)


def is_put_in(cell: Cell) -> bool:
    """Tell whether papermill or we have put a cell in."""
    return any(tag.startswith("injected-") for tag in tags(dict(cell)))


def _is_given(cell: Cell) -> bool:
    return INJECTED_TAG in tags(dict(cell))


def _heading(before: Cell | None) -> str:
    if before is None or before["cell_type"] != "markdown":
        return ""
    last = source(dict(before)).strip().splitlines()[-1:]
    return last[0].lstrip("#").strip() if last and last[0].startswith("#") else ""


def line_of(text: str, traceback: Sequence[str]) -> int:
    """Give the line of a cell, as it is written, at which an error left it; 0 if it is unknown.

    Args:
        text: The cell's source.
        traceback: The error's, as IPython shows it.
    """
    frames = _frames(traceback)
    if not frames:
        return 0
    timed = next((frame for frame in frames if frame.file == _TIMED), None)
    if timed:
        return code.line_as_written(text, 1) + timed.line
    first = next((frame for frame in frames if frame.count), None)
    return _line_in_cell(text, first) if first else 0


def _line_in_cell(text: str, frame: _Frame) -> int:
    """Give a frame's line as it is written; that of a cell within `%%capture` counts its body's."""
    line = code.line_as_written(text, frame.line)
    within = code.line_as_written(text, 1) + frame.line
    is_within = text.lstrip().startswith("%%") and frame.text
    return within if is_within and _line_of_text(text, within) == frame.text else line


def traceback_at(line: int) -> list[str]:
    """Give a traceback, as IPython shows it, that says of a cell's line no more than its number."""
    return [f"Cell In[1], line {line}"] if line else []


def origin_of(cells: Sequence[Cell], cell: Cell, traceback: Sequence[str]) -> str:
    """Name where an error began, if that was in another cell, another line or a file of the user's.

    Returns:
        Such as ``cell 2, line 3 `return x[0]` `` or ``helper.py, line 2 `return 1 + "a"` ``.
    """
    own = [frame for frame in _frames(traceback) if _is_own(frame)]
    if not own or (own[0].count and own[-1].place == own[0].place):
        return ""
    last = own[-1]
    if last.file:
        return f"{_named_file(last.file)}, line {last.line} `{last.text}`"
    there = next((each for each in cells if each.get("execution_count") == last.count), cell)
    text = source(dict(there))  # not what the kernel shows, where a secret is none
    number = code.line_as_written(text, last.line)
    return f"{describe(cells, there)}, line {number} `{_line_of_text(text, number)}`"


def plain_value(name: str, value: str) -> str:
    """Give an error's text in one line, without what is said beside it, such as its own name."""
    value = " ".join(value.split()).removeprefix(f"{name}: ")
    if name in ("SyntaxError", "IndentationError", "TabError"):
        return _SYNTAX_PLACE.sub("", value)
    return value if len(value) <= _LONGEST_VALUE else f"{value[:_LONGEST_VALUE]}…"


def _frames(traceback: Sequence[str]) -> list[_Frame]:
    """List the places of the last exception of a traceback, the outermost first."""
    shown = _CAUSES.split(plain("\n".join(traceback)))[-1]
    return list(_frames_in(shown))


def _frames_in(shown: str) -> Iterator[_Frame]:
    found = list(FRAME.finditer(shown))
    for number, frame in enumerate(found, 1):
        end = found[number].start() if number < len(found) else len(shown)
        below = shown[frame.end() : end]
        pointed = _POINTED_AT.search(below) or _BELOW_PLACE.match(below)
        yield _Frame(
            count=int(frame["count"] or 0),
            file=frame["file"] or "",
            line=int(frame["line"]),
            text=_shortened(pointed[1]) if pointed else "",
        )


def _is_own(frame: _Frame) -> bool:
    """Tell a cell and a file below the working folder from what is installed."""
    if not frame.file:
        return True
    is_here = Path(frame.file).expanduser().is_relative_to(Path.cwd())
    return is_here and not is_of_library(frame.file)


def _named_file(file: str) -> str:
    return str(Path(file).expanduser().relative_to(Path.cwd()))


def _line_of_text(text: str, number: int) -> str:
    lines = code.lines_of(text)
    return _shortened(lines[number - 1]) if 0 < number <= len(lines) else ""


def _shortened(line: str) -> str:
    line = line.strip()
    return line if len(line) <= _LONGEST_LINE else f"{line[: _LONGEST_LINE - 1]}…"
