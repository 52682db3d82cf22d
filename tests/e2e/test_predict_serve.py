"""A notebook of one line as a service: real processes, two workers, real HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support import (
    EXAMPLE,
    Service,
    is_serving,
    post,
    read_record,
    reserved_port,
    send,
    states,
    text_of,
    until,
    write_notebook,
)
from support.prediction_apps import NDJSON

Start = type[Service]


@pytest.fixture(scope="module")
def iris(trained: Path) -> Iterator[int]:
    """The port of notebooks/serve.ipynb with two workers, which no test may harm."""
    port = reserved_port()
    words = ["serve", "notebooks/serve.ipynb", "--port", str(port), "--workers", "2"]
    service = Service(*words, cwd=trained)
    try:
        service.wait_ready(port)
        yield port
        assert service.stop() == 0, service.said()
        record = read_record(trained / "runs/serve/out.ipynb")
        assert states(record)["serve"] == "interrupted"
        assert "Traceback" not in text_of(record.cells[-1])
    finally:
        assert service.end() == []


def test_the_curl_of_the_readme(iris: int) -> None:
    """``{"val": INTEGER}``, as JSON, whichever worker answers."""
    for _ in range(20):
        status, headers, body = send(iris)
        assert (status, body) == (200, b'{"val":0}')
        assert headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("value", [None, "1", True, [], {}])
def test_a_bad_field_is_named(iris: int, value: Any) -> None:
    """422, with what was expected."""
    body = json.dumps(EXAMPLE | {"petal width (cm)": value}).encode()
    status, problem = post(iris, body)
    assert status == 422
    (fault,) = problem["errors"]
    assert fault["field"] == "/petal width (cm)"
    assert fault["detail"].startswith("expected a number, got ")


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"1e999", b"-1e999", b"9" * 400])
def test_a_number_that_is_none_is_refused(iris: int, number: bytes) -> None:
    """As JSON, or as a number."""
    body = json.dumps(EXAMPLE).encode().replace(b": 1}", b": " + number + b"}")
    assert send(iris, body)[0] in (400, 422)


def test_what_http_asks_is_answered(iris: int) -> None:
    """By the status that says it, and a problem."""
    asked = [
        ({"method": "PUT"}, 405),
        ({"path": "/nowhere"}, 404),
        ({"body": b"{"}, 400),
        ({"content_type": "application/x-www-form-urlencoded"}, 415),
    ]
    for options, expected in asked:
        status, headers, _ = send(iris, **options)
        assert (status, headers["Content-Type"]) == (expected, "application/problem+json")


def test_many_rows_are_answered_in_order(iris: int) -> None:
    """A wrong one in its place."""
    good = json.dumps(EXAMPLE).encode()
    body = b"\n".join([good, b"{}", good])
    status, headers, content = send(iris, body, content_type=NDJSON)
    assert (status, headers["Content-Type"]) == (200, NDJSON)
    first, wrong, last = map(json.loads, content.splitlines())
    assert first == last == {"val": 0}
    assert len(wrong["errors"]) == 4


def test_functions_serve_by_two_workers(start: Start, project: Path, port: int) -> None:
    """Several of them, async and batched; both workers know them all."""
    write_notebook(
        project / "functions.ipynb",
        "import os\nimport numpy as np\nfrom runner import batched, serve",
        "async def who(name: str) -> dict:\n    return {name: os.getpid()}",
        "@batched()\ndef sums(rows: np.ndarray) -> np.ndarray:\n    return rows.sum(axis=1)",
        'serve({"who": who, "sums": sums})',
    )
    service = start("serve", "functions.ipynb", "--port", str(port), "--workers", "2")

    def answers(body: bytes, path: str) -> Any:
        return post(port, body, path=path)

    until(lambda: is_listening(port, service))
    assert answers(b"[1, 2.5]", "/sums") == (200, 3.5)
    pids: set[int] = set()
    until(lambda: pids.add(answers(b'{"name": "me"}', "/who")[1]["me"]) or len(pids) == 2)
    assert service.stop() == 0


def is_listening(port: int, service: Service) -> bool:
    """Tell whether anything answers, be it by 404."""
    assert service.process.poll() is None, service.said()
    try:
        return send(port, path="/nowhere")[0] == 404
    except OSError:
        return False


def test_an_example_that_fails_fails_the_start(start: Start, project: Path, port: int) -> None:
    """The author reads the error itself, in the log and in the record."""
    cell = (
        "from runner import serve\ndef f(n: int) -> float: return 1 / n\nserve(f, example={'n': 0})"
    )
    write_notebook(project / "bad.ipynb", cell)
    service = start("serve", "bad.ipynb", "--port", str(port))
    assert service.wait() == 3
    assert "ZeroDivisionError: division by zero" in service.said()
    assert not is_serving(port)
