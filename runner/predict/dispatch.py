"""Hold what the endpoints of one worker are called by: their batchers, and the fast route."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from runner.predict.batching import Batcher
from runner.predict.counters import Counters
from runner.predict.endpoints import Endpoint
from runner.predict.fast_route import FastRoute
from runner.predict.http_messages import Request, timeout_of
from runner.predict.pending_prediction import Prediction


class Dispatcher:
    """Call endpoints, for many clients at once.

    To be made in the worker's loop.

    Args:
        endpoints: What predicts.
        counters: Told of each call.
        most_waiting: How many may wait for each endpoint.
        run_id: Which run answers; empty if none does.

    Attributes:
        fast_route: Answers what is plain.
    """

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        counters: Counters,
        *,
        most_waiting: int,
        run_id: bytes,
    ) -> None:
        loop = asyncio.get_running_loop()
        self._counters = counters
        self._batchers = {
            each.name: Batcher(each, loop=loop, counters=counters, most_waiting=most_waiting)
            for each in endpoints
        }
        batchers = {each.path: self._batchers[each.name] for each in endpoints if each.call is None}
        self.fast_route = FastRoute(batchers, counters, run_id)
        counters.publish_on(loop)

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
        return await self._batchers[endpoint.name].predict_many(items, _deadline_of(request))

    def encode(self, endpoint: Endpoint, result: Any) -> bytes:
        """Write a result.

        Raises:
            ProblemError: The author's code failed at it; the log says how.
        """
        try:
            return endpoint.encode(result)
        except Exception as error:
            raise self._batchers[endpoint.name].problem(error) from error


def _deadline_of(request: Request) -> float | None:
    seconds = timeout_of(request.headers.items())
    return None if seconds is None else asyncio.get_running_loop().time() + seconds
