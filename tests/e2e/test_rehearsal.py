"""A new version is asked what was asked before, and takes over only if it answers well."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support import RUNNER, Service, post, read_record, until, write_notebook
from support.recorded import recorded_line

MODEL = """\
LIMIT = {limit}
def classify(x: float) -> dict:
    {failing}
    return {{"label": "small" if x < LIMIT else "large", "score": x / 3}}
"""


def save(project: Path, limit: float, failing: str = "pass") -> None:
    """Save a version: what is small ends at a limit."""
    text = MODEL.format(limit=limit, failing=failing)
    write_notebook(project / "new", text, "from runner import serve\nserve(classify)")
    (project / "new").rename(project / "a.ipynb")


def record_requests(folder: Path) -> None:
    """Leave a request log as the first version has written it: 200 numbers from 0 to 199."""
    folder.mkdir(parents=True)
    now = dt.datetime.now(dt.UTC)
    with (folder / "20260101T000000-run-0.jsonl").open("w") as file:
        for x in range(200):
            answer = {"label": "small" if x < 100 else "large", "score": x / 3}
            body, moment = json.dumps({"x": x}), now + dt.timedelta(seconds=x)
            file.write(recorded_line(f"r{x}", moment, body=body, answer=json.dumps(answer), ms=0.3))


CASE = {"name": "three", "request": {"body": {"x": 3}}, "answer": {"label": "small", "score": 1}}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a notebook, a case beside it, and what was asked of it."""
    folder = tmp_path_factory.mktemp("project")
    save(folder, 100)
    (folder / "rehearsal.jsonl").write_text(json.dumps(CASE) + "\n")
    record_requests(folder / "runs/a/requests")
    return folder


@pytest.fixture(scope="module")
def served(project: Path) -> Iterator[tuple[Service, int]]:
    """The service, and its port."""
    words = ("--port", "0", "--workers", "2", "--rehearse", "200", "--rehearse-changes", "5%")
    service = Service("serve", "a.ipynb", *words, cwd=project)
    try:
        port = service.bound_port()
        until(lambda: service.process.poll() is not None or answer(port) == "small", 60)
        assert service.process.poll() is None, service.said()
        yield service, port
    finally:
        service.end()


def answer(port: int, x: float = 1) -> str:
    """How a number is called; empty when it is not answered."""
    try:
        return str(post(port, json.dumps({"x": x}).encode())[1]["label"])
    except OSError:
        return ""


@contextlib.contextmanager
def asking(port: int, x: float) -> Iterator[list[str]]:
    """Ask for a number without a pause; give the answers."""
    answers, is_over = [answer(port, x)], threading.Event()

    def ask() -> None:
        while not is_over.wait(0.005):
            answers.append(answer(port, x))

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield answers
    finally:
        is_over.set()
        thread.join()


def ask(project: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*RUNNER, *words], check=False, cwd=project, capture_output=True, text=True, timeout=90
    )


def status(project: Path) -> Any:
    return json.loads(ask(project, "status", "a.ipynb", "--format", "json").stdout)


def test_at_the_first_start_the_cases_are_asked(served: tuple[Service, int], project: Path) -> None:
    """And the recorded requests are not, since nothing is replaced."""
    report = status(project)["serving"]["rehearsal"]
    assert (report["is_accepted"], report["asked"], report["same"]) == (True, 1, 1)


def test_a_model_that_was_trained_anew_is_shown_by_what_it_answers_otherwise(
    served: tuple[Service, int], project: Path
) -> None:
    """Three of 200: by name, field and values, in the status, the record and the log."""
    service, port = served
    save(project, 97)
    done = ask(project, "reload", "a.ipynb")
    assert done.returncode == 0, done.stderr + service.said()
    found = status(project)["serving"]
    record = read_record(project / "runs/a/out.ipynb").metadata.runner
    assert record.run == found["run"], "it is shown before the command ends"
    report = found["rehearsal"]
    assert {name: report[name] for name in ("asked", "same", "changed", "failed", "left_out")} == {
        "asked": 201,
        "same": 198,
        "changed": 3,
        "failed": 0,
        "left_out": {},
    }
    changed = [row for row in report["rows"] if row["what"] == "changed"]
    assert sorted(row["name"] for row in changed) == ["r97", "r98", "r99"]
    assert {(row["field"], row["before"], row["now"]) for row in changed} == {
        ("/label", '"small"', '"large"')
    }
    shown = ask(project, "status", "a.ipynb").stdout
    assert "198 same, 3 changed, 0 failed" in shown
    assert "r98" in shown
    assert "198 same, 3 changed, 0 failed" in service.said()
    record = until(lambda: recorded(project, found["record"]))
    assert record.metadata.runner.rehearsal.changed == 3
    (cell,) = (cell for cell in record.cells if cell.id == "rehearsal")
    assert '| `changed` | `POST /` | `/label` | `"small"` | `"large"` | `r99` |' in cell.source
    assert answer(port, 98) == "large"


def recorded(project: Path, path: str) -> Any:
    """A record that has the report; None while it has not."""
    record = read_record(project / path)
    return record if "rehearsal" in record.metadata.runner else None


def test_who_was_asked_by_us_has_counted_nothing(served: tuple[Service, int]) -> None:
    """Neither requests nor rows of predictions are in the metrics of the version."""
    _, port = served
    import urllib.request

    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as response:
        lines = response.read().decode().splitlines()
    counted = [
        float(line.split()[-1]) for line in lines if line.startswith("runner_requests_total")
    ]
    assert sum(counted) < 20


def test_a_version_that_raises_on_one_recorded_request_does_not_take_over(
    served: tuple[Service, int], project: Path
) -> None:
    """No client has seen it; the reason names the request, and the record has the report."""
    _, port = served
    save(project, 97, "if x == 150: raise ValueError('no such number')")
    with asking(port, 150) as answers:
        done = ask(project, "reload", "a.ipynb")
    assert {*answers} == {"large"}
    assert done.returncode == 1
    assert "1 of 201 failed in the rehearsal, first POST / (r150)" in done.stderr
    assert "ValueError: no such number" in done.stderr
    assert answer(port, 150) == "large"
    failure = until(lambda: status(project)["failure"])
    assert failure["rehearsal"]["failed"] == 1
    assert recorded(project, failure["record"]).metadata.runner.rehearsal.failed == 1


def test_a_version_that_dies_of_a_recorded_request_does_not_take_over(
    served: tuple[Service, int], project: Path
) -> None:
    """Whatever ends its process; the request that did is named."""
    save(project, 97, "x == 150 and __import__('os').abort()")
    done = ask(project, "reload", "a.ipynb")
    assert done.returncode == 1
    assert "was killed by SIGABRT at POST / (r150)" in done.stderr
    assert answer(served[1], 150) == "large"


def test_too_many_changes_keep_a_version_from_serving(
    served: tuple[Service, int], project: Path
) -> None:
    """``--rehearse-changes`` says how many are too many."""
    save(project, 50)
    done = ask(project, "reload", "a.ipynb")
    assert done.returncode == 1
    assert "50 of 200 recorded requests are answered otherwise" in done.stderr
    assert "--rehearse-changes allows 5 %" in done.stderr
    assert answer(served[1], 75) == "small"


@pytest.mark.parametrize(
    ("failing", "seconds", "code", "said"),
    [
        (
            "x == 3 and __import__('time').sleep(1000)",
            ("--ready-timeout", "30", "--rehearse-timeout", "1"),  # of which its start takes most
            5,
            "not ready to serve within 31 s at POST / (three)",
        ),
        ("x == 3 and __import__('os').abort()", (), 4, "was killed by SIGABRT"),
    ],
    ids=["hangs", "dies"],
)
def test_a_rehearsal_that_comes_to_no_end_fails_by_itself(
    tmp_path: Path, failing: str, seconds: tuple[str, ...], code: int, said: str
) -> None:
    """The request at which it was is named; nothing is told of a record that is gone."""
    save(tmp_path, 100, failing)
    (tmp_path / "rehearsal.jsonl").write_text(json.dumps(CASE))
    done = ask(tmp_path, "rehearse", "a.ipynb", "--grace", "1", *seconds)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr
    assert "it is at POST / (three)" in done.stderr
    assert "Traceback" not in done.stderr
    assert "the records are in" not in done.stderr


def test_a_notebook_that_is_not_served_is_rehearsed_by_hand(
    served: tuple[Service, int], project: Path
) -> None:
    """The table is printed, and the exit code says whether it may serve; the service goes on."""
    save(project, 50)
    done = ask(project, "rehearse", "a.ipynb", "--format", "json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["changed"] == 50
    save(project, 2)
    done = ask(project, "rehearse", "a.ipynb", "--requests", "runs/a/requests", "--rehearse", "0")
    assert done.returncode == 8, done.stderr
    assert "1 requests" in done.stdout
    assert 'failed  POST /   /label  "small"  "large"  three' in done.stdout
    assert answer(served[1], 75) == "small"
