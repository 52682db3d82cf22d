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
from collections.abc import Mapping
from typing import Any

from runner.rehearsal.answer import Answer
from runner.rehearsal.cases import Case
from runner.rehearsal.comparison import Difference, differences
from runner.rehearsal.handover import Rules
from runner.rehearsal.report_text import COLUMNS, MOST_ROWS, sentence, shortened
from runner.rehearsal.showing import Showing
from runner.traffic.traffic_text import milliseconds

MOST_FAILED = 10
"""There is no use in asking on when so many have failed."""

_ROWS_OF_ONE = 3
_SLOWER_BY = 0.05


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
            times = map(milliseconds, (case.seconds, answer.seconds))
            self._add_row("slower", case, Difference("time", *times))

    def _add_row(self, what: str, case: Case, found: Difference) -> None:
        rows = self._rows[what]
        if len(rows) >= MOST_ROWS:
            self._dropped += 1
            return
        row = (what, case.said, found.field or "answer", found.before, found.now, case.name)
        rows.append({name: shortened(text) for name, text in zip(COLUMNS, row, strict=True)})

    def refusal(self) -> str:
        """Say why the version may not serve; empty if it may."""
        failed, changed = self._counts[Outcome.FAILED], self._counts[Outcome.CHANGED]
        if failed:
            first = self._rows[Outcome.FAILED][0]
            return f"{failed} of {self.asked} failed in the rehearsal, first {sentence(first)}"
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
    if case.has_failed and answer.is_failure:
        return Outcome.SAME, []
    before = case.status or 200
    if case.has_failed and before >= 500:
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
