"""Many rows in one request."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pytest
from support.arrow import ARROW, stream
from support.prediction_apps import NDJSON, app_of, faults_of, send

from runner import ProblemError, batched
from runner.config import Limits

LINES = {"content-type": NDJSON}


def root(n: float) -> float:
    if n < 0:
        raise ProblemError(422, "n is negative")
    return float(n**0.5)


def lines_of(text: str) -> list[Any]:
    return [json.loads(line) for line in text.splitlines()]


def test_each_line_is_answered_in_order() -> None:
    """Empty lines do not count, nor does a missing last newline."""
    response = send(app_of(root), b'{"n": 4}\n\n  \r\n{"n": 9}', headers=LINES)
    assert response.status_code == 200
    assert response.headers["content-type"] == NDJSON
    assert response.text == "2.0\n3.0\n"


def test_a_wrong_line_gets_its_problem_and_its_neighbours_their_answers() -> None:
    """Be it no JSON, of the wrong shape, or refused by the function."""
    body = b'{"n": 4}\n{"n": "4"}\n{"n"\n{"n": -1}\n{"n": 9}\n'
    first, wrong, broken, refused, last = lines_of(send(app_of(root), body, headers=LINES).text)
    assert (first, last) == (2.0, 3.0)
    assert [problem["status"] for problem in (wrong, broken, refused)] == [422, 400, 422]
    assert wrong["errors"][0]["field"] == "/n"
    assert refused["detail"] == "n is negative"


def test_accept_chooses_an_array() -> None:
    """For clients that read JSON as a whole."""
    response = send(app_of(root), b'{"n": 4}\n', headers=LINES | {"accept": "application/json"})
    assert response.headers["content-type"] == "application/json"
    assert response.json() == [2.0]
    assert send(app_of(root), b"", headers=LINES | {"accept": "text/csv"}).status_code == 406


@pytest.mark.parametrize(("rows", "status"), [(3, 200), (4, 413)])
def test_the_number_of_rows_is_bounded(rows: int, status: int) -> None:
    """Beyond the limit nothing is predicted."""
    app = app_of(root, Limits(max_rows=3))
    assert send(app, b'{"n": 1}\n' * rows, headers=LINES).status_code == status


def test_rows_are_predicted_in_batches() -> None:
    """As large as may be, and no larger; in order."""
    sizes: list[int] = []

    @batched(max_size=4)
    def count(rows: list[int]) -> list[int]:
        sizes.append(len(rows))
        return rows

    response = send(app_of(count), b"".join(b"%d\n" % n for n in range(10)), headers=LINES)
    assert lines_of(response.text) == [*range(10)]
    assert sizes == [4, 4, 2]


def test_a_row_that_fails_its_batch_fails_alone() -> None:
    """The others are asked again, one by one; an unexpected error fails its own row."""

    @batched(max_size=4)
    def choosy(rows: list[int]) -> list[int]:
        if 2 in rows:
            raise ProblemError(422, "not two")
        return rows

    answers = lines_of(send(app_of(choosy), b"1\n2\n3\n", headers=LINES).text)
    assert [answers[0], answers[1]["detail"], answers[2]] == [1, "not two", 3]

    def broken(n: int) -> float:
        return 1 / n

    answers = lines_of(send(app_of(broken), b'{"n": 1}\n{"n": 0}\n', headers=LINES).text)
    assert [answers[0], answers[1]["status"]] == [1.0, 500]


def test_a_result_that_cannot_be_written_fails_its_own_row() -> None:
    """As one that cannot be computed does; the log has what it was."""

    def odd(n: int) -> Any:
        return object() if n == 2 else n

    answers = lines_of(send(app_of(odd), b'{"n": 1}\n{"n": 2}\n', headers=LINES).text)
    assert [answers[0], answers[1]["status"]] == [1, 500]
    assert "the prediction failed" in answers[1]["detail"]


def test_a_table_with_a_wrong_row_is_refused_whole() -> None:
    """With row and column of every fault."""
    body = stream(pa.table({"n": [1.0, None, float("nan")]}))
    assert faults_of(send(app_of(root), body, headers={"content-type": ARROW})) == {
        "/1/n": "expected a number, got null",
        "/2/n": "expected a finite number",
    }


CSV = {"content-type": "text/csv; charset=utf-8"}


def test_a_csv_is_answered_row_by_row() -> None:
    """A wrong row gets its problem in its place, as a wrong line does."""
    response = send(app_of(root), b"n\n4\nfour\n-1\n9\n", headers=CSV)
    assert response.headers["content-type"] == NDJSON
    first, wrong, refused, last = lines_of(response.text)
    assert (first, last) == (2.0, 3.0)
    assert wrong["errors"] == [{"field": "/n", "detail": "expected a number, got a string"}]
    assert refused["detail"] == "n is negative"


@pytest.mark.parametrize(
    ("body", "status"), [(b"n\n1\n2\n3\n", 200), (b"n\n1\n2\n3\n4\n", 413), (b"m\n1\n", 422)]
)
def test_a_csv_that_cannot_be_read_is_refused_whole(body: bytes, status: int) -> None:
    """Too many rows, or columns that nobody asked for."""
    assert send(app_of(root, Limits(max_rows=3)), body, headers=CSV).status_code == status


def test_the_faults_of_a_csv_are_bounded() -> None:
    """After so many the rows say only that they are wrong: an answer is no copy of the file."""
    rows = lines_of(send(app_of(root), b"n\n" + b"x\n" * 300, headers=CSV).text)
    assert len(rows) == 300
    assert sum(bool(row.get("errors")) for row in rows) == 100
    assert all(row["status"] == 422 for row in rows)
