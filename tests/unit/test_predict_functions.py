"""Functions with type hints as endpoints."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import numpy as np
import pandas as pd
import pytest
from support.prediction_apps import NDJSON, answered, app_of, faults_of, post, send

from runner import ProblemError, UploadFile, batched
from runner.predict.endpoint_factory import endpoints_of
from runner.predict.targets import EndpointOptions, is_target


@dataclasses.dataclass
class Flat:
    """What is priced."""

    rooms: int


def price(rooms: int, area: float = 50) -> float:
    """Tell the price of a flat.

    In euros.
    """
    return rooms * area


@batched(max_size=4)
def sums(rows: np.ndarray) -> np.ndarray:
    """Add each row up."""
    return np.asarray(rows.sum(axis=1))


@batched()
def rooms_of(flats: list[Flat]) -> list[int]:
    """Tell how many rooms each has."""
    return [flat.rooms for flat in flats]


@batched()
def doubled(table: pd.DataFrame) -> pd.Series:
    """Double a column."""
    return table["area"] * 2


def test_what_a_function_returns_is_the_answer() -> None:
    """Unless the author names a key, or makes something of it."""
    assert answered(price, {"rooms": 2}) == 100
    assert answered(price, {"rooms": 2, "area": 1}, answer="euros") == {"euros": 2}
    assert answered(price, {"rooms": 2}, answer=lambda euros: [euros]) == [100]


def test_its_docstring_and_hints_describe_it() -> None:
    """The documentation is written already."""
    (endpoint,) = endpoints_of(price, "", EndpointOptions(example={"rooms": 1}))
    assert endpoint.title == "price"
    assert endpoint.description == "Tell the price of a flat.\n\nIn euros."
    assert endpoint.answer == {"type": "number"}
    assert endpoint.max_batch == 1
    (named,) = endpoints_of(price, "", EndpointOptions(answer="euros"))
    assert named.answer is not None
    assert named.answer["properties"] == {"euros": {"type": "number"}}


def test_an_example_that_does_not_fit_is_told_at_once() -> None:
    """With its faults."""
    with pytest.raises(TypeError, match="the example does not fit: /rooms: missing; expected"):
        app_of(price, example={})


def test_an_async_function_is_awaited() -> None:
    """And answers like another."""

    async def later(name: str) -> str:
        return f"hello {name}"

    assert answered(later, {"name": "you"}) == "hello you"


def test_objects_methods_and_partials_are_functions_too() -> None:
    """Whatever is called with typed arguments."""

    class Adder:
        """Adds."""

        def __call__(self, a: int, b: int) -> int:
            return a + b

        def less(self, a: int, b: int, c: int) -> int:
            """Subtract; three arguments make no ASGI app of it."""
            return a - b - c

    assert answered(Adder(), {"a": 1, "b": 2}) == 3
    assert answered(Adder().less, {"a": 1, "b": 2, "c": 3}) == -4
    assert answered(functools.partial(price, area=2), {"rooms": 2}) == 4


def test_a_parameter_without_a_name_takes_the_whole_body() -> None:
    """``def square(number, /)``: whatever its type, and also if it is awaited."""

    def square(number: int | float, /) -> int | float:
        return number * number

    async def mean(numbers: np.ndarray, /) -> float:
        return float(numbers.mean())

    def named(people: list[Flat], /) -> int:
        return len(people)

    assert answered(square, 5) == 25
    assert answered(square, 2.5, answer="area") == {"area": 6.25}
    assert answered(mean, [1, 2, 3]) == 2
    assert answered(named, [{"rooms": 1}]) == 1
    assert faults_of(post(app_of(square), {"number": 5})) == {
        "": "expected a number, got an object"
    }
    (endpoint,) = endpoints_of(square, "", EndpointOptions(example=5))
    assert endpoint.schema.names == ()
    assert [each["type"] for each in endpoint.schema.describe()["anyOf"]] == ["integer", "number"]


def test_the_protocols_ask_for_bare_numbers_too() -> None:
    """A row is a number then, in each of them."""

    @batched()
    def squares(numbers: list[float]) -> list[float]:
        return [number * number for number in numbers]

    def square(number: float, /) -> float:
        return number * number

    tensor = {"name": "any", "shape": [2], "datatype": "FP64", "data": [2, 3]}
    for target in (square, squares):
        app = app_of(target)
        assert post(app, {"instances": [2, 3]}, path="/invocations").json() == {
            "predictions": [4, 9]
        }
        answer = post(app, {"inputs": [tensor]}, path="/v2/models/predict/infer").json()
        assert answer["outputs"][0]["data"] == [4, 9]
        assert send(app, b"2\n3\n", headers={"content-type": NDJSON}).text == "4.0\n9.0\n"


def test_an_author_may_refuse() -> None:
    """By a problem of their own; any other error is the author's, and says nothing to clients."""

    def choosy(city: str) -> str:
        if city == "Atlantis":
            raise ProblemError(422, "no such city")
        raise KeyError(f"secret {city}")

    app = app_of(choosy)
    refused = post(app, {"city": "Atlantis"})
    assert (refused.status_code, refused.json()["detail"]) == (422, "no such city")
    failed = post(app, {"city": "Rome"})
    assert failed.status_code == 500
    assert "secret" not in failed.text


def test_a_batched_function_takes_rows() -> None:
    """Of an array: as arrays, or by names if the example has some."""
    assert answered(sums, [1, 2, 3]) == 6
    assert answered(sums, {"b": 1, "a": 2}, example={"a": 0, "b": 0}) == 3
    assert faults_of(post(app_of(sums), [1, "2"])) == {"/1": "expected a number, got a string"}
    (endpoint,) = endpoints_of(sums, "", EndpointOptions())
    assert endpoint.max_batch == 4


def test_a_batched_function_takes_lists_and_frames() -> None:
    """Each request brings one item of them."""
    assert answered(rooms_of, {"rooms": 3}) == 3
    body = b'{"rooms": 1}\n{"rooms": 2}\n'
    many = send(app_of(rooms_of), body, headers={"content-type": NDJSON})
    assert many.text == "1\n2\n"
    example = {"area": 1.0, "city": "Rome"}
    assert answered(doubled, example | {"area": 4}, example=example) == 8


def test_a_batch_that_gives_too_few_results_is_an_error() -> None:
    """Nobody gets another's answer."""

    @batched()
    def short(rows: list[int]) -> list[int]:
        return rows[1:]

    assert post(app_of(short), 1).status_code == 500


def two(a: list[int], b: list[int]) -> list[int]:
    return a + b


def bare(rows: int) -> list[int]:
    return [rows]


async def coroutine(rows: list[int]) -> list[int]:
    return rows


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (two, "has one parameter"),
        (bare, "takes np.ndarray, pd.DataFrame or list"),
        (coroutine, "cannot be async"),
        (doubled, "give an example, which names the DataFrame's columns"),
    ],
)
def test_what_cannot_be_batched_is_told_at_once(function: Any, said: str) -> None:
    """And why."""
    with pytest.raises(TypeError, match=said):
        app_of(batched()(function))


def test_options_of_models_are_refused() -> None:
    """Rather than ignored."""
    with pytest.raises(TypeError, match="probabilities and class names are for models"):
        app_of(price, probabilities=True)
    with pytest.raises(TypeError, match="takes one request at a time"):
        app_of(price, max_batch=8)


def test_a_file_is_sent_by_a_form() -> None:
    """As bytes, or with its name; bytes may also come in JSON, by base64."""

    def size(image: bytes, times: int = 1) -> int:
        return len(image) * times

    def name(image: UploadFile) -> str:
        return f"{image.filename} {image.content_type} {len(image.data)}"

    files = {"image": ("a.png", b"\x00\r\n--1", "image/png")}
    assert send(app_of(size), None, files=files, data={"times": "2"}).json() == 12
    assert send(app_of(name), None, files=files).json() == "a.png image/png 6"
    assert answered(size, {"image": "YWJj"}) == 3
    assert "/image" in faults_of(post(app_of(name), {"image": "YWJj"}))


def unhinted(height, width):  # type: ignore[no-untyped-def] # what the test is about
    return height * width


def open_ended(**values: float) -> float:
    return sum(values.values())


def without() -> int:
    return 1


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (unhinted, "write height: float, or what it is.*environ, start_response"),
        (lambda text: text, "write text: float"),
        (open_ended, r"\*\*values: float cannot be served.*write each argument by its name"),
        (lambda *rows: rows, r"\*rows cannot be served"),
        (without, r"takes no arguments.*as in def without\(name: str\)"),
        (lambda: 1, r"def predict\(name: str\)"),
    ],
)
def test_what_a_function_lacks_is_told_at_serve(function: Any, said: str) -> None:
    """With what to write instead."""
    assert is_target(function)
    with pytest.raises(TypeError, match=said):
        app_of(function)
