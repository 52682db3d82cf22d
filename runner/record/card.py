"""Lay out the card that a record shows of a service: as HTML, and as plain text.

The rules of this file:

1. It has only what Jupyter shows of a notebook that it does not trust, and no site has to be
   reached: no script, no style sheet, a picture within the page; colours that suit a light page and
   a dark one.
2. Whatever is said is escaped: names, errors and requests are not ours.
"""

from __future__ import annotations

import base64
import dataclasses
import enum
import html
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from nbformat import NotebookNode

    from runner.record.sparkline import Sparkline

LINE, RED = "rgba(128,128,128,0.35)", "#cf222e"
BOX = "border-radius:6px;padding:10px 14px;max-width:780px;font-size:13px;line-height:1.5"
_HEAD = "display:flex;flex-wrap:wrap;justify-content:space-between;gap:2px 16px"
_FIGURES = "display:flex;flex-wrap:wrap;gap:6px 28px;margin-top:8px"
_ROW = "display:flex;gap:12px"
_NAME = "width:104px;min-width:104px;opacity:0.7"
_TEXT = "min-width:0;overflow-wrap:break-word;word-break:break-word"
_COMMAND = (
    "margin:10px 0 0 0;padding:6px 8px;border-radius:4px;background-color:rgba(128,128,128,0.12);"
    "white-space:pre-wrap;word-break:break-all;font-size:12px"
)
_LONGEST = 500  # of a text
_LONGEST_COMMAND = 2_000
_KEY = "card"


class Tone(enum.Enum):
    """Say how a card looks: its colour and its sign."""

    WELL = ("#2da44e", "●")
    PASSING = ("#bf8700", "◐")
    CALM = ("#8c959f", "■")
    BAD = (RED, "✕")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Card:
    """Say what a card shows; two are the same that differ by ``beside`` alone.

    Attributes:
        tone: How it looks.
        title: What it is about.
        beside: What stands beside that.
        figures: Numbers, each with what it counts.
        sparkline: The traffic; None if nobody counts it.
        rows: Names, each with what is said of it.
        command: By which one asks the service; empty if there is none.
    """

    tone: Tone
    title: str
    beside: str = dataclasses.field(default="", compare=False)
    figures: tuple[tuple[str, str], ...] = ()
    sparkline: Sparkline | None = None
    rows: tuple[tuple[str, str], ...] = ()
    command: str = ""

    def html(self) -> str:
        """Give it as HTML."""
        color, _ = self.tone.value
        style = f"border:1px solid {LINE};border-left:4px solid {color};{BOX}"
        parts = [self._head(), self._figures(), self._picture(), *map(_row, self.rows)]
        if self.command:
            parts.append(f'<pre style="{_COMMAND}">{html.escape(self._short_command)}</pre>')
        return f'<div style="{style}">{"".join(parts)}</div>'

    def text(self) -> str:
        """Give it as plain text."""
        lines = [f"{self.tone.value[1]} {self.title}"]
        if self.figures:
            lines.append("  " + " · ".join(f"{value} {name}" for value, name in self.figures))
        if self.sparkline is not None:
            lines += [f"  {self.sparkline.text()}", f"  {self.sparkline.said}"]
        lines += [f"  {name:<14}{_cut(text)}" for name, text in self.rows]
        lines += [f"  {self._short_command}"] if self.command else []
        lines += [f"  ({self.beside})"] if self.beside else []
        return "\n".join(lines)

    def output(self) -> NotebookNode:
        """Give it as an output of a cell."""
        return _output(self.html(), self.text())

    @property
    def _short_command(self) -> str:
        return _cut(self.command, _LONGEST_COMMAND)

    def _head(self) -> str:
        color, sign = self.tone.value
        title = f'<span style="color:{color}">{sign}</span> <b>{shown(self.title)}</b>'
        beside = f'<span style="opacity:0.7">{shown(self.beside)}</span>'
        return f'<div style="{_HEAD}"><span>{title}</span>{beside}</div>'

    def _figures(self) -> str:
        numbers = "".join(
            f'<div><div style="font-size:18px;font-weight:600">{shown(value)}</div>'
            f'<div style="font-size:11px;opacity:0.7">{shown(name)}</div></div>'
            for value, name in self.figures
        )
        return f'<div style="{_FIGURES}">{numbers}</div>' if numbers else ""

    def _picture(self) -> str:
        if self.sparkline is None:
            return ""
        data = base64.b64encode(self.sparkline.svg().encode()).decode()
        said = html.escape(self.sparkline.said)
        style = "max-width:100%;display:block;margin:8px 0 0 0"
        return (
            f'<img alt="{said}" width="{self.sparkline.width}" height="{self.sparkline.height}"'
            f' style="{style}" src="data:image/svg+xml;base64,{data}">'
            f'<div style="font-size:11px;opacity:0.7;margin:0 0 8px 0">{said}</div>'
        )


def is_card(output: Any) -> bool:
    """Tell whether an output of a cell is a card."""
    metadata = output.get("metadata") or {}
    ours = metadata.get("runner") if isinstance(metadata, dict) else None
    return isinstance(ours, dict) and bool(ours.get(_KEY))


def end_without_word(output: dict[str, Any], reason: str) -> None:
    """Say on a card, which is of a process that was killed, that it is not so any more."""
    notice = Card(tone=Tone.BAD, title=f"killed: {reason}", beside="below: as it was saved last")
    data = output.setdefault("data", {})
    for kind, ours, gap in (
        ("text/html", notice.html(), ""),
        ("text/plain", notice.text(), "\n"),
    ):
        data[kind] = f"{ours}{gap}{_joined(data.get(kind))}"


def _joined(text: Any) -> str:
    return "".join(map(str, text)) if isinstance(text, list) else str(text or "")


def _output(page: str, text: str) -> NotebookNode:
    from nbformat.v4 import new_output

    node = new_output(
        "display_data",
        data={"text/html": page, "text/plain": text},
        metadata={"runner": {_KEY: True}},
    )
    return cast("NotebookNode", node)


def _row(row: tuple[str, str]) -> str:
    name, text = row
    said = shown(_cut(text))
    if text.startswith(("http://", "https://")) and " " not in text and len(text) < _LONGEST:
        said = f'<a href="{html.escape(text)}">{said}</a>'
    named = f'<span style="{_NAME}">{shown(name)}</span>'
    return f'<div style="{_ROW}">{named}<span style="{_TEXT}">{said}</span></div>'


def _cut(text: str, most: int = _LONGEST) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def shown(text: str) -> str:
    """Escape a text so that it stands as it is, also where pages look for formulas in texts."""
    escaped = html.escape(text)
    return escaped.replace("$", "<span>&#36;</span>").replace("\\", "<span>&#92;</span>")
