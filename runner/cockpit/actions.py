"""Have supervisors do what a form asks for, one thing at a time, and know how it went.

An outcome may take minutes, as a new version is started first: so nobody waits for it, and the page
shows it when it is there.
"""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

from runner.cockpit.services import Service
from runner.cockpit.state import Tone
from runner.errors import RunnerError
from runner.supervise import outcome_text
from runner.supervise.detached_thread import in_a_thread


@dataclasses.dataclass(kw_only=True)
class Action:
    """Be what was asked of a service.

    Attributes:
        what: In words.
        began: ISO.
        outcome: In words; empty while it is under way.
        is_done: It has ended, and well.
    """

    what: str
    began: str
    outcome: str = ""
    is_done: bool = False

    @property
    def tone(self) -> Tone:
        """Say how it is to be taken."""
        if not self.outcome:
            return Tone.BUSY
        return Tone.GOOD if self.is_done else Tone.BAD


class Actions:
    """Know the last one of each service."""

    def __init__(self) -> None:
        self._last: dict[Path, Action] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def last(self, service: Service) -> Action | None:
        """Give what was asked last."""
        return self._last.get(service.folder)

    def begin(self, service: Service, what: str, do: Callable[[], str]) -> bool:
        """Begin an action, unless another is under way; tell whether it has begun.

        Args:
            service: Of which.
            what: In words.
            do: Does it, in a thread, and says how it went, or raises ``RunnerError``.
        """
        last = self.last(service)
        if last and not last.outcome:
            return False
        began = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        action = self._last[service.folder] = Action(what=what, began=began)
        task = asyncio.create_task(_follow(action, do))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True


async def _follow(action: Action, do: Callable[[], str]) -> None:
    try:
        action.outcome = await in_a_thread(do)
        action.is_done = True
    except (RunnerError, OSError) as error:
        action.outcome = str(error) or type(error).__name__
    finally:
        action.outcome = action.outcome or "it failed: see the cockpit's log"


def said_of(question: str, outcome: dict[str, Any]) -> str:
    """Give an outcome of a supervisor in words.

    Args:
        question: What was asked for, such as ``reload``.
        outcome: What it has answered.

    Raises:
        RunnerError: It is none that was wished for.
    """
    if outcome.get("ok"):
        return outcome_text.said(question, outcome)
    why = outcome_text.reason_of(outcome) or "it failed"
    raise RunnerError("; ".join(filter(None, [why, outcome_text.what_serves(outcome)])))
