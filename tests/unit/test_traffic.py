"""What was asked, as a whole and within an hour: sums, quantiles, and who may read them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from runner.traffic.counters import LATENCIES, Counters
from runner.traffic.shared_counts import note_path
from runner.traffic.traffic import History, Traffic, TrafficReader


def counted(*answers: tuple[str, int, float]) -> Counters:
    counters = Counters(["iris", "price"], slots=2)
    for name, status, seconds in answers:
        counters[name].request_started()
        counters[name].request_answered(status, seconds)
    counters.publish()
    return counters


def in_bucket(*counts: int, **others: int) -> Traffic:
    latencies = (*counts, *(0,) * (len(LATENCIES) + 1 - len(counts)))
    return Traffic(at=0.0, latencies=latencies, requests=sum(counts), **others)


def test_what_is_asked_of_the_service_itself_is_no_traffic() -> None:
    """Pages and metrics belong to no endpoint; only predictions are summed."""
    counters = counted(("iris", 200, 0.01), ("price", 500, 0.01), ("", 200, 0.01))
    traffic = Traffic.of(counters.total(), at=5.0)
    assert (traffic.at, traffic.requests, traffic.errors, traffic.refused) == (5.0, 2, 1, 0)


def test_an_app_without_endpoints_is_summed_as_a_whole() -> None:
    """Whatever an app of one's own answers is its traffic; a rare status counts by its class."""
    counters = Counters([], slots=1)
    for status in (204, 302, 401, 418, 502):
        counters[""].request_started()
        counters[""].request_answered(status, 0.01)
    traffic = Traffic.of(counters.total(), at=0.0)
    assert (traffic.requests, traffic.refused, traffic.errors) == (5, 2, 1)


@pytest.mark.parametrize("status", [0, 7, 99, 600, 999])
def test_a_status_that_is_none_is_a_failure(status: int) -> None:
    """An app may answer by any number; nothing breaks."""
    assert Traffic.of(counted(("iris", status, 0.01)).total(), at=0.0).errors == 1


def test_a_quantile_lies_within_its_bucket() -> None:
    """Half of ten requests in one bucket is its middle; what is beyond all has the last bound."""
    assert Traffic(at=0.0).quantile(0.5) is None
    assert in_bucket(10).quantile(0.5) == pytest.approx(LATENCIES[0] / 2)
    assert in_bucket(0, 4).quantile(1.0) == LATENCIES[1]
    beyond = in_bucket(*(0,) * len(LATENCIES), 3)
    assert beyond.quantile(0.99) == LATENCIES[-1]


def test_a_point_has_what_came_since_the_one_before() -> None:
    """Requests, failures and times of its span alone, however much was counted before."""
    history = History(in_bucket(10, errors=1))
    history.add(in_bucket(10, 4, errors=3))
    history.add(in_bucket(10, 4, errors=3), memory=7, worker_memory=(3, None))
    first, second = history.points
    assert (first.requests, first.errors, first.p99) == (4, 2, pytest.approx(0.000248, rel=0.01))
    assert (second.requests, second.p50, second.memory) == (0, None, 7)
    assert (first.worker_memory, second.worker_memory) == ((), (3, None))


def test_only_the_last_points_are_kept() -> None:
    """The memory that a history takes has a bound."""
    history = History(Traffic(at=0.0), most=3)
    for at in range(1, 6):
        history.add(Traffic(at=float(at), requests=at))
    assert [point.at for point in history.points] == [3.0, 4.0, 5.0]
    lately, seconds = history.latest(2.0)
    assert (lately.requests, seconds) == (2, 2.0)


def test_another_process_reads_what_is_counted(tmp_path: Path) -> None:
    """Who knows the folder and the run's name has the sums, now and later."""
    counters = counted(("iris", 200, 0.01))
    counters.show_to_others(tmp_path, "r1")
    reader = TrafficReader.find(tmp_path, "r1")
    assert reader is not None
    assert reader.now().requests == 1
    counters["price"].request_started()
    counters["price"].request_answered(200, 0.01)
    counters.publish()
    assert reader.now().requests == 2


def test_what_was_found_stays_when_its_note_is_swept(tmp_path: Path) -> None:
    """Temporary files may go, and the process that made the memory: who reads it keeps it."""
    counters = counted(("iris", 200, 0.01))
    counters.show_to_others(tmp_path, "r1")
    reader = TrafficReader.find(tmp_path, "r1")
    note_path(tmp_path, "r1").unlink()
    del counters
    assert reader is not None
    assert reader.now().requests == 1


def test_only_our_own_memory_is_read(tmp_path: Path) -> None:
    """A note of another version, of a closed file or of another one, or none: nothing is shown."""
    assert TrafficReader.find(tmp_path, "r1") is None
    counters = counted()
    counters.show_to_others(tmp_path, "r1")
    note = json.loads(note_path(tmp_path, "r1").read_bytes())
    with (tmp_path / "other").open("wb+") as other:
        other.write(b"\0" * 8192)
        wrong = ({"width": 3}, {"fd": other.fileno()}, {"fd": 10**6}, {"pid": 0}, {"names": []})
        for change in wrong:
            note_path(tmp_path, "r1").write_text(json.dumps({**note, **change}), encoding="utf-8")
            assert TrafficReader.find(tmp_path, "r1") is None
    note_path(tmp_path, "r1").write_text("{", encoding="utf-8")
    assert TrafficReader.find(tmp_path, "r1") is None


def test_where_there_is_no_such_memory_nothing_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Workers count all the same, and say what they have counted at a scrape."""
    monkeypatch.delattr(os, "memfd_create")
    counters = counted(("iris", 200, 0.01))
    counters.show_to_others(tmp_path, "r1")
    assert counters.total()["iris"].answered[200] == 1
    assert not list(tmp_path.iterdir())
