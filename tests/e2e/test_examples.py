"""What the gallery's first examples answer to what is wrong, and to the edges of what is right."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support import ROOT, Service, send
from support.gallery import NOTHING, ROWS, row_of, served

# The others have a module of their own.
OWN = {
    path.stem.removeprefix("test_example_") for path in Path(__file__).parent.glob("test_example_*")
}
NAMES = [row.name for row in ROWS if row.name not in OWN]
FORM = "application/x-www-form-urlencoded"
PROBLEM = "application/problem+json"


@pytest.fixture(scope="module")
def ports(gallery: Path, train_example: Callable[[str], Path]) -> Iterator[dict[str, int]]:
    """The port of each example, which no test may harm."""
    with contextlib.ExitStack() as stack:
        yield {
            name: stack.enter_context(in_gallery(name, gallery, train_example)) for name in NAMES
        }


def in_gallery(
    name: str, gallery: Path, train_example: Callable[[str], Path]
) -> contextlib.AbstractContextManager[int]:
    """Serve an example, trained before if it learns."""
    if row_of(name).train != NOTHING:
        train_example(name)
    return served(name, gallery)


def predicted(port: int, body: bytes, content_type: str = "application/json") -> tuple[int, Any]:
    """The status and the JSON that ``POST /predict`` gives; what is refused is a problem."""
    status, headers, answer = send(port, body, path="/predict", content_type=content_type)
    assert headers["Content-Type"] == ("application/json" if status == 200 else PROBLEM)
    return status, json.loads(answer)


def test_a_row_does_what_it_says(ports: dict[str, int]) -> None:
    """Trained, served by two workers and asked by curl, each example gives the answer it names."""
    assert set(ports) == set(NAMES) >= {"hello", "square", "features", "petal"}


def test_hello_is_a_page_for_a_browser(ports: dict[str, int]) -> None:
    """Text that it shows, and does not offer to save."""
    status, headers, body = send(ports["hello"], b"", method="GET")
    assert (status, body) == (200, b"hello world\n")
    assert headers["Content-Type"] == "text/plain; charset=utf-8"
    status, headers, body = send(ports["hello"], b"", method="HEAD")
    assert (status, headers["Content-Length"], body) == (200, "12", b"")


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/x", 404), ("POST", "/", 405)])
def test_hello_says_hello_at_one_place(
    ports: dict[str, int], method: str, path: str, status: int
) -> None:
    """Whatever else is asked is not there."""
    assert send(ports["hello"], b"", method=method, path=path)[0] == status


@pytest.mark.parametrize("content_type", ["application/json", FORM, ""])
@pytest.mark.parametrize(
    ("number", "square"),
    [
        (b"5", b"25"),
        (b" -5\n", b"25"),
        (b"0", b"0"),
        (b"2.5", b"6.25"),
        (b"1e3", b"1000000.0"),
        (b"999999999999999", b"999999999999998000000000000001"),
    ],
)
def test_a_number_is_squared(
    ports: dict[str, int], number: bytes, square: bytes, content_type: str
) -> None:
    """An integer is answered by one, exactly; and it is all the same what the body is called."""
    port = ports["square"]
    answer = send(port, number, path="/predict", content_type=content_type)
    assert (answer[0], answer[2]) == (200, square)


@pytest.mark.parametrize("content_type", ["application/json", FORM])
@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"abc", 400, "expected a number"),
        (b"", 400, "it is empty; expected a number"),
        (b"NaN", 400, "expected a number"),
        (b"5 6", 400, "expected a number"),
        (b'"5"', 422, "expected a number, got a string"),
        (b"null", 422, "expected a number, got null"),
        (b"true", 422, "expected a number, got a boolean"),
        (b"[5]", 422, "expected a number, got an array"),
        (b"1e400", 422, "expected a finite number"),
        (b"-1e200", 422, "expected a number >= -1000000000000000.0, got -1e200"),
        (b"9" * 30, 422, "expected an integer <= 1000000000000000"),
        (b"9" * 10_000, 422, "out of range; expected a number"),
    ],
)
def test_what_is_no_number_is_refused(
    ports: dict[str, int], body: bytes, status: int, said: str, content_type: str
) -> None:
    """With what was expected, and what was there."""
    given, problem = predicted(ports["square"], body, content_type)
    assert (given, problem["status"]) == (status, status)
    assert said in problem["detail"]


GOOD = {"f1": 4, "f2": 5, "f3": 10}


@pytest.mark.parametrize(
    ("body", "faults"),
    [
        ({"f1": 4, "f3": 10}, {"/f2": "missing; expected a number"}),
        (GOOD | {"f2": ""}, {"/f2": "expected a number, got a string"}),
        (GOOD | {"f3": None}, {"/f3": "expected a number, got null"}),
        (GOOD | {"f1": "4"}, {"/f1": "expected a number, got a string"}),
        (GOOD | {"f4": 1}, {"/f4": 'unknown field; expected "f1", "f2", "f3"'}),
        ({}, dict.fromkeys(("/f1", "/f2", "/f3"), "missing; expected a number")),
    ],
)
def test_a_wrong_feature_is_named(
    ports: dict[str, int], body: dict[str, Any], faults: dict[str, str]
) -> None:
    """Each of them, and what was expected of it."""
    status, problem = predicted(ports["features"], json.dumps(body).encode())
    assert status == 422
    assert {fault["field"]: fault["detail"] for fault in problem["errors"]} == faults


def test_features_follow_their_weights(ports: dict[str, int]) -> None:
    """The first raises the prediction by about 3, the second lowers it by about 2."""
    asked = [GOOD, GOOD | {"f1": 5}, GOOD | {"f2": 6}]
    base, more, less = (
        predicted(ports["features"], json.dumps(body).encode())[1]["prediction"] for body in asked
    )
    assert more - base == pytest.approx(3, abs=0.1)
    assert less - base == pytest.approx(-2, abs=0.1)


@pytest.mark.parametrize(
    ("length", "width", "species"),
    [(1.4, 0.2, "setosa"), (4.5, 1.3, "versicolor"), (5.1, 2.4, "virginica")],
)
def test_petals_are_told_apart(
    ports: dict[str, int], length: float, width: float, species: str
) -> None:
    """By the name of the species, and nothing besides."""
    body = json.dumps({"length": length, "width": width}).encode()
    assert predicted(ports["petal"], body) == (200, {"prediction": species})


@pytest.mark.parametrize("width", ["wide", None, True, [2.4]])
def test_a_wrong_petal_is_refused(ports: dict[str, int], width: Any) -> None:
    """With the field that is wrong."""
    status, problem = predicted(
        ports["petal"], json.dumps({"length": 5.1, "width": width}).encode()
    )
    assert (status, [fault["field"] for fault in problem["errors"]]) == (422, ["/width"])


def test_an_untrained_model_is_told(start: type[Service], tmp_path: Path, port: int) -> None:
    """By what is missing, and what to do."""
    shutil.copytree(ROOT / "notebooks", tmp_path / "notebooks")
    words = ["serve", "notebooks/examples/petal/serve.ipynb", "--port", str(port)]
    service = start(*words, cwd=tmp_path)
    assert service.wait(60) == 3
    assert "there is no model/petal.joblib here or above: train the model first" in service.said()
