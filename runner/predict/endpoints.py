"""Describe what answers a path: how a body becomes an item, items become results, a result a body.

An item is what one request asks about: for a model the tuple of its features in their order,
for a function its arguments. Whoever serves an endpoint decodes one item from each request,
passes as many as wait to ``predict``, and encodes each result for its own client.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

from runner.predict.answers import FunctionAnswers
from runner.predict.http_messages import Response
from runner.predict.media_types import MediaType


class Schema(Protocol):
    """Read and describe the items of an endpoint.

    Attributes:
        names: The fields of an item, in order; empty if it has none.
        is_bare: Whether an item is a bare number, a boolean or null.
        most_values: How many numbers, texts and others an item may have; None if any number.
    """

    names: tuple[str, ...]
    is_bare: bool
    most_values: int | None

    def decode(self, body: bytes, is_brief: bool = False) -> Any:
        """Read an item from a JSON body.

        Args:
            body: The JSON.
            is_brief: Of what is wrong tell only what was seen first.

        Raises:
            ProblemError: 400 for what is no JSON, 422 for what has the wrong shape.
        """

    def convert(self, value: Any) -> Any:
        """Read an item from a JSON value.

        Raises:
            ProblemError: 422 for the wrong shape.
        """

    def describe(self) -> dict[str, Any]:
        """Give the JSON schema (2020-12) of a body, which is not to be changed."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Endpoint:
    """Answer one path.

    Attributes:
        name: By what it is called in paths, metrics and the documentation.
        path: Where it answers a POST.
        schema: Reads the items.
        predict: Takes 1 to ``max_batch`` items and gives one result for each, in their order. An
            exception in a result's place is the failure of that item alone.
        call: Takes one item and gives an awaitable result; None but for an ``async def``. It is
            awaited on the loop, and then ``predict`` is not called.
        encode: Writes a result as JSON, or as the author's own response; what it raises fails that
            item alone.
        answers: Makes the answer where it may be other than JSON, such as a stream; None where
            ``encode`` will do.
        media_types: What an answer can be, if that is known before; the first is the default.
        threads: How many calls of it may run at once.
        title: Its name for people.
        description: What it answers.
        example: A body that it answers, as a JSON value; None if there is none.
        answer: The JSON schema of an answer; None if it is not known.
        max_batch: The most items of one call; 1 if it takes them one by one.
        model: The estimator behind it, if there is one.
        probabilities: Whether a result is a pair: the prediction, and the probabilities.
        read_form: Reads an item from the fields of multipart/form-data, for what takes files; None
            if it takes no forms.
        takes_json: Whether an item can be JSON; not where a file must come as such.
        ranges: The least and the greatest value of features in the training data, by name, as far
            as they are known.
    """

    name: str
    path: str
    schema: Schema
    predict: Callable[[Sequence[Any]], Sequence[Any]]
    encode: Callable[[Any], bytes | Response]
    title: str = ""
    description: str = ""
    example: Any = None
    answer: dict[str, Any] | None = None
    answers: FunctionAnswers | None = None
    media_types: tuple[str, ...] = (MediaType.JSON,)
    threads: int = 1
    max_batch: int = 64
    model: Any = None
    probabilities: bool = False
    call: Callable[[Any], Awaitable[Any]] | None = None
    read_form: Callable[[Mapping[str, Any]], Any] | None = None
    takes_json: bool = True
    ranges: Mapping[str, tuple[float, float]] = dataclasses.field(default_factory=dict)
