"""What the supervisor makes of a question: no socket and no process."""

from __future__ import annotations

import asyncio
from typing import Any

from runner.errors import ConfigurationError
from runner.supervise.control import PendingRequests
from runner.supervise.events import Outcome, Requested, RollbackRequested


class Asked:
    """A supervisor that does at once what is asked, and well."""

    def __init__(self) -> None:
        self.taken: list[Requested] = []
        self.requests = PendingRequests(
            self._take, {"status": lambda: {"pid": 1}, "versions": self._versions}, self._now, _find
        )

    def _take(self, requested: Requested) -> None:
        self.taken.append(requested)
        outcome = Outcome(request=requested.request, ok=True)
        asyncio.get_running_loop().call_soon(self.requests.answer, outcome)

    def _now(self) -> dict[str, Any]:
        return {"serving": {"run": len(self.taken)}}

    async def _versions(self) -> dict[str, Any]:
        return {"versions": []}

    def ask(self, question: str, **about: str) -> dict[str, Any]:
        async def ask() -> dict[str, Any]:
            return await asyncio.wait_for(self.requests.reply(question, **about), 10)

        return asyncio.run(ask())


def _find(version: str) -> int:
    if version != "3f2a":
        raise ConfigurationError("no such version")
    return 7


def test_what_is_to_be_told_is_told_at_once_or_later() -> None:
    """Nothing is done for it."""
    asked = Asked()
    assert asked.ask("status") == {"ok": True, "pid": 1}
    assert asked.ask("versions") == {"ok": True, "versions": []}
    assert not asked.taken


def test_an_outcome_says_what_served_before_and_what_serves_now() -> None:
    """Whoever asked need not ask again."""
    outcome = Asked().ask("reload")
    assert outcome == {"ok": True, "reason": "", "before": {"run": 0}, "serving": {"run": 1}}


def test_a_rollback_may_name_a_version() -> None:
    """Its cause says which."""
    asked = Asked()
    asked.ask("rollback", version="3f2a")
    (taken,) = asked.taken
    assert taken == RollbackRequested(request=1, cause="runner rollback --to 3f2a", source=7)


def test_a_version_that_is_not_kept_or_not_asked_for_changes_nothing() -> None:
    """Who asked hears why, and what serves."""
    asked = Asked()
    for question, version in (("rollback", "77"), ("reload", "3f2a")):
        outcome = asked.ask(question, version=version)
        assert (outcome["ok"], outcome["serving"]) == (False, {"run": 0})
    assert asked.ask("dance") == {"ok": False, "reason": "unknown question 'dance'"}
    assert not asked.taken
