"""What becomes of an order or a task that fails: a decision, never silence."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from support import write_notebook

from runner.config import EngineConfig
from runner.supervise.events import Command, Ended, Exit, Go
from runner.supervise.lifecycle import Rules
from runner.supervise.plan import Plan
from runner.supervise.supervisor import Supervisor


class StubProcess:
    """A run's process of which nothing is known."""

    pid = 1
    kernel_pid = None
    has_taken_orders = True

    def order(self, **words: Any) -> None:
        """Take no order."""


class StubFacts:
    """What is known of a run."""

    process = StubProcess()


class FailingRuns:
    """Runs of which one thing fails, by an error that nobody expects."""

    def __init__(self, failing: str) -> None:
        self.failing = failing
        self.live: dict[int, Any] = {}
        self.over = asyncio.Event()

    def spawn(self, run: int) -> None:
        if self.failing == "spawn":
            raise RuntimeError("spawn")
        self.live[run] = StubFacts()

    def do(self, command: Command) -> None:
        if self.failing == "go" and isinstance(command, Go):
            raise RuntimeError("go")

    def fail(self, run: int, reason: str) -> bool:
        self.reason = reason
        self.over.set()
        return run in self.live

    async def ended(self, run: int) -> Ended:
        if self.failing == "ended":
            raise RuntimeError("ended")
        await self.over.wait()
        del self.live[run]
        return Ended(run=run, code=1, reason=self.reason)

    def described(self, run: Any) -> None:
        return None

    def close(self) -> None:
        """Nothing is left."""


@pytest.mark.parametrize(
    ("failing", "reason"),
    [
        ("spawn", "Spawn failed: spawn"),
        ("go", "Go failed: go"),
        ("ended", "how it ended is unknown"),
    ],
)
def test_what_fails_is_the_end_of_its_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str, reason: str
) -> None:
    """Whatever the error: the lifecycle hears of it, and decides as after any end."""
    monkeypatch.chdir(tmp_path)
    plan = Plan(
        path=write_notebook(tmp_path / "a.ipynb", "1"),
        out=tmp_path / "out.ipynb",
        values={},
        config=EngineConfig(),
        log_output=False,
        host="127.0.0.1",
        port=0,
        workers=1,
        rules=Rules(retries=False, keeps_standby=False),
        environ={},
    )

    async def story() -> Exit:
        supervisor = Supervisor(plan, tmp_path / "runs", [])
        supervisor._runs = FailingRuns(failing)  # type: ignore[assignment]  # stands in for them
        async with asyncio.timeout(10):
            return await supervisor.run()

    (tmp_path / "runs").mkdir()
    assert asyncio.run(story()) == Exit(code=1, reason=reason)
