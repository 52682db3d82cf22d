"""Large results are told from small ones without writing them."""

from __future__ import annotations

import dataclasses
import json
import threading
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pydantic
import pytest
from support.prediction_apps import NDJSON, app_of, send

from runner.predict.large_results import is_large

MANY = [*range(20_000)]


@dataclasses.dataclass
class Flat:
    """Holds what it is given."""

    rooms: list[Any]


class Struct(msgspec.Struct):
    """Likewise."""

    rooms: list[Any]


class Model(pydantic.BaseModel):
    """Likewise."""

    rooms: list[Any]


def nested() -> list[Any]:
    """Have no end."""
    found: list[Any] = []
    found.append(found)
    return found


@pytest.mark.parametrize(
    "result",
    [
        *(MANY, {"a": MANY}, dict.fromkeys(MANY, 1), [[1] * 200] * 200, ((MANY,),), nested()),
        *(Flat(MANY), Struct(MANY), Model(rooms=MANY), [Flat([1])] * 5_000),
        *(
            np.zeros((200, 200)),
            pd.DataFrame({"a": MANY}),
            pd.Series(MANY),
            {"a": [pd.Index(MANY)]},
        ),
    ],
    ids=lambda result: type(result).__name__,
)
def test_a_result_of_many_values_is_large(result: Any) -> None:
    """However they are held."""
    assert is_large(result)


@pytest.mark.parametrize(
    "result",
    [
        *(None, 1, 1.5, "a" * 20_000, [1, 2], {"a": [1]}, Flat([1]), Struct([1]), Model(rooms=[1])),
        *(np.float64(1), np.zeros(3), pd.DataFrame({"a": [1]}), pd.Timestamp("2020-01-01"), pd.NA),
        *(iter(MANY), object(), pd.DataFrame({"a": MANY}).groupby("a")),
    ],
    ids=lambda result: type(result).__name__,
)
def test_others_are_small(result: Any) -> None:
    """A stream too, of which nothing is taken."""
    assert not is_large(result)


@pytest.mark.parametrize(("count", "is_in_loop"), [(10, True), (20_000, False)])
@pytest.mark.parametrize("kind", ["application/json", NDJSON])
def test_a_large_result_is_shaped_and_written_in_a_thread(
    kind: str, count: int, *, is_in_loop: bool
) -> None:
    """However small the request is."""
    threads = []

    def values(count: int) -> list[int]:
        return [*range(count)]

    def shape(found: list[int]) -> dict[str, Any]:
        threads.append(threading.current_thread())
        return {"values": found}

    answer = send(
        app_of(values, answer=shape),
        json.dumps({"count": count}).encode(),
        headers={"content-type": kind},
    )
    assert answer.status_code == 200
    assert [thread is threading.main_thread() for thread in threads] == [is_in_loop]
