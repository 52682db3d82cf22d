"""What the record says of a service: what is counted, what the supervisor tells, what is known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import pytest

from runner.record.card import Card, Tone
from runner.record.service_card import ServiceCard
from runner.traffic.traffic import Traffic, TrafficReader

NOON = 1_796_040_000.0
RUN = {
    "status": "running",
    "ready": "2026-11-30T12:00:00+00:00",
    "notebook_sha256": "ab" * 32,
    "git_commit": "cd" * 20,
    "git_dirty": True,
    "cause": "first start",
    "model_cards": {
        "model_path": {
            "estimator": "LogisticRegression",
            "metrics": {"accuracy": 0.97333},
            "sha256": "ef" * 32,
        }
    },
}
ENDED = RUN | {
    "status": "stopped",
    "ended": "2026-11-30T13:30:00+00:00",
    "reason": "interrupted by SIGTERM: a stop was asked for",
}


class Counted:
    """Stand in for the memory in which the workers count."""

    def __init__(self) -> None:
        self.traffic = Traffic(at=NOON)

    def now(self) -> Traffic:
        return self.traffic


def serving(counted: Counted, recorded: Path | None = None) -> ServiceCard:
    return ServiceCard(lambda: cast("TrafficReader", counted), recorded, clock=lambda: NOON)


def rows(card: Card) -> dict[str, str]:
    return dict(card.rows)


def test_it_says_what_serves_and_how_it_is_asked() -> None:
    """The version, the model with its metric, the workers, the numbers and a request to try."""
    counted = Counted()
    known = serving(counted)
    known.look()
    latencies = (0, 0, 0, 0, 98, 0, 0, 0, 0, 0, 2, *[0] * 6)
    counted.traffic = Traffic(at=NOON + 10, requests=1_234, errors=2, latencies=latencies)
    known.look()
    example = {
        "method": "POST",
        "path": "/predict",
        "content_type": "application/json",
        "body": '{"a": 1}',
    }
    known.tell({"url": "http://0.0.0.0:8123", "workers": [7, 8], "example": example})
    card = known.card(RUN)
    assert (card.tone, card.title) == (Tone.WELL, "serving since 2026-11-30 12:00:00 UTC")
    assert card.figures[:2] == (("1,234", "requests"), ("2", "errors"))
    assert [name for _, name in card.figures[2:]] == ["p50", "p99"]
    assert card.figures[2][0].endswith("ms")
    assert rows(card) == {
        "address": "http://localhost:8123",
        "version": f"notebook {'ab' * 6} · commit {'cd' * 5} and changes · first start",
        "model": f"LogisticRegression · accuracy 0.9733 · {'ef' * 6}",
        "workers": "2: process 7, 8",
        "last failure": "not kept: `--record-requests` keeps each request that failed",
    }
    assert card.command == (
        "curl -X POST http://localhost:8123/predict -H 'content-type: application/json'"
        """ -d '{"a": 1}'"""
    )
    assert card.sparkline is not None
    assert sum(card.sparkline.requests) == 1_234


@pytest.mark.parametrize(
    ("told", "command"),
    [
        (
            {"url": "https://[::]:1", "needs_key": True},
            "curl https://localhost:1/ -H 'x-api-key: KEY'",
        ),
        ({"url": "http:///run/a.sock"}, "curl --unix-socket /run/a.sock http://localhost/"),
        ({"url": "http://10.0.0.1:80"}, "curl http://10.0.0.1:80/"),
        ({}, ""),
    ],
)
def test_it_is_asked_where_it_is(told: dict[str, Any], command: str) -> None:
    """By TLS, by a socket of the system, with a key."""
    known = serving(Counted())
    known.tell(told)
    assert known.card(RUN).command == command


def test_the_traffic_is_that_of_the_service() -> None:
    """What was asked of versions before is told by the supervisor, which has outlived them."""
    counted = Counted()
    known = serving(counted)
    known.tell({"earlier": [[NOON - 120, 5, 1], [NOON - 7_200, 9, 9]]})
    counted.traffic = Traffic(at=NOON, requests=2)
    known.look()
    drawn = known.card(RUN).sparkline
    assert drawn is not None
    assert (drawn.requests[-3:], sum(drawn.errors)) == ((5, 0, 2), 1)


def test_nothing_new_is_the_same_card() -> None:
    """So an idle service writes nothing."""
    known = serving(Counted())
    known.look()
    first = known.card(RUN)
    known.look()
    assert known.card(RUN) == first
    known.tell({"workers": [1]})
    assert known.card(RUN) != first


def test_the_last_failure_has_its_id(tmp_path: Path) -> None:
    """It is looked up when one more has failed, if requests are recorded."""
    counted = Counted()
    known = serving(counted, tmp_path)
    lines = [
        {"id": "a1", "status": 500, "path": "/predict", "time": "2026-11-30T12:01:00+00:00"},
        {"id": "a2", "status": 200, "path": "/", "time": "2026-11-30T12:02:00+00:00"},
    ]
    more = {"method": "POST", "ms": 1.0, "run": "r"}
    text = "\n".join(json.dumps(line | more) for line in lines)
    (tmp_path / "x.jsonl").write_text(f"{text}\n")
    known.look()
    assert "last failure" not in rows(known.card(RUN))
    counted.traffic = Traffic(at=NOON, requests=2, errors=1)
    known.look()
    said = "a1 · POST /predict → 500 · 2026-11-30 12:01:00 UTC"
    assert rows(known.card(RUN))["last failure"] == said


def test_a_failure_that_is_recorded_later_than_counted_is_found(tmp_path: Path) -> None:
    """Workers record half a second after they have answered; only the newest will do."""
    counted = Counted()
    known = serving(counted, tmp_path)
    old = {"id": "a1", "status": 500, "path": "/", "time": "2026-11-29T12:00:00+00:00"}
    more = {"method": "POST", "ms": 1.0, "run": "r"}
    (tmp_path / "x.jsonl").write_text(f"{json.dumps(old | more)}\n")
    counted.traffic = Traffic(at=NOON, requests=2, errors=1)
    known.look()
    assert rows(known.card(RUN))["last failure"].startswith("a1")
    raised = {"error": "E", "message": "m" * 500, "cell": 2, "line": 3}
    new = old | {"id": "a2", "time": "2026-11-30T12:01:00+00:00", "failure": raised}
    (tmp_path / "y.jsonl").write_text(f"{json.dumps(new | more)}\n")
    known.look()
    said = rows(known.card(RUN))["last failure"]
    assert said.startswith("a2 · POST / → 500 · E: mmm")
    assert said.endswith("m… (cell 2, line 3) · 2026-11-30 12:01:00 UTC")


def test_what_the_newest_save_has_become_is_said_while_it_serves() -> None:
    """And what is odd about it; none of that once it has ended."""
    known = serving(Counted())
    failure = {"reason": "cell 2, line 1 `x`,\nraised NameError: x"}
    known.tell({"failure": failure, "notices": ["another scikit-learn"]})
    said = rows(known.card(RUN))
    assert said["newest save"].endswith("cell 2, line 1 `x`, raised NameError: x")
    assert said["warning"] == "another scikit-learn"
    known.tell({"save_fault": "no JSON", "failure": failure})
    assert rows(known.card(RUN))["newest save"] == "not taken up: no JSON", "it is newer"
    assert not {"newest save", "warning"} & set(rows(known.card(ENDED)))


@pytest.mark.parametrize(
    ("status", "tone"), [("stopped", Tone.CALM), ("failed", Tone.BAD), ("kernel-died", Tone.BAD)]
)
def test_at_the_end_it_is_a_summary(status: str, tone: Tone) -> None:
    """From when to when, how many, and why it ended; that somebody has stopped it is calm."""
    counted = Counted()
    known = serving(counted)
    known.tell({"url": "http://127.0.0.1:1"})
    counted.traffic = Traffic(at=NOON, requests=10)
    known.look()
    card = known.card(ENDED | {"status": status})
    assert card.tone is tone
    assert "from 2026-11-30 12:00:00 UTC to 2026-11-30 13:30:00 UTC (1:30:00)" in card.title
    assert ("10", "requests") in card.figures
    assert rows(card)["ended"] == ENDED["reason"]
    assert (card.command, card.beside) == ("", "")


def test_without_counts_it_says_the_rest() -> None:
    """A server in another language counts nothing."""
    known = ServiceCard(lambda: None, None)
    known.look()
    card = known.card({"status": "draining", "ready": RUN["ready"]})
    assert (card.figures, card.sparkline, card.tone) == ((), None, Tone.PASSING)
