"""Hold what the endpoints of one worker are called by: their batchers, and the fast route."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from runner.access.gate import Gate
from runner.config import Limits
from runner.predict import pictures
from runner.predict.answers import FunctionAnswers
from runner.predict.batching import Batcher
from runner.predict.endpoints import Endpoint
from runner.predict.fast_route import FastRoute
from runner.predict.http_messages import (
    Request,
    Response,
    timeout_of,
    unqueued_timing,
)
from runner.predict.large_results import is_large
from runner.predict.pending_prediction import Prediction
from runner.predict.problem_error import ProblemError
from runner.predict.response import Response as AuthorResponse
from runner.predict.streams import RunningStream, collected, is_stream
from runner.traffic.counters import Counters


class Dispatcher:
    """Call endpoints, for many clients at once.

    To be made in the worker's loop.

    Args:
        endpoints: What predicts.
        counters: Told of each call.
        limits: How many may wait for each endpoint, and how long a call may take.
        on_busy_changed: Called when ``is_busy`` may have changed.
        run_id: Which run answers; empty if none does.
        gate: Lets requests in.

    Attributes:
        fast_route: Answers what is plain.
    """

    def __init__(  # noqa: PLR0913 - what an app knows, handed on once
        self,
        endpoints: Sequence[Endpoint],
        counters: Counters,
        *,
        limits: Limits,
        run_id: bytes,
        gate: Gate,
        on_busy_changed: Callable[[], None] = lambda: None,
    ) -> None:
        loop = asyncio.get_running_loop()
        self._counters = counters
        self._batchers = {
            each.name: Batcher(
                each,
                loop=loop,
                counters=counters,
                most_waiting=limits.max_waiting,
                timeout=limits.predict_timeout,
                on_busy_changed=on_busy_changed,
            )
            for each in endpoints
        }
        batchers = {
            each.path: self._batchers[each.name]
            for each in endpoints
            if each.call is None and each.answers is None
        }
        self.fast_route = FastRoute(batchers, limits, run_id, gate)
        counters.publish_on(loop)

    @property
    def is_busy(self) -> bool:
        """Tell whether a call of one endpoint would have to wait."""
        return any(batcher.is_busy for batcher in self._batchers.values())

    @property
    def is_stuck(self) -> bool:
        """Tell whether a call does not end."""
        return any(batcher.is_stuck for batcher in self._batchers.values())

    def close(self) -> None:
        """Show the last numbers, and end the threads."""
        self._counters.publish()
        for batcher in self._batchers.values():
            batcher.close()

    async def predict(self, endpoint: Endpoint, item: Any, request: Request) -> Prediction:
        """Predict one item within the time that the request gives.

        Raises:
            ProblemError: There is no prediction.
        """
        return await self._batchers[endpoint.name].predict(item, _deadline_of(request))

    async def predict_many(
        self, endpoint: Endpoint, items: Sequence[Any], request: Request
    ) -> list[Any]:
        """Predict many items; a ProblemError stands in the place of each that failed.

        Raises:
            ProblemError: There is no use in the rest.
        """
        caller = self._batchers[endpoint.name]
        results = await caller.predict_many(items, _deadline_of(request))
        if endpoint.answers is None:
            return results
        return [await _gathered(each, endpoint.answers, caller) for each in results]

    async def response(self, endpoint: Endpoint, given: Prediction, request: Request) -> Response:
        """Make the answer of a prediction; a stream's first item is there then.

        Raises:
            ProblemError: The author's code failed at it; the log says how.
        """
        caller, began = self._batchers[endpoint.name], time.monotonic()
        response = await self._made_response(endpoint, given.result, request)
        timing = given.server_timing
        if response.stream is not None:
            running = RunningStream(response.stream, caller)
            await running.begin(_deadline_of(request))
            timing = unqueued_timing(time.monotonic() - began)
            response = dataclasses.replace(response, stream=running)
        headers = ((b"server-timing", timing), *response.headers)
        return dataclasses.replace(response, headers=headers)

    async def _made_response(self, endpoint: Endpoint, result: Any, request: Request) -> Response:
        caller, answers = self._batchers[endpoint.name], endpoint.answers
        accept = request.headers.get(b"accept", b"")

        def made() -> Response:
            if answers is not None:
                return answers.answer(result, accept)
            found = endpoint.encode(result)
            return found if isinstance(found, Response) else Response(body=found)

        try:
            takes_long = isinstance(result, AuthorResponse) or pictures.writers_of(result)
            if takes_long or is_large(result):
                return await caller.thread().result_of(made)
            return made()
        except Exception as error:
            raise caller.problem(error) from error


async def _gathered(result: Any, answers: FunctionAnswers, caller: Batcher) -> Any:
    """Put a stream, where there is but one body for many answers, into one JSON array."""
    if not is_stream(result):
        return result
    try:
        return msgspec.Raw(await collected(RunningStream(answers.array(result), caller)))
    except ProblemError as problem:
        return problem


def _deadline_of(request: Request) -> float | None:
    seconds = timeout_of(request.headers.items())
    return None if seconds is None else asyncio.get_running_loop().time() + seconds
