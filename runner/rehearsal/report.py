"""Say what a new version answers otherwise than before, within bounds, and whether it may serve.

The rules of this file:

1. A case of the author's that is not answered as it says has failed; so has a recorded request that
   was answered well (below 400), and now fails: 5xx, an exception, or no answer in time. One such
   keeps the version from serving.
2. A recorded request that failed before may fail again. If it is answered, it is mended, and is not
   counted among the changed.
3. One is slower if it took more than twice the recorded time, and 50 ms more.
"""

from __future__ import annotations

import collections
import enum
import itertools
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from runner.rehearsal.answer import Answer
from runner.rehearsal.cases import Case
from runner.rehearsal.comparison import Difference, differences
from runner.rehearsal.handover import Rules
from runner.rehearsal.showing import Showing
from runner.telemetry.log_lines import folded

MOST_ROWS = 50
MOST_FAILED = 10
"""There is no use in asking on when so many have failed."""

_ROWS_OF_ONE = 3
_SLOWER_BY = 0.05
_LONGEST = 120
_COLUMNS = ("what", "request", "field", "before", "now", "name")


class Outcome(enum.StrEnum):
    """Say how an answer compares with what was expected, the worst first."""

    FAILED = "failed"
    CHANGED = "changed"
    MENDED = "mended"
    SAME = "same"


class Report:
    """Collect how a new version answers.

    Args:
        rules: How many may have changed.
        left_out: How many were left out before, by reasons.
    """

    def __init__(self, rules: Rules, left_out: Mapping[str, int]) -> None:
        self._rules, self._showing = rules, Showing(rules.secrets)
        self._left_out = collections.Counter(left_out)
        self._counts: collections.Counter[Outcome] = collections.Counter()
        self._recorded = self._slower = 0
        self._rows: dict[str, list[dict[str, str]]] = {each: [] for each in (*Outcome, "slower")}
        self._dropped = 0
        self._began = time.monotonic()

    @property
    def asked(self) -> int:
        """How many were asked."""
        return self._counts.total()

    @property
    def has_failed_often(self) -> bool:
        """Tell that it is known well enough that the version may not serve."""
        return self._counts[Outcome.FAILED] >= MOST_FAILED

    def leave_out(self, why: str) -> None:
        """Count one that is not asked."""
        self._left_out[why] += 1

    def add(self, case: Case, answer: Answer) -> None:
        """Take an answer."""
        outcome, found = judged(case, answer, self._showing)
        self._counts[outcome] += 1
        self._recorded += not case.is_own
        for each in found:
            self._add_row(outcome, case, each)
        if case.seconds is not None and _is_slower(case.seconds, answer.seconds):
            self._slower += 1
            times = (f"{seconds * 1000:.3g} ms" for seconds in (case.seconds, answer.seconds))
            self._add_row("slower", case, Difference("time", *times))

    def _add_row(self, what: str, case: Case, found: Difference) -> None:
        rows = self._rows[what]
        if len(rows) >= MOST_ROWS:
            self._dropped += 1
            return
        row = (what, case.said, found.field or "answer", found.before, found.now, case.name)
        rows.append({name: _shortened(text) for name, text in zip(_COLUMNS, row, strict=True)})

    def refusal(self) -> str:
        """Say why the version may not serve; empty if it may."""
        failed, changed = self._counts[Outcome.FAILED], self._counts[Outcome.CHANGED]
        if failed:
            first = self._rows[Outcome.FAILED][0]
            return f"{failed} of {self.asked} failed in the rehearsal, first {_sentence(first)}"
        most = self._rules.most_changed
        if most is not None and changed * 100 > most * self._recorded:
            return (
                f"{changed} of {self._recorded} recorded requests are answered otherwise, and"
                f" --rehearse-changes allows {most:g} %"
            )
        return ""

    def said(self) -> dict[str, Any]:
        """Give the report, as JSON can hold it."""
        rows = [*itertools.chain.from_iterable(self._rows.values())]
        reason = self.refusal()
        return {
            "is_accepted": not reason,
            "reason": reason,
            "asked": self.asked,
            **{outcome.value: self._counts[outcome] for outcome in reversed(Outcome)},
            "slower": self._slower,
            "left_out": dict(self._left_out),
            "seconds": round(time.monotonic() - self._began, 3),
            "rows": rows[:MOST_ROWS],
            "rows_left_out": self._dropped + max(0, len(rows) - MOST_ROWS),
        }


def judged(case: Case, answer: Answer, show: Showing) -> tuple[Outcome, list[Difference]]:
    """Compare an answer with what was expected; give the first fields that differ."""
    if case.is_own:
        found = _of_own(case, answer, show)
        return (Outcome.FAILED if found else Outcome.SAME), found
    before = case.status or 200
    if before >= 500 and answer.is_failure:
        return Outcome.SAME, []
    if before >= 500:
        return Outcome.MENDED, _of_status(case, answer, show)
    if answer.is_failure and before < 400:
        return Outcome.FAILED, _of_status(case, answer, show)
    compare = _of_answer if before == answer.status else _of_status
    found = compare(case, answer, show)
    return (Outcome.CHANGED if found else Outcome.SAME), found


def _of_own(case: Case, answer: Answer, show: Showing) -> list[Difference]:
    is_as_said = answer.status == case.status if case.status else 0 < answer.status < 400
    return (_of_answer if is_as_said else _of_status)(case, answer, show)


def _of_status(case: Case, answer: Answer, show: Showing) -> list[Difference]:
    now = show.failure(answer) if answer.is_failure else str(answer.status)
    return [Difference("status", str(case.status or "a success"), now)]


def _of_answer(case: Case, answer: Answer, show: Showing) -> list[Difference]:
    if not case.has_answer or case.method == "HEAD":
        return []
    found = differences(case.answer, answer.body, case.tolerance, show.value)
    return [*itertools.islice(found, _ROWS_OF_ONE)]


def _is_slower(before: float, now: float) -> bool:
    return now > 2 * before and now > before + _SLOWER_BY


def _shortened(text: str) -> str:
    text = folded(" ".join(text.split()))
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


# How it is shown. It comes from a kernel, where the author's code runs: so nothing is relied on.


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
    lines = [[name.upper() for name in _COLUMNS], *rows]
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
        yield f"{row[0]} at {_sentence(dict(zip(_COLUMNS, row, strict=True)))}"
    if left := _left_of(said, len(rows)):
        yield f"has {left} more such fields, which its record shows"


def markdown(said: Mapping[str, Any]) -> str:
    """Lay a report out for a notebook."""
    reason = _cell(str(said.get("reason", "")))
    verdict = "" if said.get("is_accepted", True) else f"\n\n**It may not serve:** {reason}"
    text = f"### Rehearsal\n\n{summary(said)}{verdict}\n"
    if not (rows := _rows_of(said)):
        return text
    lines = [_COLUMNS, ["---"] * len(_COLUMNS), *([_cell(text) for text in row] for row in rows)]
    text += "\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
    left = _left_of(said, len(rows))
    return f"{text}\nand {left} more\n" if left else text


def _sentence(row: Mapping[str, str]) -> str:
    about = "" if row["field"] == "status" else f"{row['field']} is "
    return f"{row['request']} ({row['name']}): {about}{row['now']}, not {row['before']}"


def _rows_of(said: Mapping[str, Any]) -> list[list[str]]:
    rows: Iterable[Mapping[str, Any]] = said.get("rows") or ()
    return [[_shortened(str(row.get(name, ""))) for name in _COLUMNS] for row in rows][:MOST_ROWS]


def _left_of(said: Mapping[str, Any], shown_rows: int) -> int:
    return len(said.get("rows") or ()) - shown_rows + int(said.get("rows_left_out", 0))


def _cell(text: str) -> str:
    return f"`{text.replace('|', '¦').replace('`', chr(39))}`" if text else ""
