"""Ask an endpoint for the rows of one request: what all protocols for many rows have in common.

Rows, values and answers are counted before they are made.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

import msgspec

from runner.config import Limits
from runner.http.json_size import JsonBound, bound_of_body
from runner.predict.answers import json_of
from runner.predict.body_work import SMALL, BodyWork
from runner.predict.endpoints import Endpoint
from runner.predict.http_messages import Request
from runner.predict.large_results import is_large
from runner.predict.problem_error import (
    InvalidField,
    ProblemError,
    failed_prediction,
    json_pointer,
)

log = logging.getLogger(__name__)

PredictMany = Callable[[Endpoint, Sequence[Any], Request], Awaitable[list[Any]]]
"""Gives a result for each item, with an exception in the place of one that failed."""

_ANSWERS_TO_BODY = 4  # how many times the largest body an answer for many rows may be
_UNCOUNTED = 65_536  # bytes of a body that cannot hold enough to matter
_SPARE_VALUES = 1_000  # what a body has besides its rows

Found = TypeVar("Found")


@dataclasses.dataclass(frozen=True, kw_only=True)
class RowCalls:
    """Predict many rows within the limits.

    Attributes:
        predict_many: Predicts.
        work: Does what large bodies need.
        limits: Of the worker.
    """

    predict_many: PredictMany
    work: BodyWork
    limits: Limits

    async def run(self, request: Request, act: Callable[[], Found]) -> Found:
        """Work on a request's body where its size allows; see ``BodyWork.run``."""
        return await self.work.run(len(request.body), act)

    async def write(self, size: int, results: Sequence[Any], act: Callable[[], Found]) -> Found:
        """Write results where the size of the body that they answer, and their own, allow."""
        return await self.work.run(SMALL + 1 if is_large(results) else size, act)

    async def predict(
        self, endpoint: Endpoint, items: Sequence[Any], request: Request
    ) -> list[Any]:
        """Predict items; a failure stands in the place of each that failed.

        Raises:
            ProblemError: There is no use in the rest.
        """
        return await self.predict_many(endpoint, items, request) if items else []

    def check_count(self, rows: int) -> None:
        """Refuse too many rows.

        Raises:
            ProblemError: 413.
        """
        if rows > self.limits.max_rows:
            raise too_many_rows(self.limits.max_rows)

    def check_json(
        self, body: bytes, endpoint: Endpoint, rows: int = 1, spare: int = _SPARE_VALUES
    ) -> None:
        """Refuse JSON of more values than there can be, before it is parsed.

        Args:
            body: The JSON.
            endpoint: For which it is.
            rows: How many items it may have.
            spare: How many values may stand besides them.

        Raises:
            ProblemError: 413.
        """
        if len(body) <= _UNCOUNTED:
            return
        bound = bound_of_body(self.limits.max_body)
        width = endpoint.schema.most_values
        if width is not None:
            bound = JsonBound(
                values=min(bound.values, rows * (width + 1) * 2 + spare),
                containers=min(bound.containers, rows * 2 + _SPARE_VALUES),
            )
        if bound.is_exceeded_by(body):
            raise ProblemError(
                413,
                f"the body has more values than {rows:,} {'row' if rows == 1 else 'rows'} can have"
                if width is not None
                else f"the body has more than {bound.values:,} values, or more than"
                f" {bound.containers:,} lists and objects; send it in parts",
            )

    def items(self, endpoint: Endpoint, rows: Sequence[Any]) -> list[Any]:
        """Make items of JSON values, or of lists in the order of the features.

        Raises:
            ProblemError: There are too many, or one is wrong.
        """
        self.check_count(len(rows))
        return [_item(endpoint, number, row) for number, row in enumerate(rows)]

    def answers(self, endpoint: Endpoint, results: Iterable[Any]) -> list[Any]:
        """Give answers as JSON values.

        Raises:
            ProblemError: A row failed, or they are too large.
        """
        return [msgspec.json.decode(each) for each in self.encoded(endpoint, results)]

    def encoded(
        self, endpoint: Endpoint, results: Iterable[Any], *, are_problems_told: bool = False
    ) -> Iterator[bytes]:
        """Write results as JSON, until that is too much.

        Args:
            endpoint: Whose they are.
            results: As ``predict`` gave them.
            are_problems_told: A row's problem is its answer.

        Raises:
            ProblemError: A row failed, or they are too large.
        """
        left = most = _ANSWERS_TO_BODY * self.limits.max_body
        for result in results:
            answer = _answer(endpoint, result)
            if isinstance(answer, Exception):
                if not (isinstance(answer, ProblemError) and are_problems_told):
                    raise answer
                answer = answer.body()
            left -= len(answer)
            if left < 0:
                raise ProblemError(413, f"the answer is larger than {most} bytes; send fewer rows")
            yield answer


def _answer(endpoint: Endpoint, result: Any) -> bytes | Exception:
    """Write a result, or give what keeps it from being written: the row fails, and no other."""
    if isinstance(result, Exception):
        return result
    try:
        return json_of(endpoint.encode(result))
    except ProblemError as problem:
        return problem
    except Exception as error:  # noqa: BLE001 - the author's code may raise anything
        return failed_prediction(log, endpoint.name, error)


def too_many_rows(max_rows: int) -> ProblemError:
    """Make the problem of too many rows."""
    return ProblemError(413, f"there are more than {max_rows} rows; send them in parts")


def _item(endpoint: Endpoint, number: int, row: Any) -> Any:
    names = endpoint.schema.names
    if names and isinstance(row, list):
        if len(row) != len(names):
            detail = f"row {number} has {len(row)} values, and there are {len(names)} features"
            raise ProblemError(422, detail)
        row = dict(zip(names, row, strict=True))
    try:
        return endpoint.schema.convert(row)
    except ProblemError as problem:
        invalid_fields = [
            InvalidField(
                field=json_pointer(number) + invalid_field.field, detail=invalid_field.detail
            )
            for invalid_field in problem.errors
        ]
        raise ProblemError(
            problem.status, f"row {number}: {problem.detail}", invalid_fields, problem.headers
        ) from None
