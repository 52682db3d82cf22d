"""The request log's files are bounded, and nobody else's are touched."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from runner.config import RequestLogSettings
from runner.record.ledger import Ledger
from runner.record.request_files import RequestFiles

RUN = "20261129T120000-0001"


def made(service: Path, number: int, *, run: str = RUN, size: int = 100, days: float = 0) -> str:
    """A file of a worker of a run, and its name."""
    folder = service / "requests"
    folder.mkdir(exist_ok=True)
    path = folder / f"20261129T1200{number:02d}-{run}-7.jsonl"
    path.write_bytes(b"x" * size)
    changed = time.time() - days * 86_400 + number
    os.utime(path, (changed, changed))
    return path.name


def files(service: Path, **settings: float) -> RequestFiles:
    """Those of a service, with bounds."""
    return RequestFiles(service, RequestLogSettings(record_requests=1, **settings))  # type: ignore[arg-type]


def left(service: Path) -> list[str]:
    """What is still there."""
    return sorted(path.name for path in (service / "requests").glob("*.jsonl"))


def test_the_oldest_go_first(tmp_path: Path) -> None:
    """Until there is room for what comes within a look."""
    names = [made(tmp_path, number) for number in range(10)]
    files(tmp_path, record_bytes=800).look([RUN])
    assert left(tmp_path) == names[4:]


def test_nothing_goes_within_the_bounds(tmp_path: Path) -> None:
    """Neither of bytes nor of days."""
    names = [made(tmp_path, number) for number in range(7)]
    files(tmp_path, record_bytes=1_000).look([RUN])
    assert left(tmp_path) == names


def test_what_is_too_old_goes(tmp_path: Path) -> None:
    """Whatever room there is; 0 days keep all."""
    names = [made(tmp_path, 1, days=3), made(tmp_path, 2, days=1)]
    files(tmp_path, record_days=0).look([RUN])
    assert left(tmp_path) == names
    files(tmp_path, record_days=2).look([RUN])
    assert left(tmp_path) == names[1:]


def test_files_of_runs_of_another_replica_are_its_own(tmp_path: Path) -> None:
    """Its run was started in the same second, and has the same number."""
    runs = [f"20261129T120000-{replica}-0001" for replica in ("web-0", "web-0-1")]
    names = [made(tmp_path, number, run=run) for number, run in enumerate(runs)]
    files(tmp_path, record_bytes=10).look(runs[:1])
    assert left(tmp_path) == names[1:]


@pytest.mark.parametrize("name", ["own.jsonl", f"20200101T120000-{RUN}-7.jsonl.bak"])
def test_what_is_not_ours_stays(tmp_path: Path, name: str) -> None:
    """Another run's, and what has another name, however old it is and whatever it takes."""
    made(tmp_path, 1, run="20200101T120000-0001", size=5_000, days=99)
    (tmp_path / "requests" / name).write_bytes(b"x" * 5_000)
    before = sorted(path.name for path in (tmp_path / "requests").iterdir())
    files(tmp_path, record_bytes=100).look([RUN])
    assert sorted(path.name for path in (tmp_path / "requests").iterdir()) == before


@pytest.mark.parametrize("run", [RUN, "20261129T120000-web-7d4b9-x2x1z-0001"])
def test_what_a_killed_supervisor_had_not_noted_goes(run: str, tmp_path: Path) -> None:
    """Its run's record is there, which is noted; so is that of a release before."""
    (tmp_path / f"{run}.ipynb").touch()
    Ledger(tmp_path).add(f"{run}.ipynb")
    made(tmp_path, 1, run=run)
    files(tmp_path, record_bytes=10).look([])
    assert left(tmp_path) == []


def test_what_cannot_be_noted_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Not at each look, which would fill what is full already."""
    made(tmp_path, 1)
    (tmp_path / "requests" / ".ledger").mkdir()
    owned = files(tmp_path)
    for _ in range(3):
        owned.look([RUN])
    assert len(caplog.records) == 1


def test_what_is_made_anew_under_its_name_is_noted_anew(tmp_path: Path) -> None:
    """The folder was removed and was there again within a second, by which files are named."""
    owned = files(tmp_path)
    for _ in range(2):
        name = made(tmp_path, 1)
        owned.look([RUN])
        assert Ledger(tmp_path / "requests").names() == [name]
        shutil.rmtree(tmp_path / "requests")


def test_a_folder_that_is_not_there_is_no_matter(tmp_path: Path) -> None:
    """Nothing is made."""
    files(tmp_path).look([RUN])
    assert list(tmp_path.iterdir()) == []
