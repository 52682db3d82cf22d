"""Draw for people on a terminal, by rich; elsewhere the same as plain text, for programs.

rich is imported only when something is drawn: it takes a good part of a command's start. What is
shown may come from anywhere, so nothing in it is markup, and it says nothing to the terminal.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, TextIO

import click

from runner.telemetry.log_lines import folded

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table
    from rich.text import Text

Cell = str | tuple[str, str]
"""A text; or a text and its style by rich's words, such as ``("failed", "red")``."""

_GAP, _DRAWN_GAP = 2, 3  # between columns
_NARROWEST = 20  # of a column whose cells may be broken


def is_terminal(stream: TextIO | None = None) -> bool:
    """Tell whether people read what is written to a stream: stdout, unless another is given."""
    stream = stream or sys.stdout
    return bool(stream and stream.isatty() and os.environ.get("TERM") != "dumb")


def console(stream: TextIO | None = None) -> Console:
    """Give what draws: in colours only on a terminal, and not if ``NO_COLOR`` says so.

    Args:
        stream: Where to; stdout if it is left out.
    """
    from rich.console import Console

    stream = stream or sys.stdout
    return Console(
        file=stream,
        force_terminal=is_terminal(stream),
        highlight=False,
        markup=False,
        emoji=False,
        width=None if is_terminal(stream) else _WIDE,
    )


_WIDE = 10_000  # columns: a program does not mind


def styled(word: str, colour: str) -> str:
    """Give a word of what is said to stderr: in bold and colour if people read that and want it."""
    if not is_terminal(sys.stderr) or os.environ.get("NO_COLOR"):
        return word
    return click.style(word, fg=colour, bold=True)


def text(cell: Cell) -> Text:
    """Give a cell's text as rich takes it."""
    from rich.text import Text

    said, style = (cell, "") if isinstance(cell, str) else cell
    return Text(folded(said), style=style, overflow="fold")


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[Cell]],
    *,
    right: Collection[str] = (),
    title: str = "",
) -> Table:
    """Give a table for ``console().print``.

    Args:
        columns: Their names.
        rows: As many cells each.
        right: The columns whose cells are numbers.
        title: Stands above it; nothing if empty.
    """
    from rich import box
    from rich.table import Table

    drawn = Table(
        box=box.SIMPLE_HEAD,
        show_edge=False,
        title=text(title) if title else None,
        title_justify="left",
        title_style="bold",
        header_style="bold",
        pad_edge=False,
    )
    for name in columns:
        drawn.add_column(text(name), justify="right" if name in right else "left")
    for row in rows:
        drawn.add_row(*map(text, row))
    return drawn


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[Cell]], *, right: Collection[str] = ()
) -> None:
    """Write a table to stdout: drawn on a terminal, else a line for each row.

    Args:
        columns: Their names; on a narrow terminal only the last one's cells are broken.
        rows: As many cells each.
        right: The columns whose cells are numbers.
    """
    if not is_terminal():
        click.echo(plain_table(columns, rows, right=right))
        return
    rows, draws = [*rows], console()
    if _fits(columns, rows, draws.width):
        draws.print(table(columns, rows, right=right))
    else:
        draws.print(_stacked(columns, rows))


def _fits(columns: Sequence[str], rows: Iterable[Sequence[Cell]], width: int) -> bool:
    """Tell whether a terminal is so wide that a drawn table can be read there."""
    cells = zip(columns, *rows, strict=True)
    widths = [max(text(cell).cell_len for cell in column) for column in cells]
    return sum(widths[:-1]) + min(widths[-1], _NARROWEST) + _DRAWN_GAP * (len(widths) - 1) <= width


def _stacked(columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Table:
    """Lay out each row as lines of their own: a column's name, and what it says."""
    from rich.table import Table

    drawn = Table.grid(padding=(0, 2))
    for row in rows:
        for name, cell in zip(columns, row, strict=True):
            if said := text(cell):
                drawn.add_row(text((name, "dim")), said)
        drawn.add_row("", "")
    return drawn


def plain_table(
    columns: Sequence[str], rows: Iterable[Sequence[Cell]], *, right: Collection[str] = ()
) -> str:
    """Give a table as lines of text.

    Args:
        columns: Their names.
        rows: As many cells each.
        right: The columns whose cells are numbers.
    """
    lines = [[*columns], *([_plain(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    gap = " " * _GAP
    return "\n".join(
        gap.join(
            cell.rjust(width) if name in right else cell.ljust(width)
            for cell, name, width in zip(line, columns, widths, strict=True)
        ).rstrip()
        for line in lines
    )


def _plain(cell: Cell) -> str:
    return folded(cell if isinstance(cell, str) else cell[0])


def drawn(what: RenderableType, stream: TextIO | None = None) -> str:
    """Give the characters by which something is drawn, for who writes them later.

    Args:
        what: Anything that rich prints.
        stream: Whose width and colours count; stdout if it is left out.
    """
    draws = console(stream)
    with draws.capture() as captured:
        draws.print(what)
    return captured.get()
