"""Sweeps by the real command line: real kernels, kills, interrupts, and the unchanged notebook."""

from __future__ import annotations

import contextlib
import csv
import hashlib
import json
import os
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from support import RUNNER, Service, read_record, until, write_notebook

from runner.sweep.points import name_of

Start = Callable[..., Service]
X = "x: int = 0"
RECORDS = "from runner import record_metrics; record_metrics(score=6 / x)"
COUNTS = "with open('done', 'a') as file: print(x, file=file)"
# Those from 2 on wait for a file, so that a test knows where they are.
WAITS = """
import time
from pathlib import Path
Path(f"began-{x}").touch()
while x >= 2 and not Path("gate").exists():
    time.sleep(0.02)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def sweep(folder: Path, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a whole sweep of ``a.ipynb``."""
    return subprocess.run(
        [*RUNNER, "sweep", "a.ipynb", *words],
        cwd=folder,
        env=os.environ | environ,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def table(folder: Path, name: str = "a") -> list[dict[str, str]]:
    with (folder / "runs/sweeps" / name / "results.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def record_of(folder: Path, point: str) -> Any:
    return read_record(folder / "runs/sweeps/a/points" / point / "out.ipynb")


def status_of(folder: Path, point: str) -> str:
    record = folder / "runs/sweeps/a/points" / point / "out.ipynb"
    return str(read_record(record).metadata.runner.status) if record.exists() else ""


def pictures_of(record: Path) -> int:
    outputs = [each for cell in read_record(record).cells for each in cell.get("outputs", [])]
    return sum("image/png" in output.get("data", {}) for output in outputs)


def words_of(process: psutil.Process) -> list[str]:
    with contextlib.suppress(psutil.Error):
        return process.cmdline()
    return []


def fork_server_of(service: Service) -> psutil.Process:
    """The one among its processes that forks the others."""
    (found,) = (each for each in service.family() if "runner.spawn.fork_server" in words_of(each))
    return found


def done(folder: Path) -> Counter[str]:
    return Counter((folder / "done").read_text().split())


@pytest.fixture(scope="module")
def swept(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """A folder in which three points were run, of which the first fails; and how that ended."""
    folder = tmp_path_factory.mktemp("swept")
    write_notebook(folder / "a.ipynb", COUNTS, RECORDS, parameters=X)
    return folder, sweep(folder, "--grid", "x=0,1,2", "-j", "2")


def test_a_failed_point_does_not_stop_the_others(swept: Any) -> None:
    """It is in the table with its reason, the best is marked, and the exit code is 3."""
    folder, ended = swept
    assert ended.returncode == 3, ended.stderr
    rows = [(row["x"], row["best"], row["status"], row["score"]) for row in table(folder)]
    assert rows == [
        ("0", "", "failed", ""),
        ("1", "best", "completed", "6.0"),
        ("2", "", "completed", "3.0"),
    ]
    assert "ZeroDivisionError" in table(folder)[0]["reason"]
    assert (
        "best of 3, by the greatest score: x=1: score 6\n  runner run a.ipynb -p x 1\n"
        in ended.stdout
    )
    assert "1 of 3 points failed" in ended.stderr
    report = read_record(folder / "runs/sweeps/a/report.ipynb")
    assert report.metadata.runner.status == "completed"
    assert (folder / "runs/sweeps/a/results.svg").read_text().rstrip().endswith("</svg>")


def test_the_report_can_be_run_again_in_its_folder(swept: Any) -> None:
    """As Jupyter runs it, and as its own text says."""
    own = swept[0] / "runs/sweeps/a"
    (own / "results.svg").unlink()
    words = [*RUNNER, "run", "report.ipynb"]
    ended = subprocess.run(words, cwd=own, capture_output=True, text=True, timeout=100, check=False)
    assert ended.returncode == 0, ended.stderr
    assert (own / "results.svg").exists()


def test_only_what_is_new_is_run_again(swept: Any, folder: Path) -> None:
    """What completed or failed stays; a wider grid, an edit and --retry-failed run their part."""
    shutil.copytree(swept[0], folder, dirs_exist_ok=True)
    assert sweep(folder, "--grid", "x=0,1,2,3").returncode == 3
    assert done(folder) == {"0": 1, "1": 1, "2": 1, "3": 1}
    retried = sweep(folder, "--grid", "x=0,1", "--retry-failed", "--dry-run")
    assert retried.stdout.splitlines()[0] == "run   x=0  (failed)"
    assert "2 points, 1 of them to run" in retried.stdout
    write_notebook(folder / "a.ipynb", COUNTS, RECORDS, "'edited'", parameters=X)
    assert sweep(folder, "--grid", "x=1").returncode == 0
    assert done(folder) == {"0": 1, "1": 2, "2": 1, "3": 1}
    kept = list((folder / "runs/sweeps/a/points/x=1").glob("*.ipynb"))
    assert len(kept) == 2, "the record of before the edit is kept"


def test_a_sweep_that_was_killed_goes_on(folder: Path, start: Start) -> None:
    """After kill -9 every record is whole, nobody lives on, and no point completes twice.

    Each gets its values as the types that were checked.
    """
    typed = f"{X}\nsize = (1, 2)\nweights = {{}}"
    checks = "assert (size, weights) == ((3,), {0: 1})"
    write_notebook(folder / "a.ipynb", WAITS, checks, COUNTS, parameters=typed)
    words = ("sweep", "a.ipynb", "--grid", "x=0,1,2,3", "-j", "2")
    words += ("--grid", 'size="[3]"', "-y", "weights: {0: 1}")
    points = [name_of({"x": x, "size": [3]}) for x in range(4)]
    killed = start(*words, cwd=folder)
    until(lambda: (folder / "began-2").exists() and (folder / "began-3").exists(), 60)
    killed.stop(signal.SIGKILL)
    assert all(status_of(folder, points[x]) for x in range(4))
    again = start(*words, cwd=folder)  # at once: its points wait for those that are still ending
    until(lambda: not killed.family(), 30)
    (folder / "gate").touch()
    assert again.wait(60) == 0, again.said()
    assert done(folder) == {"0": 1, "1": 1, "2": 1, "3": 1}
    assert {status_of(folder, points[x]) for x in range(4)} == {"completed"}
    assert "4 points, 2 of them to run" in again.said()


def test_an_interrupted_sweep_ends_its_runs_and_goes_on(folder: Path, start: Start) -> None:
    """SIGINT stops what runs, starts nothing more, and exits by 130; then it is resumed."""
    write_notebook(folder / "a.ipynb", WAITS, COUNTS, parameters=X)
    words = ("sweep", "a.ipynb", "--grid", "x=1,2,3", "-j", "1")
    service = start(*words, cwd=folder)
    until((folder / "began-2").exists, 60)
    assert service.stop(signal.SIGINT) == 130
    assert service.family() == []
    assert [row["status"] for row in table(folder)] == ["completed", "stopped", "pending"]
    assert "the same command goes on" in service.said()
    (folder / "gate").touch()
    assert start(*words, cwd=folder).wait(60) == 0
    assert done(folder) == {"1": 1, "2": 1, "3": 1}


def test_points_are_forked_from_one_process(folder: Path, start: Start) -> None:
    """Each is its child, in a session of its own; at the sweep's end nobody is left."""
    write_notebook(folder / "a.ipynb", WAITS, parameters=X)
    service = start("sweep", "a.ipynb", "--grid", "x=2,3", "-j", "2", cwd=folder)
    until(lambda: (folder / "began-2").exists() and (folder / "began-3").exists(), 60)
    fork_server = fork_server_of(service)
    points = fork_server.children()
    assert [point.cmdline()[1:3] for point in points] == [["-m", "runner.sweep.point_run"]] * 2
    assert [os.getsid(point.pid) for point in points] == [point.pid for point in points]
    (folder / "gate").touch()
    assert service.wait(60) == 0, service.said()
    assert service.family() == []


def test_without_its_forks_a_sweep_goes_on(folder: Path, start: Start) -> None:
    """Who forked a run may be killed: the run completes, and another forks the next."""
    write_notebook(folder / "a.ipynb", WAITS, COUNTS, parameters=X)
    service = start("sweep", "a.ipynb", "--grid", "x=2,3", "-j", "1", cwd=folder)
    until((folder / "began-2").exists, 60)
    fork_server_of(service).kill()
    until(lambda: "the fork server" in service.said())
    (folder / "gate").touch()
    assert service.wait(60) == 0, service.said()
    assert done(folder) == {"2": 1, "3": 1}
    assert {status_of(folder, f"x={x}") for x in (2, 3)} == {"completed"}


def test_an_interrupt_before_the_first_run_is_heard(folder: Path, start: Start) -> None:
    """No run is left that began as the sweep ended."""
    write_notebook(folder / "a.ipynb", WAITS, parameters=X)
    service = start("sweep", "a.ipynb", "--grid", "x=2", cwd=folder)
    until(lambda: any("runner.spawn.fork_server" in words_of(each) for each in service.family()))
    assert service.stop(signal.SIGINT) == 130
    assert service.family() == []


def test_the_threads_are_set_before_anything_is_imported(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Linear algebra counts its threads as it is imported, which is before the fork."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    write_notebook(
        folder / "a.ipynb",
        "import numpy, threadpoolctl\nfrom runner import record_metrics",
        "found = [each['num_threads'] for each in threadpoolctl.threadpool_info()]\n"
        "record_metrics(threads=max(found))",
        parameters=X,
    )
    assert sweep(folder, "--grid", "x=1").returncode == 0
    assert [row["threads"] for row in table(folder)] == ["1"]


def test_a_point_that_hangs_ends_with_its_time(folder: Path) -> None:
    """It has failed, and the others are run; a kernel may be chosen for all."""
    hangs = "import time\nwhile x == 1: time.sleep(1)"
    write_notebook(folder / "a.ipynb", hangs, "from runner import record_metrics", parameters=X)
    nb = json.loads((folder / "a.ipynb").read_text())
    nb["metadata"]["kernelspec"]["name"] = "gone"
    (folder / "a.ipynb").write_text(json.dumps(nb))
    ended = sweep(folder, "--grid", "x=1,2", "--cell-timeout", "2", "-k", "python3")
    assert ended.returncode == 3, ended.stderr
    assert [row["status"] for row in table(folder)] == ["failed", "completed"]
    assert "the limit of 2 s for a cell" in table(folder)[0]["reason"]


def test_drivers_share_a_folder(folder: Path, start: Start) -> None:
    """Each point is run once by one of them; what one that was killed had, the others take up."""
    write_notebook(folder / "a.ipynb", WAITS, COUNTS, parameters=X)
    words = ("sweep", "a.ipynb", "--grid", "x=1,2,3,4,5", "-j", "1")
    killed, *others = (start(*words, cwd=folder) for _ in range(3))
    until(lambda: all((folder / f"began-{x}").exists() for x in (2, 3, 4)), 60)
    killed.stop(signal.SIGKILL)
    until(lambda: not killed.family())  # what it had begun must not come to an end
    (folder / "gate").touch()
    assert [other.wait(60) for other in others] == [0, 0], [other.said() for other in others]
    assert done(folder) == {"1": 1, "2": 1, "3": 1, "4": 1, "5": 1}
    assert {row["status"] for row in table(folder)} == {"completed"}
    assert "by another process" in others[0].said() + others[1].said()


def logs(folder: Path) -> str:
    """What the runs of a sweep have logged."""
    return "".join(log.read_text() for log in folder.glob("runs/sweeps/a/points/*/*.log"))


def test_a_folder_has_one_notebooks_sweep_at_a_time(folder: Path, start: Start) -> None:
    """One with other parameters, or of an edited notebook, is refused at once, and changes none."""
    write_notebook(folder / "a.ipynb", WAITS, COUNTS, parameters=X)
    first = start("sweep", "a.ipynb", "--grid", "x=2", cwd=folder)
    until((folder / "began-2").exists, 60)
    write_notebook(folder / "a.ipynb", "'edited'", parameters=X)
    ended = sweep(folder, "--grid", "x=2")
    assert ended.returncode == 2
    assert "another sweep, of another notebook or with other parameters" in ended.stderr
    (folder / "gate").touch()
    assert first.wait(60) == 0
    assert done(folder) == {"2": 1}


def test_a_shard_speaks_for_its_share_alone(folder: Path) -> None:
    """It runs no other's points, and fails only with its own; the last to end compares all."""
    write_notebook(folder / "a.ipynb", COUNTS, RECORDS, parameters=X)
    words = ("--grid", "x=0,1,2", "-j", "1")
    slurm = {f"SLURM_ARRAY_TASK_{name}": "1" for name in ("ID", "MIN")}
    one = sweep(folder, *words, **slurm, SLURM_ARRAY_TASK_COUNT="2")
    assert (one.returncode, done(folder)) == (3, {"0": 1, "2": 1}), one.stderr
    assert "best of 2 in shard 1/2, by the greatest score: x=2: score 3\n" in one.stdout
    assert "other shards are not done, such as with x=1" in one.stdout
    assert not (folder / "runs/sweeps/a/results.csv").exists()
    other = sweep(folder, *words, "--shards", "2", JOB_COMPLETION_INDEX="1")
    assert (other.returncode, done(folder)) == (0, {"0": 1, "1": 1, "2": 1}), other.stderr
    assert "best of 1 in shard 2/2, by the greatest score: x=1: score 6\n" in other.stdout
    assert "all shards are done" in other.stdout
    assert [row["best"] for row in table(folder)] == ["", "best", ""]


def test_a_search_that_was_killed_goes_on(folder: Path, start: Start) -> None:
    """Its trials are run once each, and compared as a grid's points are."""
    pytest.importorskip("optuna")
    write_notebook(folder / "a.ipynb", RECORDS, WAITS, COUNTS, parameters=X)
    words = ("sweep", "a.ipynb", "--grid", "x=2..1000", "--search", "optuna", "--trials", "3")
    words += ("--goal", "min", "-j", "2")
    killed = start(*words, cwd=folder)
    until(lambda: len(list(folder.glob("began-*"))) == 2, 60)
    killed.stop(signal.SIGKILL)
    until(lambda: not killed.family())  # what it had begun must not come to an end
    (folder / "gate").touch()
    again = start(*words, cwd=folder)
    assert again.wait(100) == 0, again.said() + logs(folder)
    assert set(done(folder).values()) == {1}
    rows = table(folder)
    assert len(rows) == len(done(folder)) <= 3
    assert {row["status"] for row in rows} == {"completed"}
    (best,) = (row for row in rows if row["best"])
    assert best["x"] == str(max(int(row["x"]) for row in rows))
    assert f"x={best['x']}: score" in again.said()


def test_a_report_alone_runs_nothing(swept: Any, folder: Path) -> None:
    """It tells what is there, and by its exit code that not all is."""
    shutil.copytree(swept[0], folder, dirs_exist_ok=True)
    (folder / "runs/sweeps/a/results.csv").unlink()
    ended = sweep(folder, "--grid", "x=1,2,3", "--report-only", JOB_COMPLETION_INDEX="1")
    assert ended.returncode == 3
    assert "best of 3, by the greatest score: x=1: score 6\n" in ended.stdout
    assert "not done: 1 point: x=3\n" in ended.stdout
    assert [row["status"] for row in table(folder)] == ["completed", "completed", "pending"]
    assert done(folder) == {"0": 1, "1": 1, "2": 1}


def test_a_report_is_replaced_only_by_a_whole_one(swept: Any, folder: Path, start: Start) -> None:
    """A sweep that is killed as it writes one leaves the earlier; the same command goes on."""
    shutil.copytree(swept[0], folder, dirs_exist_ok=True)
    report = folder / "runs/sweeps/a/report.ipynb"
    before = report.read_bytes()
    words = ("sweep", "a.ipynb", "--grid", "x=0,1,2", "--goal", "min")
    killed = start(*words, cwd=folder)
    until((folder / "runs/sweeps/a/.report/report.ipynb").exists, 60)
    killed.stop(signal.SIGKILL)
    assert report.read_bytes() == before
    assert [row["best"] for row in table(folder)] == ["", "", "best"]
    assert sweep(folder, *words[2:]).returncode == 3
    assert read_record(report).metadata.runner.status == "completed"
    assert report.read_bytes() != before


def test_a_dry_run_lists_the_points_and_touches_nothing(folder: Path) -> None:
    """It says what would be run, and makes no folder."""
    write_notebook(folder / "a.ipynb", RECORDS, parameters=f"{X}\nkind: str = 'a'")
    ended = sweep(folder, "--grid", "x=1,2", "--grid", 'kind="a,b",c', "--dry-run")
    assert ended.stdout.splitlines() == [
        "run   x=1,kind=a,b",
        "run   x=1,kind=c",
        "run   x=2,kind=a,b",
        "run   x=2,kind=c",
        "4 points, 4 of them to run",
    ]
    assert not (folder / "runs").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--grid", "y=1"), "unknown parameter 'y'"),
        (("--grid", "x=1,a"), "parameter 'x': expected int, got str ('a')"),
        (("--grid", "x=1", "-p", "x", "1"), "--grid x: also given as a fixed parameter"),
        (("--grid", "x=1", "-p", "z", "1"), "unknown parameter 'z'"),
    ],
)
def test_mistakes_are_found_before_any_kernel(
    folder: Path, words: tuple[str, ...], said: str
) -> None:
    """They are what they are for `runner run`: one line, and the exit code 2."""
    write_notebook(folder / "a.ipynb", RECORDS, parameters=X)
    ended = sweep(folder, *words)
    assert ended.returncode == 2
    assert said in ended.stderr
    assert not (folder / "runs").exists()


def test_a_metric_that_nobody_recorded_is_named_after_the_runs(folder: Path) -> None:
    """The runs are kept: the right name needs none of them again."""
    write_notebook(folder / "a.ipynb", RECORDS, COUNTS, parameters=X)
    ended = sweep(folder, "--grid", "x=1,2", "--metric", "scor")
    assert ended.returncode == 2
    assert "no run recorded the metric 'scor'; did you mean 'score'?" in ended.stderr
    assert sweep(folder, "--grid", "x=1,2", "--metric", "score", "--goal", "min").returncode == 0
    assert [row["best"] for row in table(folder)] == ["", "best"]
    assert done(folder) == {"1": 1, "2": 1}


def test_the_unchanged_training_notebook_is_swept(project: Path) -> None:
    """Its metrics come from its cards, and the model that is served stays what it was."""
    served = project / "model/iris.joblib"
    before = hashlib.sha256(served.read_bytes()).hexdigest()
    words = ["sweep", "notebooks/train.ipynb", "--grid", "gamma=scale", "--grid", "C=0.01,10"]
    ended = subprocess.run(
        [*RUNNER, *words], cwd=project, capture_output=True, text=True, timeout=100, check=False
    )
    assert ended.returncode == 0, ended.stderr
    rows = table(project, "train")
    assert [row["best"] for row in rows] == ["", "best"]
    assert float(rows[0]["accuracy"]) < float(rows[1]["accuracy"])
    assert "runner run notebooks/train.ipynb -p gamma scale -p C 10.0" in ended.stdout
    assert hashlib.sha256(served.read_bytes()).hexdigest() == before
    for row in rows:
        own = project / "runs/sweeps/train" / row["record"]
        assert own.with_name("iris.joblib").exists()
        assert pictures_of(own) == 2
