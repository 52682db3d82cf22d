"""Answer the bodies of MLflow's scoring server and of KServe's first protocol.

Sources: mlflow/pyfunc/scoring_server, and KServe's documentation of its V1 protocol.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from runner import __version__
from runner.http.forms import media_type
from runner.predict.csv_rows import rows_of_csv
from runner.predict.endpoints import Endpoint
from runner.predict.http_messages import Request, Response, Route
from runner.predict.json_protocols import (
    constant_route,
    json_object_body,
    json_response,
    problem_text,
    readiness_route,
)
from runner.predict.problem_error import ProblemError
from runner.predict.row_calls import RowCalls

_FORMS = ("dataframe_split", "dataframe_records", "instances", "inputs")


def routes(
    endpoints: Sequence[Endpoint], calls: RowCalls, is_leaving: Callable[[], bool]
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
        found["GET", base] = readiness_route({"name": endpoint.name}, is_leaving)
        found["POST", f"{base}:predict"] = _v1_route(endpoint, calls)
        found["POST", invocations_path(endpoint)] = _invocations_route(endpoint, calls)
    if (path := calls.limits.predict_path) and len(endpoints) == 1:
        found["POST", path] = _v1_route(endpoints[0], calls)
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


def _v1_route(endpoint: Endpoint, calls: RowCalls) -> Route:
    def instances_of(request: Request) -> list[Any]:
        calls.check_json(request.body, endpoint, calls.limits.max_rows)
        body = json_object_body(request)
        instances = body.get("instances", body.get("inputs"))
        if not isinstance(instances, list):
            raise ProblemError(422, 'expected {"instances": [row, …]}')
        return _of_one_feature(instances, endpoint)

    return _predictions_route(endpoint, calls, instances_of)


def _invocations_route(endpoint: Endpoint, calls: RowCalls) -> Route:
    def rows_of(request: Request) -> list[Any]:
        kind = media_type(request.headers.get(b"content-type", b"").decode("latin-1"))
        if kind == "text/csv":
            return rows_of_csv(request.body, endpoint.schema, calls.limits.max_rows)
        calls.check_json(request.body, endpoint, calls.limits.max_rows)
        return _rows(json_object_body(request), endpoint, calls)

    return _predictions_route(endpoint, calls, rows_of)


def _predictions_route(
    endpoint: Endpoint, calls: RowCalls, rows_of: Callable[[Request], list[Any]]
) -> Route:
    def written(results: Sequence[Any]) -> Response:
        return json_response({"predictions": _unwrapped(calls.answers(endpoint, results))})

    async def predict(request: Request) -> Response:
        items = await calls.run(request, lambda: calls.items(endpoint, rows_of(request)))
        results = await calls.predict(endpoint, items, request)
        return await calls.write(len(request.body), results, lambda: written(results))

    return predict


def _unwrapped(answers: Sequence[Any]) -> Sequence[Any]:
    """Take the value out of objects that have but one, as these protocols give it."""
    if all(isinstance(each, dict) and len(each) == 1 for each in answers):
        return [value for each in answers for value in each.values()]
    return answers


def _rows(body: dict[str, Any], endpoint: Endpoint, calls: RowCalls) -> list[Any]:
    given = [form for form in _FORMS if form in body]
    if len(given) != 1:
        raise ProblemError(422, f"expected an object with exactly one of {', '.join(_FORMS)}")
    if body.get("params"):
        raise ProblemError(422, "params are not supported: the model takes none")
    form, value = given[0], body[given[0]]
    calls.check_count(_count(value))
    if form == "dataframe_split":
        return _split(value)
    if form != "dataframe_records" and isinstance(value, dict):
        return _from_columns(value, form)
    if not isinstance(value, list):
        raise ProblemError(422, f"{form} must be a list of rows")
    return _of_one_feature(value, endpoint)


def _of_one_feature(rows: list[Any], endpoint: Endpoint) -> list[Any]:
    """Take bare values for rows, where a row has but one."""
    is_flat = bool(rows) and not any(isinstance(row, dict | list) for row in rows)
    is_one = len(endpoint.schema.names) == 1 or endpoint.schema.most_values == 1
    return [[row] for row in rows] if is_flat and is_one else rows


def _count(value: Any) -> int:
    """Count the rows of any of the forms, as far as it has some."""
    if not isinstance(value, dict):
        return len(value) if isinstance(value, list) else 0
    return max((len(each) for each in value.values() if isinstance(each, list)), default=0)


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
