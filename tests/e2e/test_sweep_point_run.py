"""The run of one point: under its lock, only if it is not done, and no longer than the sweep."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import read_record, until, write_notebook

from runner import files
from runner.config import EngineConfig
from runner.spawn import fork_server_client
from runner.spawn.fork_server_client import ForkedRun, Starter
from runner.spawn.processes import UNKNOWN_END, RunProcess
from runner.sweep.launcher import Launcher
from runner.sweep.outcomes import outcome_of
from runner.sweep.points import Point

# The test's folder is not the working folder, so the notebook is told where to write.
COUNTS = "with open(done, 'a') as file: print('x', file=file)"


class Floor:
    """A notebook, a point of it, and the processes that a test starts."""

    def __init__(self, folder: Path, *, forks: bool) -> None:
        self.done = folder / "done"
        path = write_notebook(folder / "a.ipynb", COUNTS, parameters="done: str = ''")
        values = {"done": str(self.done)}
        record = folder / "point/out.ipynb"
        self.point = Point(name="p", chosen={}, values=values, record=record, identity="1")
        self.launcher = Launcher(
            source=path,
            origin={"notebook": str(path)},
            config=EngineConfig(),
            log_output=False,
            starter=Starter(os.environ, "runner.sweep.point_run", forks=forks),
        )
        self.loop = asyncio.Runner()
        self.started: list[RunProcess] = []

    def sibling(self, name: str) -> Point:
        return dataclasses.replace(self.point, record=self.point.record.parent / name / "out.ipynb")

    def start(self, point: Point | None = None) -> RunProcess:
        async def act() -> RunProcess:
            return self.launcher.start(point or self.point)

        self.started.append(self.loop.run(act()))
        return self.started[-1]

    def end(self, process: RunProcess) -> int:
        self.started.remove(process)
        return self.loop.run(asyncio.wait_for(process.ended(), 60))

    def log(self) -> str:
        return self.point.log.read_text()


@pytest.fixture(params=[True, False], ids=["forked", "spawned"])
def floor(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Floor]:
    found = Floor(tmp_path, forks=request.param)
    with found.loop, contextlib.closing(found.launcher.starter):
        yield found
        for process in list(found.started):
            process.kill()
            found.end(process)


def test_a_completed_point_is_not_run_again(floor: Floor) -> None:
    """Whoever was asked to: a run of an earlier sweep may have ended just now."""
    assert floor.end(floor.start()) == 0
    assert floor.end(floor.start()) == 0
    assert floor.done.read_text() == "x\n"
    assert "is completed already" in floor.log()


@pytest.mark.parametrize("floor", [True], indirect=True, ids=["forked"])
def test_a_fork_server_that_hangs_is_replaced(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It holds up no sweep: the point has failed, and the next one is run."""
    process = floor.start()
    assert isinstance(process, ForkedRun)
    os.kill(process._fork_server._process.pid, signal.SIGSTOP)
    with monkeypatch.context() as within:
        within.setattr(fork_server_client, "_FORKS_WITHIN", 0.1)
        assert floor.end(process) == UNKNOWN_END
    assert floor.end(floor.start()) == 0


def test_a_point_waits_for_the_run_that_writes_its_record(floor: Floor) -> None:
    """It begins when that has ended."""
    floor.point.record.parent.mkdir()
    with files.claim(floor.point.record.with_name(".out.ipynb.lock")) as is_ours:
        assert is_ours
        process = floor.start()
        until(lambda: "waiting for another run to end" in floor.log())
        assert not floor.point.record.exists()
    assert floor.end(process) == 0
    assert outcome_of(floor.point).is_completed


def test_a_run_ends_with_its_sweep(floor: Floor) -> None:
    """The end of its orders stops it, and its record says by what."""
    write_notebook(floor.launcher.source, "import time", "time.sleep(60)", parameters="done = ''")
    process = floor.start()
    until(lambda: "cell 4/4 cell-1 started" in floor.log())
    process._orders.close()
    assert floor.end(process) == 143
    run = read_record(floor.point.record).metadata.runner
    assert (run.status, run.reason) == ("stopped", "interrupted by SIGTERM: the sweep is gone")


def test_each_run_has_a_log_of_its_own(floor: Floor, capfd: pytest.CaptureFixture[str]) -> None:
    """Two that run at a time do not write into each other's, nor to the terminal."""
    one, other = floor.point, floor.sibling("other")
    started = [floor.start(point) for point in (one, other)]
    assert [floor.end(process) for process in started] == [0, 0]
    for point in (one, other):
        assert point.log.read_text().count("cell-0 completed") == 1
    assert capfd.readouterr().err == ""
