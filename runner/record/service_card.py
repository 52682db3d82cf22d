"""Know what the record's card says of a service, now and when it has ended.

The rules of this file:

1. What the workers count is read where they count it; who serves and where, the supervisor tells
   (`tell`); the rest stands in the record.
2. Nothing here ends a run, and nothing of it holds up a request: what is not known is left out.
"""

from __future__ import annotations

import datetime as dt
import itertools
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from runner.record import requests
from runner.record.card import Card, Tone
from runner.record.curl import curl_of, reachable
from runner.record.run_status import ENDED_BADLY, RunStatus
from runner.record.sparkline import Sparkline
from runner.traffic.traffic import History, Traffic, TrafficReader
from runner.traffic.traffic_text import milliseconds, noun, span

_RECORDED_WITHIN = 60.0  # seconds
_MOST_LOOKED_THROUGH = 2_000  # recorded requests, for a failure among them
_MOST_MODELS, _MOST_METRICS, _MOST_NOTICES = 3, 3, 5
_TIME = "%Y-%m-%d %H:%M:%S UTC"

Facts = Mapping[str, Any]


class ServiceCard:
    """Make the card of one run.

    Args:
        traffic: Finds what its workers count, if that is there by now.
        recorded: The folder of its recorded requests; None if none are.
        clock: Gives the wall clock's time in seconds.
    """

    def __init__(
        self,
        traffic: Callable[[], TrafficReader | None],
        recorded: Path | None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._find, self._recorded, self._clock = traffic, recorded, clock
        self._reader: TrafficReader | None = None
        self._history: History | None = None
        self._told: Facts = {}
        self._failure: requests.RecordedRequest | None = None
        self._failed_after: float | None = None  # the request is recorded a moment later
        self._looked_at = clock()
        self._lock = threading.Lock()

    def tell(self, told: Facts) -> None:
        """Take what the supervisor says of the service; from any thread."""
        self._told = told

    def look(self) -> None:
        """Look at what was counted until now; from any thread."""
        with self._lock:
            looked_before, self._looked_at = self._looked_at, self._clock()
            self._reader = self._reader or self._find()
            if self._reader is None:
                return
            now = self._reader.now()
            if self._history is None:
                self._history = History(Traffic(at=now.at))
            before = self._history.last.errors
            self._history.add(now)
        if now.errors > before:
            self._failed_after = looked_before
        self._look_for_failure()

    def _look_for_failure(self) -> None:
        """Find the request that failed last, unless it is known or is not recorded."""
        after = self._failed_after
        if after is None or self._recorded is None:
            return
        self._failure = _last_failure(self._recorded) or self._failure
        is_known = self._failure is not None and self._failure.time.timestamp() >= after
        if is_known or self._looked_at - after > _RECORDED_WITHIN:
            self._failed_after = None

    def facts(self) -> dict[str, Any]:
        """Give its figures for programs; empty if nobody counts."""
        with self._lock:
            if self._history is None:
                return {}
            total = self._history.last
        return {
            "requests": total.requests,
            "errors": total.errors,
            "refused": total.refused,
            "p50": total.quantile(0.5),
            "p99": total.quantile(0.99),
        }

    def card(self, run: Facts) -> Card:
        """Make the card.

        Args:
            run: What the record says of the run.
        """
        tone, title = _title(run)
        has_ended = bool(run.get("ended"))
        with self._lock:
            beside = f"as of {_time(self._looked_at)}"
            figures, sparkline = tuple(self._figures()), self._sparkline()
        return Card(
            tone=tone,
            title=title,
            beside="" if has_ended else beside,
            figures=figures,
            sparkline=sparkline,
            rows=tuple(self._rows(run, has_ended=has_ended)),
            command="" if has_ended else self._command(),
        )

    def _command(self) -> str:
        told = self._told
        url, needs_key = str(told.get("url") or ""), bool(told.get("needs_key"))
        return curl_of(url, told.get("example"), needs_key=needs_key)

    def _figures(self) -> Iterator[tuple[str, str]]:
        if self._history is None:
            return
        total = self._history.last
        yield f"{total.requests:,}", noun(total.requests, "request")
        yield f"{total.errors:,}", noun(total.errors, "error")
        if total.refused:
            yield f"{total.refused:,}", "refused (4xx)"
        for part, name in ((0.5, "p50"), (0.99, "p99")):
            seconds = total.quantile(part)
            yield milliseconds(seconds) or "-", name

    def _sparkline(self) -> Sparkline | None:
        if self._history is None:
            return None
        own = ((point.at, point.requests, point.errors) for point in self._history.points)
        earlier = (tuple(each) for each in self._told.get("earlier") or ())
        return Sparkline.of([*earlier, *own], self._looked_at)

    def _rows(self, run: Facts, *, has_ended: bool) -> Iterator[tuple[str, str]]:
        told = self._told
        if has_ended:
            yield "ended", " ".join(str(run.get("reason", "")).split())
        elif url := told.get("url"):
            yield "address", reachable(str(url))
        yield "version", " · ".join(_version(run))
        yield from _models(run)
        if not has_ended and (pids := told.get("workers")):
            yield "workers", f"{len(pids)}: process {', '.join(map(str, pids))}"
        yield from self._last_failure()
        if not has_ended:
            yield from _news(told)

    def _last_failure(self) -> Iterator[tuple[str, str]]:
        if (failure := self._failure) is not None:
            asked = f"{failure.method} {failure.target:.100}"
            when = _time(failure.time.timestamp())
            raised = failure.failure.said if failure.failure else ""
            parts = (failure.id, f"{asked} → {failure.status}", raised, when)
            yield "last failure", " · ".join(filter(None, parts))
        elif self._history is not None and self._history.last.errors and self._recorded is None:
            yield "last failure", "not kept: `--record-requests` keeps each request that failed"


def _title(run: Facts) -> tuple[Tone, str]:
    ready, ended, status = _moment(run.get("ready")), _moment(run.get("ended")), run.get("status")
    since = _time(ready)
    if not ended:
        if status == RunStatus.DRAINING:
            return Tone.PASSING, f"stopping, has served since {since}"
        return Tone.WELL, f"serving since {since}"
    served = f"served from {since} to {_time(ended)} ({span(ended - ready)})"
    return (Tone.BAD, f"failed; {served}") if status in ENDED_BADLY else (Tone.CALM, served)


def _version(run: Facts) -> Iterator[str]:
    if sha256 := run.get("notebook_sha256"):
        yield f"notebook {sha256[:12]}"
    if commit := run.get("git_commit"):
        yield f"commit {commit[:10]}" + (" and changes" if run.get("git_dirty") else "")
    if url := run.get("notebook_url"):
        yield str(url)
    if cause := run.get("cause"):
        yield str(cause)


def _models(run: Facts) -> Iterator[tuple[str, str]]:
    cards = run.get("model_cards") or {}
    for card in itertools.islice(cards.values(), _MOST_MODELS):
        metrics = card.get("metrics") or {}
        shown = metrics.items() if isinstance(metrics, dict) else ()
        said = [
            f"{name} {_figure(value)}" for name, value in itertools.islice(shown, _MOST_METRICS)
        ]
        known = (card.get("estimator"), *said, str(card.get("sha256", ""))[:12])
        yield "model", " · ".join(str(each) for each in known if each)


def _news(told: Facts) -> Iterator[tuple[str, str]]:
    if fault := told.get("save_fault"):  # newer than any run that failed
        yield "newest save", f"not taken up: {' '.join(str(fault).split())}"
    elif failure := told.get("failure"):
        reason = " ".join(str(failure.get("reason", "")).split())
        yield "newest save", f"does not serve, the one before does: {reason}"
    for notice in (told.get("notices") or ())[:_MOST_NOTICES]:
        yield "warning", str(notice)


def _last_failure(folder: Path) -> requests.RecordedRequest | None:
    newest = itertools.islice(requests.read(folder), _MOST_LOOKED_THROUGH)
    return next((request for request in newest if request.is_failure), None)


def _figure(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _moment(text: Any) -> float:
    return dt.datetime.fromisoformat(text).timestamp() if text else 0.0


def _time(seconds: float) -> str:
    return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime(_TIME)
