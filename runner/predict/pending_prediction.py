"""Wait for a prediction."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Any, Protocol

from runner.predict.http_messages import SERVER_TIMING
from runner.predict.problem_error import ProblemError
from runner.telemetry.request_trace import RequestTrace, current


class PendingPrediction(Protocol):
    """Wait for one prediction.

    Attributes:
        item: What is asked, as the endpoint's schema gave it.
        since: When it began to wait, by the batcher's clock.
        deadline: When it ceases to, by the batcher's clock; None for never.
        trace: Of the request; None if nobody asks for its name.
    """

    item: Any
    since: float
    deadline: float | None
    trace: RequestTrace | None

    def known_trace(self) -> RequestTrace | None:
        """Give what names the request, if anybody has asked or said it."""

    def named(self) -> RequestTrace:
        """Give what names the request where something is told of it."""

    @property
    def is_complete(self) -> bool:
        """Whether nobody waits any more: the client has gone, or has its answer."""

    def resolve(self, result: Any, queued: float, timing: bytes) -> None:
        """Take the result.

        Args:
            result: What the endpoint's ``encode`` takes.
            queued: Milliseconds that it waited for a call.
            timing: What ``predict_timing`` says of that call.
        """

    def reject(self, problem: ProblemError) -> None:
        """Take the reason why there is none."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Prediction:
    """Hold a prediction.

    Attributes:
        result: What the endpoint's ``encode`` takes.
        server_timing: What the header of this name says of it.
    """

    result: Any
    server_timing: bytes


def deadline_passed() -> ProblemError:
    """Tell a client that its time is up."""
    return ProblemError(504, "there was no answer within the time that the client gave")


class AwaitedPrediction:
    """Wait in a coroutine, for ``future``."""

    def __init__(
        self,
        item: Any,
        future: asyncio.Future[Prediction],
        since: float,
        deadline: float | None,
    ) -> None:
        self.item, self.future = item, future
        self.since = since
        self.deadline = deadline
        self.trace = current.get()

    def known_trace(self) -> RequestTrace | None:
        """Give what names the request, if there is one."""
        return self.trace

    def named(self) -> RequestTrace:
        """Give what names the request."""
        self.trace = self.trace or RequestTrace()
        return self.trace

    @property
    def is_complete(self) -> bool:
        """Whether the future has its answer, or was cancelled."""
        return self.future.done()

    def resolve(self, result: Any, queued: float, timing: bytes) -> None:
        """Give the result."""
        said = SERVER_TIMING % (queued, timing)
        self.future.set_result(Prediction(result=result, server_timing=said))

    def reject(self, problem: ProblemError) -> None:
        """Raise the problem where the future is awaited."""
        self.future.set_exception(problem)
