"""What the supervisor answers to who asks it, without processes."""

from __future__ import annotations

import asyncio
import types
from typing import Any

import pytest

from runner.supervise import supervisor
from runner.supervise.events import Outcome
from runner.supervise.supervisor import Supervisor


@pytest.mark.parametrize(
    ("is_ok", "shown", "looks"), [(True, [False, False, True], 3), (False, [], 0)]
)
def test_who_asked_for_a_reload_is_answered_when_the_record_shows_it(
    monkeypatch: pytest.MonkeyPatch, *, is_ok: bool, shown: list[bool], looks: int
) -> None:
    """Whoever looks there next finds the run that serves; a failure has its record already."""
    monkeypatch.setattr(supervisor, "_LOOK_AT_RECORD", 0.0)
    said: list[str] = []
    left = iter(shown)

    async def is_shown() -> bool:
        said.append("looked")
        return next(left)

    answering = types.SimpleNamespace(answer=lambda outcome: said.append("answered"))
    own: Any = types.SimpleNamespace(_is_shown=is_shown, _requests=answering)
    outcome = Outcome(request=1, ok=is_ok, reason="")
    asyncio.run(Supervisor._answer_when_shown(own, outcome))
    assert said == ["looked"] * looks + ["answered"]
