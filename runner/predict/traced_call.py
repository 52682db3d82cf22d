"""Make a call of ``predict`` known to the requests for which it is made."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from runner.predict.pending_prediction import PendingPrediction
from runner.telemetry.request_trace import RequestTrace
from runner.telemetry.spans import Span

Call = Callable[[list[Any]], Sequence[Any]]


def results_of(batch: Sequence[PendingPrediction], call: Call, name: str) -> Sequence[Any]:
    """Call for a batch, of which at least the first has a trace.

    What is logged in a call for one request names it. Where spans are made, each request gets two:
    how long it waited, and the call; of a call for one, what happens in it stands below that.

    Args:
        batch: Who waits.
        call: Gives the results of items; in the place of what failed stands the exception.
        name: Of the endpoint.
    """
    first_of: dict[int, int] = {}
    for place, pending in enumerate(batch):
        first_of.setdefault(id(pending.trace), place)
    found = [batch[place].trace for place in first_of.values()]
    alone = found[0] if len(found) == 1 else None
    items = [each.item for each in batch]
    spans = {
        place: _begun(batch[place], trace, len(batch), name)
        for trace, place in zip(found, first_of.values(), strict=True)
        if trace is not None and trace.span is not None
    }
    results: Sequence[Any] = ()
    try:
        results = _called(alone, spans.get(0), call, items)
    finally:
        for place, span in spans.items():
            result = results[place] if results else None
            failed = isinstance(result, BaseException)
            span.end(failed=type(result).__name__ if failed else "")
    return results


def _begun(pending: PendingPrediction, trace: RequestTrace, size: int, name: str) -> Span:
    above, now = trace.span, time.monotonic()
    assert above is not None  # noqa: S101 - looked at by the caller
    above.child("waiting", pending.since).end(until=now)
    known: dict[str, str | int] = {"runner.endpoint": name, "runner.batch.size": size}
    return above.child("predict", now, known)


def _called(
    trace: RequestTrace | None, span: Span | None, call: Call, items: list[Any]
) -> Sequence[Any]:
    if trace is None:
        return call(items)
    if span is None:
        return trace.run(call, items)
    return trace.run(span.run, call, items)
