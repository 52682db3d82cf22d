"""Tables in and out: Arrow streams and Parquet."""

from __future__ import annotations

import base64
import dataclasses
import io
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.datasets import load_iris
from sklearn.svm import SVC
from support.arrow import ARROW, stream
from support.prediction_apps import app_of, send

from runner.config import Limits
from runner.predict import arrow_tables
from runner.predict.media_types import MediaType
from runner.predict.problem_error import ProblemError

PARQUET = str(MediaType.PARQUET)
FRAME, SPECIES = load_iris(return_X_y=True, as_frame=True)


def parquet(table: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


BOUND = arrow_tables.TableBound(rows=1_000, values=10_000, size=1_000_000)
BODIES = [(ARROW, stream), (PARQUET, parquet)]


@pytest.mark.parametrize(("media", "written"), BODIES)
def test_columns_are_features(media: str, written: Any) -> None:
    """By their names, in any order; answers are an array, or a table if that is wanted."""
    model = SVC().fit(FRAME, SPECIES)
    body = written(pa.Table.from_pandas(FRAME[FRAME.columns[::-1]], preserve_index=False))
    expected = model.predict(FRAME).tolist()
    answers = send(app_of(model, answer="val"), body, headers={"content-type": media})
    assert [answer["val"] for answer in answers.json()] == expected
    headers = {"content-type": media, "accept": ARROW}
    table = pa.ipc.open_stream(send(app_of(model), body, headers=headers).content).read_all()
    assert table.to_pydict() == {"prediction": expected}


def test_columns_without_names_are_taken_in_order() -> None:
    """By a model that knows no names; what is no object is a column called answer."""
    model = SVC().fit(FRAME.to_numpy(), SPECIES)
    body = stream(pa.Table.from_pandas(FRAME, preserve_index=False))
    headers = {"content-type": ARROW, "accept": ARROW}
    found = send(app_of(model, answer=lambda species: species), body, headers=headers).content
    answers = pa.ipc.open_stream(found).read_all().to_pydict()
    assert answers == {"answer": model.predict(FRAME.to_numpy()).tolist()}


@pytest.mark.parametrize(("media", "written"), BODIES)
def test_too_many_rows_are_413(media: str, written: Any) -> None:
    """Whatever small space they take."""
    app = app_of(SVC().fit(FRAME, SPECIES), Limits(max_rows=149))
    body = written(pa.Table.from_pandas(FRAME, preserve_index=False))
    assert send(app, body, headers={"content-type": media}).status_code == 413


@pytest.mark.parametrize(("media", "written"), BODIES)
def test_what_is_no_table_is_400(media: str, written: Any) -> None:
    """Nonsense, or a table that ends early."""
    app = app_of(SVC().fit(FRAME, SPECIES))
    whole = written(pa.Table.from_pandas(FRAME, preserve_index=False))
    for body in (b"", b"nonsense", whole[: len(whole) // 2]):
        assert send(app, body, headers={"content-type": media}).status_code == 400


def test_without_pyarrow_the_mend_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an extra."""

    def absent(name: str) -> Any:
        raise ImportError(name)

    arrow_tables._pyarrow.cache_clear()
    monkeypatch.setattr("runner.predict.arrow_tables.importlib.import_module", absent)
    with pytest.raises(ProblemError, match=r"pip install 'notebook-runner\[arrow\]'") as caught:
        list(arrow_tables.rows_of_table(b"", MediaType.ARROW, BOUND, lambda names: None))
    assert caught.value.status == 415
    arrow_tables._pyarrow.cache_clear()


# A Parquet file whose histogram of levels is longer than its levels; it is spoilt besides.
CONTRADICTING = base64.b64decode(
    "UEFSMRUEFYjxBBUuTBUCFQASAAAotS/9YESbbQAAKECcAAB4AQDlyI6D6Huy5NotFaCcARUQFQYVBhw2AAAAACi1"
    "L/0gDWkAAAQAAACgnAEBAaCcAQAVBBksNQAYBnNjaGVtYRUCABUMJQIYAWElAEwcAAAAFqCcARkcGRwmABwVDBk1"
    "AAYQGRgBYRUMFqCcARaw8QQWqAEmViYIHDYAABksFQQVABUCABUAFRAVAgA8FoCQ/////wYZJgCgnAEAAAAW8PEE"
    "FqCcASYIFqgBACggcGFycXVldC1jcHAtYXJyb3cgdmVyc2lvbiAyNi4wLjEZHBwAAACiAAAAUEFSMQ=="
)


def test_metadata_that_contradict_each_other_do_not_end_the_process() -> None:
    """Which pyarrow does if it is asked for one column of them."""
    bound = dataclasses.replace(BOUND, rows=10_000)
    with pytest.raises(ProblemError) as caught:
        list(
            arrow_tables.rows_of_table(CONTRADICTING, MediaType.PARQUET, bound, lambda names: None)
        )
    assert caught.value.status == 400


@pytest.mark.parametrize(("media", "written"), BODIES)
def test_a_table_may_have_no_rows(media: str, written: Any) -> None:
    """Then there are no answers."""
    table = pa.table({"a": pa.array([], pa.string())})
    kind = MediaType(media)
    assert not list(arrow_tables.rows_of_table(written(table), kind, BOUND, lambda names: None))
