"""Sweeps on a real dask scheduler and workers: what travels, what comes back, and what may die."""

from __future__ import annotations

import csv
import json
import re
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support import Service, read_record, until, write_notebook
from support.dask_cluster import Cluster, runs_of

Start = Callable[..., Service]
PARAMETERS = "x: int = 0\nplace: str = ''\npassword: str = ''\nmodel_path: str = 'model/m.txt'"
SECRET = "hunter2-is-secret"
# Those from 2 on wait for a file, so that a test knows where they are.
WAITS = """
import time
from pathlib import Path
Path(place, f"began-{x}").touch()
while x >= 2 and not Path(place, "gate").exists():
    time.sleep(0.02)
with open(Path(place, "done"), "a") as file:
    print(x, file=file)
"""
USES = """
from pathlib import Path
import beside
from runner import record_metrics
assert Path("data/large.bin").stat().st_size > 1_048_576
Path(model_path).write_text(beside.TEXT)
Path("lost.txt").touch()
print(len(password), "letters")
record_metrics(score=6 / x)
"""
# The first point ends its worker, once the others have begun, too; these stay where they are the
# first time.
KILLS = """
import time
from pathlib import Path
import psutil
with open(Path(place, "begun"), "a") as file:
    print(x, file=file)
while not set(Path(place, "begun").read_text().split()) == {"0", "1"}:
    time.sleep(0.02)
if x == 0:
    parents = psutil.Process().parents()
    next(each for each in parents if "distributed.cli.dask_worker" in each.cmdline()).kill()
if Path(place, "begun").read_text().split().count(str(x)) == 1:
    time.sleep(100)
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with Cluster(tmp_path_factory.mktemp("cluster"), workers=2) as found:
        yield found


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder without a model: `start` asks for one, and none is needed here."""
    return tmp_path


@pytest.fixture
def folder(project: Path) -> Path:
    return project


def words_for(folder: Path, cluster: Cluster, grid: str) -> tuple[str, ...]:
    return ("sweep", "a.ipynb", "--grid", grid, "--on", cluster.place, "-r", "place", str(folder))


def table(folder: Path) -> list[dict[str, str]]:
    with (folder / "runs/sweeps/a/results.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def done(folder: Path) -> Counter[str]:
    return Counter((folder / "done").read_text().split())


def test_a_sweep_on_nodes_leaves_what_one_here_does(
    folder: Path, cluster: Cluster, start: Start
) -> None:
    """Modules and data travel, files come back, a failed point stops no other.

    No secret is in what dask logs, and nothing is left on the nodes.
    """
    write_notebook(folder / "a.ipynb", USES, parameters=PARAMETERS)
    (folder / "beside.py").write_text("TEXT = 'of the node'")
    (folder / "data").mkdir()
    (folder / "data/large.bin").write_bytes(bytes(1_048_577))
    words = words_for(folder, cluster, "x=0,1,2")
    service = start(*words, "-r", "password", SECRET, "--with", "data/large.bin", cwd=folder)
    assert service.wait(100) == 3, service.said()
    assert [(row["status"], row["score"], row["best"]) for row in table(folder)] == [
        ("failed", "", ""),
        ("completed", "6.0", "best"),
        ("completed", "3.0", ""),
    ]
    assert "ZeroDivisionError" in table(folder)[0]["reason"]
    own = folder / "runs/sweeps/a/points/x=1"
    assert (own / "m.txt").read_text() == "of the node"
    assert read_record(own / "out.ipynb").metadata.runner.node.endswith("(127.0.0.1)")
    assert "3 running on 1 node" in service.said() or "1 running on 1 node" in service.said()
    assert "left on the node, since not written to {folder}: lost.txt" in service.said()
    assert "is not encrypted" in service.said()
    assert not (folder / "lost.txt").exists()
    assert SECRET not in cluster.said() + service.said()
    assert SECRET not in json.dumps([path.read_text() for path in own.glob("out.*")])
    assert not list(cluster.folder.rglob("point-*"))


def test_a_point_whose_worker_is_killed_is_run_again(
    folder: Path, cluster: Cluster, start: Start
) -> None:
    """Its run ends with the worker, and each point has one record."""
    write_notebook(folder / "a.ipynb", WAITS, parameters=PARAMETERS)
    service = start(*words_for(folder, cluster, "x=2,3"), cwd=folder)
    until(lambda: (folder / "began-2").exists() and (folder / "began-3").exists(), 60)
    lost = next(worker for worker in cluster.workers if runs_of(worker))
    cluster.kill(lost)
    until(lambda: not lost.family(), 30)
    assert not (folder / "done").exists()
    cluster.add_worker()
    (folder / "gate").touch()
    assert service.wait(100) == 0, service.said()
    assert done(folder) == {"2": 1, "3": 1}
    assert [row["status"] for row in table(folder)] == ["completed", "completed"]


@pytest.mark.parametrize("forgiven", [0, 9])
def test_a_point_that_kills_three_workers_has_failed(
    folder: Path, start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forgiven: int
) -> None:
    """However many its scheduler forgives. What ran beside it is not charged with its deaths."""
    monkeypatch.setenv("DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES", str(forgiven))
    write_notebook(folder / "a.ipynb", KILLS, parameters=PARAMETERS)
    (tmp_path / "cluster").mkdir()
    with Cluster(tmp_path / "cluster", workers=1, threads=2) as cluster:
        service = start(*words_for(folder, cluster, "x=0,1"), cwd=folder)
        for _ in range(3):
            until(lambda: cluster.workers[-1].process.poll() is not None, 100)
            cluster.add_worker()
        assert service.wait(100) == 3, service.said()
        assert cluster.workers[-1].process.poll() is None
    failed, other = table(folder)
    assert (failed["status"], other["status"]) == ("failed", "completed")
    assert failed["reason"].startswith("3 workers died while they ran it: ")
    named = re.findall(r"\(127\.0\.0\.1:\d+\)", failed["reason"])
    assert len(set(named)) == len(named) == 3
    assert Counter((folder / "begun").read_text().split()) == {"0": 3, "1": 2}
    records = (folder / "runs/sweeps/a/points").glob("*/*.ipynb")
    assert sorted(path.parent.name for path in records) == ["x=0", "x=1"]


def test_a_sweep_whose_driver_is_killed_goes_on(
    folder: Path, cluster: Cluster, start: Start
) -> None:
    """Nodes end what nobody wants, and the same command runs what has not completed."""
    write_notebook(folder / "a.ipynb", WAITS, parameters=PARAMETERS)
    words = words_for(folder, cluster, "x=1,2,3")
    killed = start(*words, cwd=folder)
    until(lambda: (folder / "began-2").exists() and (folder / "began-3").exists(), 60)
    until((folder / "runs/sweeps/a/points/x=1/out.ipynb").exists)
    killed.stop(signal.SIGKILL)
    until(lambda: not cluster.runs(), 30)
    (folder / "gate").touch()
    again = start(*words, cwd=folder)
    assert again.wait(100) == 0, again.said()
    assert done(folder) == {"1": 1, "2": 1, "3": 1}
    assert "3 points, 2 of them to run" in again.said()


def test_an_interrupted_sweep_ends_its_runs(folder: Path, cluster: Cluster, start: Start) -> None:
    """What ran on a node is run again by the same command."""
    write_notebook(folder / "a.ipynb", WAITS, parameters=PARAMETERS)
    service = start(*words_for(folder, cluster, "x=2"), cwd=folder)
    until((folder / "began-2").exists, 60)
    assert service.stop(signal.SIGINT, 30) == 130, service.said()
    assert [row["status"] for row in table(folder)] == ["stopped"]
    until(lambda: not cluster.runs(), 30)
