"""Lay out the report of a rehearsal: for a log, a terminal, a notebook.

It comes from a kernel, where the author's code runs: so nothing in it is relied on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from runner.telemetry.log_lines import folded

MOST_ROWS = 50
COLUMNS = ("what", "request", "field", "before", "now", "name")
_LONGEST = 120


def is_whole(said: Mapping[str, Any]) -> bool:
    """Tell a report from word of how far a rehearsal is."""
    return "is_accepted" in said


def summary(said: Mapping[str, Any]) -> str:
    """Say a report in one line, or how far a rehearsal is."""
    if not is_whole(said):
        return f"it is at {said.get('at')}, after {said.get('asked')} of {said.get('of')} requests"
    parts = [f"{said.get(name, 0)} {name}" for name in ("same", "changed", "failed", "slower")]
    if said.get("mended"):
        parts.insert(3, f"{said['mended']} mended")
    text = f"{said.get('asked', 0)} requests in {said.get('seconds', 0)} s: {', '.join(parts)}"
    reasons = said.get("left_out") or {}
    left_out = ", ".join(f"{count} {why}" for why, count in reasons.items())
    return f"{text}; left out: {left_out}" if left_out else text


def table(said: Mapping[str, Any], most: int = MOST_ROWS) -> Iterator[str]:
    """Lay a report's rows out for a terminal."""
    rows = _rows_of(said)[:most]
    if not rows:
        return
    lines = [[name.upper() for name in COLUMNS], *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = (text.ljust(width) for text, width in zip(line, widths, strict=True))
        yield "  ".join(cells).rstrip()
    if left := _left_of(said, len(rows)):
        yield f"and {left} more"


def sentences(said: Mapping[str, Any], most: int) -> Iterator[str]:
    """Say a report's first rows, a sentence each, for a log."""
    rows = _rows_of(said)[:most]
    for row in rows:
        yield f"{row[0]} at {sentence(dict(zip(COLUMNS, row, strict=True)))}"
    if left := _left_of(said, len(rows)):
        yield f"has {left} more such fields, which its record shows"


def markdown(said: Mapping[str, Any]) -> str:
    """Lay a report out for a notebook."""
    reason = _cell(str(said.get("reason", "")))
    verdict = "" if said.get("is_accepted", True) else f"\n\n**It may not serve:** {reason}"
    text = f"### Rehearsal\n\n{summary(said)}{verdict}\n"
    if not (rows := _rows_of(said)):
        return text
    lines = [COLUMNS, ["---"] * len(COLUMNS), *([_cell(text) for text in row] for row in rows)]
    text += "\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
    left = _left_of(said, len(rows))
    return f"{text}\nand {left} more\n" if left else text


def sentence(row: Mapping[str, str]) -> str:
    """Say one row."""
    about = "" if row["field"] == "status" else f"{row['field']} is "
    return f"{row['request']} ({row['name']}): {about}{row['now']}, not {row['before']}"


def _rows_of(said: Mapping[str, Any]) -> list[list[str]]:
    rows: Iterable[Mapping[str, Any]] = said.get("rows") or ()
    return [[shortened(str(row.get(name, ""))) for name in COLUMNS] for row in rows][:MOST_ROWS]


def _left_of(said: Mapping[str, Any], shown_rows: int) -> int:
    return len(said.get("rows") or ()) - shown_rows + int(said.get("rows_left_out", 0))


def _cell(text: str) -> str:
    return f"`{text.replace('|', '¦').replace('`', chr(39))}`" if text else ""


def shortened(text: str) -> str:
    """Give a text in one line of bounded length."""
    text = folded(" ".join(text.split()))
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
