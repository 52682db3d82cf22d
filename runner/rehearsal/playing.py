"""Play requests to a new version, one after the other, before it is ready."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import Protocol

from runner.rehearsal.answer import Answer
from runner.rehearsal.cases import Case, case_of
from runner.rehearsal.handover import Given, Handover
from runner.rehearsal.report import Report

_SECONDS_OF_ONE, _SHARE_OF_ONE = 10.0, 1 / 3  # of the time for all

LATE = "not asked in time"
NO_USE = "not asked, since so many had failed"
MAY_CHANGE = "may change something (--rehearse-all)"

Ask = Callable[[Case, float], Awaitable[Answer]]


class Rehearsed(Protocol):
    """Be what is asked."""

    def is_safe(self, method: str, path: str) -> bool:
        """Tell whether a request, asked once more, changes nothing."""


async def rehearse(handover: Handover, app: Rehearsed, ask: Ask) -> None:
    """Ask what waits to be asked, and leave a report.

    Args:
        handover: Where both are.
        app: What is asked.
        ask: Asks it, and waits for no longer than so many seconds.

    Raises:
        RuntimeError: The version may not serve; the message says why.
    """
    with handover.taken() as given:
        if given is None:
            return
        playing = _Playing(handover, app, ask, given)
        for line in given.lines:
            await playing.play(case_of(line))
    said = playing.report.said()
    with contextlib.suppress(OSError):  # what cannot be recorded is no condition for what is served
        handover.report(said)
    if said["reason"]:
        raise RuntimeError(said["reason"])


class _Playing:
    """Ask one after the other."""

    def __init__(self, handover: Handover, app: Rehearsed, ask: Ask, given: Given) -> None:
        self.report = Report(given.rules, given.left_out)
        self._handover, self._app, self._ask = handover, app, ask
        self._rules, self._count = given.rules, given.count
        self._recorded = 0
        self._ends_at = time.monotonic() + given.rules.seconds

    async def play(self, case: Case) -> None:
        if not case.is_own:
            if self._recorded >= self._rules.most:
                return
            if not (self._rules.takes_all or self._app.is_safe(case.method, case.path)):
                self.report.leave_out(MAY_CHANGE)
                return
            self._recorded += 1
        left = self._ends_at - time.monotonic()
        if self.report.has_failed_often:
            self.report.leave_out(NO_USE)
            return
        if left <= 0 and not case.is_own:
            self.report.leave_out(LATE)
            return
        self._handover.note(self.report.asked, self._count, f"{case.said} ({case.name})")
        longest = min(_SECONDS_OF_ONE, self._rules.seconds * _SHARE_OF_ONE)
        longest = max(longest, 3 * (case.seconds or 0.0))
        answer = await self._ask(case, min(longest, max(left, 0.0)))
        if left < longest and answer.is_late and not case.is_own:
            self.report.leave_out(LATE)  # it had less than the time of one
        else:
            self.report.add(case, answer)
