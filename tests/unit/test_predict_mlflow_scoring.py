"""The bodies of MLflow and of KServe's first protocol."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.prediction_apps import app_of, post
from support.service_surface import Surface, price, species

NAMES = ["petal length (cm)", "petal width (cm)"]
ROWS = [[1.4, 0.2], [4.7, 1.4]]
RECORDS = [dict(zip(NAMES, row, strict=True)) for row in ROWS]
COLUMNS = {NAMES[0]: [1.4, 4.7], NAMES[1]: [0.2, 1.4]}


@pytest.fixture
def service() -> Surface:
    return Surface(species(), price())


@pytest.mark.parametrize(
    "body",
    [
        {"dataframe_split": {"index": [7, 8], "columns": NAMES, "data": ROWS}},
        {"dataframe_split": {"data": ROWS}},
        {"dataframe_records": RECORDS},
        {"instances": ROWS},
        {"instances": RECORDS},
        {"instances": COLUMNS},
        {"inputs": ROWS},
        {"inputs": COLUMNS},
    ],
)
def test_every_form_of_mlflow_is_answered(service: Surface, body: Any) -> None:
    """Rows, records and columns mean the same, and bare predictions come back."""
    assert service.post("/invocations", body) == (200, {"predictions": [0, 1]})


def test_a_csv_is_answered(service: Surface) -> None:
    """A line of names, in any order, and a line for each row; text stays text."""
    flowers = b"petal width (cm),petal length (cm)\r\n0.2,1.4\r\n1.4,4.7\r\n"
    assert service.post("/invocations", flowers, content_type="text/csv; charset=utf-8") == (
        200,
        {"predictions": [0, 1]},
    )
    houses = b'area,rooms,town,is_new\n2,3,"12, Main Street",True\n'
    assert service.post("/price/invocations", houses, content_type="text/csv") == (
        200,
        {"predictions": [{"euros": 2000.0, "in": "12, Main Street"}]},
    )


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"no JSON", 400, "not JSON"),
        ([ROWS], 422, "JSON object"),
        ({"rows": ROWS}, 422, "exactly one of dataframe_split"),
        ({"instances": ROWS, "inputs": ROWS}, 422, "exactly one of dataframe_split"),
        ({"inputs": ROWS, "params": {"t": 1}}, 422, "params are not supported"),
        ({"inputs": 3}, 422, "inputs must be a list"),
        ({"inputs": {"a": 1}}, 422, "by columns"),
        ({"inputs": {"a": [1], "b": []}}, 422, "different lengths"),
        ({"dataframe_split": ROWS}, 422, "dataframe_split must be"),
        ({"dataframe_split": {"columns": ["a"], "data": ROWS}}, 422, "2 values"),
        ({"dataframe_split": {"columns": [1, 2], "data": ROWS}}, 422, "must be names"),
        ({"dataframe_records": [{"a": 1}]}, 422, "row 0"),
    ],
)
def test_what_does_not_fit_is_refused(service: Surface, body: Any, status: int, said: str) -> None:
    """MLflow's clients get the error in the form that they read."""
    got, answer = service.post("/invocations", body)
    assert (got, answer["error_code"]) == (status, "BAD_REQUEST")
    assert said in answer["message"]


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"", 422, "begin with a line"),
        (b'petal length (cm),petal width (cm)\n1,"2', 400, "not CSV"),
        (b"\xff", 400, "not CSV"),
        (b"petal length (cm),petal width (cm)\n1", 422, "1 values"),
        (b"petal length (cm),petal width (cm)\n1,nan", 422, "row 0"),
        (b"petal length (cm),petal width (cm)\n1,inf", 422, "row 0"),
    ],
)
def test_a_wrong_csv_is_refused(service: Surface, body: bytes, status: int, said: str) -> None:
    """A CSV is held to what JSON is held to: nothing that is no finite number passes for one."""
    got, answer = service.post("/invocations", body, content_type="text/csv")
    assert got == status
    assert said in answer["message"]


def test_another_type_is_refused(service: Surface) -> None:
    """Only JSON and CSV are read."""
    assert service.post("/invocations", b"x", content_type="text/plain")[0] == 415
    assert service.post("/v1/models/species:predict", b"x", content_type="text/csv")[0] == 415


@pytest.mark.parametrize("path", ["/ping", "/health", "/version"])
def test_probes_are_answered(service: Surface, path: str) -> None:
    """MLflow's own probes get 200 and text."""
    answer = service.get(path)
    assert (answer.status, answer.content_type) == (200, b"text/plain; charset=utf-8")


@pytest.mark.parametrize("instances", [ROWS, RECORDS])
def test_kserves_first_protocol(service: Surface, instances: Any) -> None:
    """Instances are rows or records, and predictions come back."""
    body = {"instances": instances}
    assert service.post("/v1/models/species:predict", body) == (200, {"predictions": [0, 1]})


def test_kserves_first_protocol_names_its_models(service: Surface) -> None:
    """The list of models, and whether each is ready."""
    assert json.loads(service.get("/v1/models").body) == {"models": ["species", "price"]}
    ready = json.loads(service.get("/v1/models/price").body)
    assert ready == {"name": "price", "ready": True}


@pytest.mark.parametrize("body", [{}, {"instances": {"a": 1}}, {"instances": [3]}])
def test_wrong_instances_are_refused(service: Surface, body: Any) -> None:
    """An error is one string, as KServe gives it."""
    status, answer = service.post("/v1/models/species:predict", body)
    assert (status, list(answer)) == (422, ["error"])


def test_a_bare_value_is_a_row_of_one_feature() -> None:
    """In each protocol that has rows in a list, with a name or without."""

    class Length:
        """Measure a text."""

        def predict(self, texts: Any) -> Any:
            """Measure."""
            return [len(str(text[0] if not isinstance(text, str) else text)) for text in texts]

    for example in ({"text": "a"}, ["a"]):
        app = app_of(Length(), example=example)
        for path in ("/invocations", "/v1/models/predict:predict"):
            assert post(app, {"instances": ["ab", "abc"]}, path=path).json() == {
                "predictions": [2, 3]
            }
