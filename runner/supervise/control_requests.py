"""Take the questions of the command line, and answer each when what it asks for has happened."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from typing import Any

from runner.supervise.events import Answer, Asked, ReloadAsked, RollbackAsked, StopAsked

_QUESTIONS: dict[str, type[Asked]] = {
    "reload": ReloadAsked,
    "rollback": RollbackAsked,
    "stop": StopAsked,
}


class Desk:
    """Hold the questions that are not answered yet.

    Args:
        take: Gets what is asked for.
        status: Describes what exists now.
    """

    def __init__(self, take: Callable[[Asked], None], status: Callable[[], dict[str, Any]]) -> None:
        self._take, self._status = take, status
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._numbers = itertools.count(1)

    async def reply(self, question: str) -> dict[str, Any]:
        """Give the outcome of a question."""
        if question == "status":
            return {"ok": True, **self._status()}
        if question not in _QUESTIONS:
            return {"ok": False, "reason": f"unknown question {question!r}"}
        number = next(self._numbers)
        outcome = self._waiting[number] = asyncio.get_running_loop().create_future()
        self._take(_QUESTIONS[question](request=number, cause=f"runner {question}"))
        answer: dict[str, Any] = await outcome
        return answer

    def answer(self, answer: Answer) -> None:
        """Let whoever asked know."""
        self._waiting.pop(answer.request).set_result({"ok": answer.ok, "reason": answer.reason})
