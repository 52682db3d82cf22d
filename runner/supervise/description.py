"""Describe a service as it is now: to who asks, and to the record of what serves."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

from runner.record import folders
from runner.record.git import Commits
from runner.supervise.detached_thread import in_a_thread
from runner.supervise.last_failure import LastFailure
from runner.supervise.lifecycle import Lifecycle
from runner.supervise.plan import Plan
from runner.supervise.runs import Runs
from runner.supervise.traffic_watch import TrafficWatch
from runner.supervise.version_notes import with_commits
from runner.supervise.versions import Versions


class Description:
    """Answer questions that change nothing.

    Args:
        plan: What is served.
        life: Says which runs there are, and what they are for.
        versions: Says what can be gone back to.
        runs: Describes each run.
        traffic: Says what was asked.
        failure: Says what failed last.
        address: Where clients reach it.
        url: Gives that with how to speak there.
        restarts_in: Gives the seconds until it is started again; None if it is not waited for.
    """

    def __init__(  # noqa: PLR0913 - each knows a part
        self,
        plan: Plan,
        life: Lifecycle,
        versions: Versions,
        runs: Runs,
        *,
        traffic: TrafficWatch,
        failure: LastFailure,
        address: str,
        url: Callable[[], str],
        restarts_in: Callable[[], float | None],
    ) -> None:
        self._plan, self._life, self._versions = plan, life, versions
        self._runs, self._traffic, self._failure = runs, traffic, failure
        self._address, self._url, self._restarts_in = address, url, restarts_in
        self._commits = Commits(plan.path)
        self._started = time.time()

    def status(self) -> dict[str, Any]:
        """Describe what exists now."""
        life = self._life
        return {
            "notebook": str(folders.absolute(self._plan.path)),
            "records": str(self._versions.folder.absolute()),
            "phase": life.phase,
            "pid": os.getpid(),
            "uptime": round(time.time() - self._started, 3),
            "address": self._address,
            "url": self._url(),
            "serving": self._runs.described(life.serving()),
            "restarts": life.restarts.total,
            "restarts_in": self._restarts_in(),
            "candidate": self._runs.described(life.candidate()),
            "standby": self._runs.described(life.standby()),
            "failure": self._failure.facts,
            "save_fault": life.save_fault,
            "good": [self._versions.name(version.source) for version in life.good],
            "traffic": self._traffic.status(),
        }

    def what_serves(self) -> dict[str, Any]:
        """Describe what serves, and what was asked of it."""
        serving = self._runs.described(self._life.serving())
        return {
            "serving": serving and {**serving, "url": self._url()},
            "traffic": self._traffic.status(),
        }

    async def versions(self) -> dict[str, Any]:
        """List what can be gone back to, and what failed."""
        told = self._versions.told(self._source_that_serves())
        return {"versions": await in_a_thread(lambda: with_commits(told, self._commits))}

    def source_of(self, sha256: str) -> int:
        """Find the run whose notebook is a version that is kept, by the beginning of its hash.

        Raises:
            ConfigurationError: There is none, or there are several.
        """
        return self._versions.find(sha256, self._source_that_serves()).source

    def _source_that_serves(self) -> int:
        run = self._life.serving()
        return run.source if run else 0

    def tell_record(self) -> None:
        """Let the record of what serves show what only we know."""
        serving = self._life.serving()
        if serving is None or serving.number not in self._runs.live:
            return
        news = {
            "failure": self._failure.since(self._runs.live[serving.number].served_at),
            "save_fault": self._life.save_fault,
        }
        self._runs.tell_of_service(serving.number, self._url(), **news)
