"""What the cockpit lists of what a service has failed at."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.standin_service import recorded_failure

from runner.cockpit import failures
from runner.cockpit.services import Service


def test_a_request_has_what_it_raised_and_the_record_of_its_run(tmp_path: Path) -> None:
    """An older log has nothing of the kind, and a run's name is what a file says."""
    service = Service(key="a", folder=tmp_path, place=tmp_path)
    recorded_failure(tmp_path, 1, run="../" * 500 + "x" * 500)
    recorded_failure(
        tmp_path, 2, body=None, is_cut=True, failure={"error": "E", "cell": 3, "line": 4}, run="r"
    )
    newest, oldest = failures.failed_requests(service)
    assert (newest.failure.cell, newest.failure.line) == (3, 4)
    assert newest.record == tmp_path / "r.ipynb"
    assert newest.body.startswith("not recorded")
    assert (oldest.failure.said, oldest.body) == ("", '{"x": 1}')
    assert oldest.record.parent == tmp_path
    assert not oldest.record.exists()


def test_only_the_newest_requests_are_looked_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page asks all the time: a large log in which nothing has failed is not read whole."""
    monkeypatch.setattr(failures, "MOST_LOOKED_THROUGH", 3)
    service = Service(key="a", folder=tmp_path, place=tmp_path)
    recorded_failure(tmp_path, 1)
    recorded_failure(tmp_path, 2)
    for number in (3, 4):
        recorded_failure(tmp_path, number, status=200)
    assert [int(each.id, 16) for each in failures.failed_requests(service)] == [2]
