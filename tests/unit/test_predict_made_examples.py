"""Where the author gives no example, one is made that the schema allows."""

from __future__ import annotations

import asyncio
import datetime as dt
import decimal
import enum
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
import pandas as pd
import pytest
from pydantic import BaseModel, Field
from sklearn.linear_model import LinearRegression
from support.hinted_types import Flat, Place
from support.prediction_apps import app_of, living

from runner import ProblemError, load_model, save_model
from runner.http.example_request import Example, try_example
from runner.predict.endpoint_factory import endpoints_of
from runner.predict.made_examples import example_for
from runner.predict.targets import EndpointOptions


class Colour(enum.Enum):
    """A choice."""

    RED = "red"


class Person(BaseModel):
    """A model of pydantic's."""

    age: Annotated[int, Field(ge=18)]


def made_for(target: Any, **options: Any) -> Any:
    (endpoint,) = endpoints_of(target, "", EndpointOptions(**options))
    return example_for(endpoint)


@pytest.mark.parametrize(
    "hint",
    [
        *(int, float, str, bool, int | None, None, bytes, Flat, Place, Person, Colour),
        *(dt.date, dt.datetime, dt.time, uuid.UUID, decimal.Decimal),
        *(Literal["b", "a"], list[int], dict[str, float], tuple[int, str], set[str]),
        *(np.ndarray, pd.DataFrame, pd.Series, list[Flat]),
        Annotated[int, msgspec.Meta(ge=5)],
        Annotated[float, msgspec.Meta(gt=0, lt=1)],
        Annotated[float, msgspec.Meta(lt=-3)],
        Annotated[int, msgspec.Meta(multiple_of=4)],
        Annotated[str, msgspec.Meta(min_length=3)],
        Annotated[list[int], msgspec.Meta(min_length=2)],
    ],
    ids=str,
)
def test_each_hint_has_an_example(hint: Any) -> None:
    """Which the schema takes."""

    def function(value):  # type: ignore[no-untyped-def] # its hint is given below
        return value

    function.__annotations__ = {"value": hint}
    is_file = hint is bytes
    (endpoint,) = endpoints_of(function, "", EndpointOptions())
    found = example_for(endpoint)
    assert (found is None) == is_file
    if not is_file:
        endpoint.schema.convert(found)


def test_a_model_is_asked_in_the_middle_of_its_cards_ranges(tmp_path: Path) -> None:
    """Where it has a card."""
    data = pd.DataFrame({"a": [0.0, 10.0], "n": [2, 6]})
    save_model(LinearRegression().fit(data, [1, 2]), tmp_path / "m.joblib", data=data)
    assert made_for(load_model(tmp_path / "m.joblib")[0]) == {"a": 5.0, "n": 4}
    assert made_for(LinearRegression().fit(data.to_numpy(), [1, 2])) == [1, 1]


def inverse(number: float) -> float:
    """Fail at most numbers."""
    raise ZeroDivisionError("no inverse")


def choosy(number: float) -> float:
    """Refuse."""
    raise ProblemError(422, "not this one")


def endless(number: int) -> Iterator[int]:
    """Never end."""
    while True:
        yield number


async def tried(target: Any) -> None:
    app = app_of(target)
    async with living(app):
        (endpoint,) = app.endpoints.values()
        body = msgspec.json.encode(example_for(endpoint))
        await try_example(
            app, Example(body=body, path=endpoint.path, name=endpoint.name, is_made=True), {}
        )


def test_what_fails_at_it_is_not_ready_and_says_what_to_give() -> None:
    """By the option's name."""
    said = r'failed at its example {"number":1}, which was.*ZeroDivisionError: no inverse.*example='
    with pytest.raises(RuntimeError, match=said):
        asyncio.run(tried(inverse))


@pytest.mark.parametrize("raised", [ValueError, SystemExit, KeyboardInterrupt])
def test_what_fails_at_its_own_example_is_told_with_it(raised: type[BaseException]) -> None:
    """Whatever it raises: what ends a program does not end the worker without a word."""

    def failing(number: int) -> float:
        raise raised("no")

    async def asked() -> None:
        app = app_of(failing, example={"number": 7})
        async with living(app):
            await try_example(app, Example(body=b'{"number":7}', name="predict"), {})

    said = rf'predict failed at its example {{"number":7}}: {raised.__name__}: no \(line \d+ `raise'
    with pytest.raises(RuntimeError, match=said):
        asyncio.run(asked())


def test_an_example_that_is_not_answered_is_told_as_that() -> None:
    """A TimeoutError alone would say nothing."""

    async def waiting(number: int) -> float:
        await asyncio.Event().wait()
        return 0

    async def asked() -> None:
        app = app_of(waiting, example={"number": 7})
        async with living(app):
            await try_example(app, Example(body=b'{"number":7}'), {}, within=0.01)

    with pytest.raises(RuntimeError, match=r"not answered within 0\.01 s"):
        asyncio.run(asked())


def test_a_refusal_and_the_first_item_of_a_stream_are_answers() -> None:
    """The author's code has run."""
    asyncio.run(tried(choosy))
    asyncio.run(tried(endless))
