"""The request log of a service, from a client's request to the command that lists it."""

from __future__ import annotations

import contextlib
import json
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from support import RUNNER, Service, is_ready, reserved_port, send, until, write_notebook

from runner.record.ledger import Ledger
from runner.record.requests import RecordedRequest, Wanted, read

FUNCTION = """
from runner import serve

def divide(a: float, b: float, token: str = "") -> float:
    return a / b
"""


class Recorded:
    """A service of two workers that records all it is asked."""

    def __init__(self, folder: Path) -> None:
        write_notebook(folder / "a.ipynb", FUNCTION, "serve(divide, example={'a': 1, 'b': 2})")
        self.port = reserved_port()
        words = ["--record-requests", "1", "--workers", "2"]
        self.process = Service("serve", "a.ipynb", "--port", str(self.port), *words, cwd=folder)
        until(lambda: is_ready(self.port, self.process))
        self.folder = folder / "runs" / "a" / "requests"

    def ask(self, **values: Any) -> int:
        """Ask on a connection of its own; give the status."""
        return send(self.port, json.dumps(values).encode())[0]

    def read(self, **wanted: Any) -> list[RecordedRequest]:
        """What is recorded by now."""
        return list(read(self.folder, Wanted(**wanted)))

    def until_recorded(self, count: int) -> list[RecordedRequest]:
        """Wait until there is so much, and no more."""
        found = until(lambda: found if len(found := self.read()) >= count else None)
        assert len(found) == count
        return list(found)

    def say(self, *words: str) -> str:
        """Be the command line beside it."""
        line = [*RUNNER, *words]
        folder = self.folder.parents[2]
        return subprocess.run(
            line, cwd=folder, check=True, capture_output=True, text=True, timeout=60
        ).stdout

    def workers(self) -> list[int]:
        """The numbers of their processes."""
        status = json.loads(self.say("status", "a.ipynb", "--format", "json"))
        return list(status["serving"]["workers"])


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    service = Recorded(tmp_path_factory.mktemp("recorded"))
    yield service
    service.process.stop()
    assert service.process.end() == []


@pytest.fixture(autouse=True)
def anew(service: Recorded) -> None:
    """Begin each test with an empty log, which is a folder that vanishes, too."""
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(service.folder)


def test_what_was_asked_is_listed(service: Recorded) -> None:
    """Good answers, refusals and failures, without their secrets; by who may read them."""
    assert service.ask(a=1, b=2, token="t0p") == 200
    assert service.ask(a=1, b=[]) == 422
    assert service.ask(a=1, b=0) == 500
    found = service.until_recorded(3)  # by two workers, maybe within a millisecond
    good, refused, failed = sorted(found, key=lambda request: request.status)
    assert json.loads(good.body or b"") == {"a": 1, "b": 2, "token": "***"}
    assert (good.answer, good.is_masked) == (b"0.5", True)
    assert (refused.status, failed.status) == (422, 500)
    assert json.loads(failed.body or b"") == {"a": 1, "b": 0}
    assert failed.run
    assert {stat.S_IMODE(path.stat().st_mode) for path in service.folder.glob("*.jsonl")} == {0o600}
    assert stat.S_IMODE(service.folder.stat().st_mode) == 0o700
    (listed,) = service.say("requests", "--failures").splitlines()
    assert " 500 " in listed
    rows = service.say("requests", "a.ipynb", "--export", "jsonl", "--status", "2xx").splitlines()
    assert [json.loads(row)["body.a"] for row in rows] == [1]


def test_a_failure_is_reproduced_by_the_notebook_that_is_written_for_it(service: Recorded) -> None:
    """Asked for by the number that the client got; by `runner run` as in Jupyter."""
    body = json.dumps({"a": 1, "b": 0, "token": "t0p"}).encode()
    status, _, answer = send(service.port, body)
    service.until_recorded(1)
    number = json.loads(answer)["detail"].split()[-1]
    written = service.say("debug", number).strip()
    assert status == 500
    assert stat.S_IMODE((service.folder.parents[2] / written).stat().st_mode) == 0o600
    words = [*RUNNER, "run", written]
    done = subprocess.run(
        words,
        cwd=service.folder.parents[2],
        check=False,
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert done.returncode == 3
    assert "raised ZeroDivisionError: float division by zero" in done.stderr
    assert "return a / b" in done.stderr


def test_a_killed_worker_leaves_what_it_had_written(service: Recorded) -> None:
    """Those who take over write files of their own."""
    for number in range(20):
        service.ask(a=number, b=1)
    service.until_recorded(20)
    killed = service.workers()
    for pid in killed:
        psutil.Process(pid).kill()
    until(lambda: not {*killed} & {*service.workers()})
    for number in range(20):
        until(lambda number=number: service.ask(a=number, b=1) == 200)  # type: ignore[misc]
    good = frozenset([200])
    until(lambda: len(service.read(statuses=good)) == 40)


def test_a_version_that_is_swapped_in_records_under_its_own_run(service: Recorded) -> None:
    """And what the one before has written stays."""
    service.ask(a=1, b=1)
    (before,) = service.until_recorded(1)
    service.say("reload", "a.ipynb")
    # The one before may still take connections for a moment.
    until(lambda: service.ask(a=2, b=1) and service.read()[0].run > before.run)
    assert service.read()[-1].id == before.id
    ledger = Ledger(service.folder)
    until(lambda: {path.name for path in service.folder.glob("*.jsonl")} <= {*ledger.names()})
