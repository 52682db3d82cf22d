"""Answer the bodies of MLflow's scoring server and of KServe's first protocol.

Sources: mlflow/pyfunc/scoring_server, and KServe's documentation of its V1 protocol.
"""

from __future__ import annotations

import contextlib
import csv
import io
import math
from collections.abc import Sequence
from typing import Any

from runner import __version__
from runner.http.forms import media_type
from runner.predict.endpoints import Endpoint
from runner.predict.http_messages import Request, Response, Route
from runner.predict.json_protocols import (
    PredictMany,
    answers_for,
    constant_route,
    json_object_body,
    json_response,
    problem_text,
)
from runner.predict.problem_error import ProblemError
from runner.predict.tensors import properties_of

_FORMS = ("dataframe_split", "dataframe_records", "instances", "inputs")


def routes(
    endpoints: Sequence[Endpoint], predict_many: PredictMany
) -> dict[tuple[str, str], Route]:
    """Give what answers at ``/invocations`` and below ``/v1``."""
    found = {
        ("GET", "/ping"): _text_route("\n"),
        ("GET", "/health"): _text_route("\n"),
        ("GET", "/version"): _text_route(__version__),
        ("GET", "/v1/models"): constant_route(
            {"models": [endpoint.name for endpoint in endpoints]}
        ),
    }
    for endpoint in endpoints:
        base = f"/v1/models/{endpoint.name}"
        found["GET", base] = constant_route({"name": endpoint.name, "ready": True})
        found["POST", f"{base}:predict"] = _v1_route(endpoint, predict_many)
        found["POST", invocations_path(endpoint)] = _invocations_route(endpoint, predict_many)
    return found


def invocations_path(endpoint: Endpoint) -> str:
    """Say where an endpoint takes MLflow's bodies."""
    return endpoint.path.rstrip("/") + "/invocations"


def problem_response(problem: ProblemError) -> Response:
    """Say a problem as MLflow's scoring server does."""
    code = "BAD_REQUEST" if problem.status < 500 else "INTERNAL_ERROR"
    body = {"error_code": code, "message": problem_text(problem)}
    return json_response(body, status=problem.status, headers=problem.headers)


def _text_route(text: str) -> Route:
    ready = Response(body=text.encode(), content_type=b"text/plain; charset=utf-8")

    async def say(_: Request) -> Response:
        return ready

    return say


def _v1_route(endpoint: Endpoint, predict_many: PredictMany) -> Route:
    async def predict(request: Request) -> Response:
        body = json_object_body(request)
        instances = body.get("instances", body.get("inputs"))
        if not isinstance(instances, list):
            raise ProblemError(422, 'expected {"instances": [row, …]}')
        answers = await answers_for(endpoint, instances, predict_many, request)
        return json_response({"predictions": _unwrapped(answers)})

    return predict


def _invocations_route(endpoint: Endpoint, predict_many: PredictMany) -> Route:
    async def invoke(request: Request) -> Response:
        kind = media_type(request.headers.get(b"content-type", b"").decode("latin-1"))
        if kind == "text/csv":
            rows = _csv_rows(request.body, endpoint)
        else:
            rows = _rows(json_object_body(request), endpoint)
        answers = await answers_for(endpoint, rows, predict_many, request)
        return json_response({"predictions": _unwrapped(answers)})

    return invoke


def _unwrapped(answers: Sequence[Any]) -> Sequence[Any]:
    """Take the value out of objects that have but one, as these protocols give it."""
    if all(isinstance(each, dict) and len(each) == 1 for each in answers):
        return [value for each in answers for value in each.values()]
    return answers


def _rows(body: dict[str, Any], endpoint: Endpoint) -> list[Any]:
    given = [form for form in _FORMS if form in body]
    if len(given) != 1:
        raise ProblemError(422, f"expected an object with exactly one of {', '.join(_FORMS)}")
    if body.get("params"):
        raise ProblemError(422, "params are not supported: the model takes none")
    form, value = given[0], body[given[0]]
    if form == "dataframe_split":
        return _split(value)
    if form != "dataframe_records" and isinstance(value, dict):
        return _from_columns(value, form)
    if not isinstance(value, list):
        raise ProblemError(422, f"{form} must be a list of rows")
    is_flat = bool(value) and not any(isinstance(row, dict | list) for row in value)
    return [[row] for row in value] if is_flat and len(endpoint.schema.names) == 1 else value


def _split(value: Any) -> list[Any]:
    """Read pandas' split form: ``{"columns": […], "data": [[…], …]}``; the index is ignored."""
    data = value.get("data") if isinstance(value, dict) else None
    columns = value.get("columns") if isinstance(value, dict) else None
    if not isinstance(data, list) or not all(isinstance(row, list) for row in data):
        raise ProblemError(422, 'dataframe_split must be {"columns": […], "data": [[…], …]}')
    if columns is None:
        return data
    if not isinstance(columns, list) or not all(isinstance(name, str) for name in columns):
        raise ProblemError(422, "the columns of dataframe_split must be names")
    for number, row in enumerate(data):
        if len(row) != len(columns):
            raise ProblemError(
                422, f"row {number} has {len(row)} values, and there are {len(columns)} columns"
            )
    return [dict(zip(columns, row, strict=True)) for row in data]


def _from_columns(columns: dict[str, Any], form: str) -> list[Any]:
    """Read named columns: ``{"a": [1, 2], "b": [3, 4]}``."""
    if not all(isinstance(values, list) for values in columns.values()):
        raise ProblemError(422, f"{form} by columns must be a list of values for each")
    if len({len(values) for values in columns.values()}) > 1:
        raise ProblemError(422, f"the columns of {form} have different lengths")
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _csv_rows(body: bytes, endpoint: Endpoint) -> list[Any]:
    """Read a CSV with a line of names; a field that is to be text stays text."""
    try:
        lines = list(csv.reader(io.StringIO(body.decode(), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise ProblemError(400, f"the body is not CSV: {error}") from None
    if not lines or not lines[0]:
        raise ProblemError(422, "a CSV must begin with a line of the columns' names")
    properties = properties_of(endpoint.schema.describe())
    rows = []
    for number, line in enumerate(line for line in lines[1:] if line):
        if len(line) != len(lines[0]):
            raise ProblemError(
                422, f"row {number} has {len(line)} values, and there are {len(lines[0])} columns"
            )
        rows.append(
            {
                name: _cell(text, properties.get(name, {}))
                for name, text in zip(lines[0], line, strict=True)
            }
        )
    return rows


def _cell(text: str, schema: dict[str, Any]) -> Any:
    kind = schema.get("type")
    if kind == "boolean" and text.lower() in ("true", "false"):
        return text.lower() == "true"
    for number, kinds in ((int, ("integer", "number")), (float, ("number",))):
        if kind in kinds:
            with contextlib.suppress(ValueError):
                value = number(text)
                return value if math.isfinite(value) else text
    return text
