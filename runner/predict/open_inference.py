"""Speak the Open Inference Protocol, version 2, over REST, as KServe's clients do.

Source: kserve/open-inference-protocol, specification/protocol/inference_rest.md. The
extension for binary tensors is refused, not misread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from runner import __version__
from runner.identity import Identity
from runner.predict import tensors
from runner.predict.endpoints import Endpoint
from runner.predict.http_messages import Request, Response, Route
from runner.predict.json_protocols import (
    constant_route,
    json_body,
    json_response,
    problem_text,
    readiness_route,
)
from runner.predict.problem_error import ProblemError
from runner.predict.row_calls import RowCalls

_MOST_DIMENSIONS = 500_000  # that are read, to say that they are too many
_BINARY_HEADER = b"inference-header-content-length"


class _RequestedOutput(msgspec.Struct):
    name: str
    parameters: dict[str, Any] = {}


class _InferenceRequest(msgspec.Struct):
    inputs: list[tensors.Tensor]
    id: str | None = None
    outputs: list[_RequestedOutput] | None = None
    parameters: dict[str, Any] = {}


def routes(
    endpoints: Sequence[Endpoint],
    calls: RowCalls,
    identity: Identity,
    is_leaving: Callable[[], bool],
) -> dict[tuple[str, str], Route]:
    """Give what answers below ``/v2``."""
    version = version_of(identity)
    metadata = {"name": "runner", "version": __version__, "extensions": []}
    names = [endpoint.name for endpoint in endpoints]
    found = {
        ("GET", "/v2"): constant_route(metadata),
        ("GET", "/v2/health/live"): constant_route({"live": True}),
        ("GET", "/v2/health/ready"): readiness_route({"live": True}, is_leaving),
        ("GET", "/v2/models"): constant_route({"models": names}),
    }
    for endpoint in endpoints:
        model = _Model(endpoint, calls, version)
        base = f"/v2/models/{endpoint.name}"
        for path in (base, f"{base}/versions/{version}"):
            found["GET", path] = model.describe
            found["GET", f"{path}/ready"] = readiness_route({"name": endpoint.name}, is_leaving)
            found["POST", f"{path}/infer"] = model.infer
    return found


def version_of(identity: Identity) -> str:
    """Name the one version that is served: the beginning of the model's hash, if it is known."""
    return (identity.model_sha256 or identity.notebook_sha256)[:12] or "1"


def problem_response(problem: ProblemError) -> Response:
    """Say a problem as the protocol does: in one string."""
    return json_response(
        {"error": problem_text(problem)}, status=problem.status, headers=problem.headers
    )


class _Model:
    """Answer for one model.

    Its outputs are known from the answer to its example, which is asked for once.
    """

    def __init__(self, endpoint: Endpoint, calls: RowCalls, version: str) -> None:
        self._endpoint = endpoint
        self._calls = calls
        self._version = version
        self._outputs: list[dict[str, Any]] | None = None

    async def describe(self, request: Request) -> Response:
        """Give the model's metadata."""
        if self._outputs is None:
            self._outputs = await self._find_outputs(request)
        return json_response(
            {
                "name": self._endpoint.name,
                "versions": [self._version],
                "platform": _platform(self._endpoint.model),
                "inputs": tensors.inputs_of(self._endpoint),
                "outputs": self._outputs,
            }
        )

    async def infer(self, request: Request) -> Response:
        """Predict rows that come as tensors."""
        asked, items = await self._calls.run(request, lambda: self._read(request))
        results = await self._calls.predict(self._endpoint, items, request)
        return await self._calls.write(
            len(request.body), results, lambda: self._written(asked, results)
        )

    def _read(self, request: Request) -> tuple[_InferenceRequest, list[Any]]:
        most = self._calls.limits.max_rows
        self._calls.check_json(request.body, self._endpoint, most, _MOST_DIMENSIONS)
        asked = _inference_request(request)
        rows = tensors.rows_of(asked.inputs, self._endpoint, most)
        return asked, self._calls.items(self._endpoint, rows)

    def _written(self, asked: _InferenceRequest, results: Sequence[Any]) -> Response:
        answers = self._calls.answers(self._endpoint, results)
        found = {output["name"]: output for output in tensors.outputs_of(answers)}
        body: dict[str, Any] = {
            "model_name": self._endpoint.name,
            "model_version": self._version,
            "outputs": _requested_outputs(found, asked.outputs),
        }
        return json_response(body if asked.id is None else body | {"id": asked.id})

    async def _find_outputs(self, request: Request) -> list[dict[str, Any]]:
        if self._endpoint.example is None:
            return []
        items = self._calls.items(self._endpoint, [self._endpoint.example])
        results = await self._calls.predict(self._endpoint, items, request)
        answers = self._calls.answers(self._endpoint, results)
        return [
            {
                "name": output["name"],
                "datatype": output["datatype"],
                "shape": [-1, *output["shape"][1:]],
            }
            for output in tensors.outputs_of(answers)
        ]


def _inference_request(request: Request) -> _InferenceRequest:
    if _BINARY_HEADER in request.headers:
        raise ProblemError(
            415,
            "binary tensors are not supported: send the data as JSON (binary_data=False)",
        )
    try:
        asked = msgspec.convert(json_body(request), _InferenceRequest)
    except msgspec.ValidationError as error:
        raise ProblemError(422, f"the body is no inference request: {error!s:.200}") from None
    if any("binary_data_size" in tensor.parameters for tensor in asked.inputs):
        raise ProblemError(422, "binary tensors are not supported: send the data as JSON")
    return asked


def _requested_outputs(
    found: Mapping[str, Any], asked: Sequence[_RequestedOutput] | None
) -> list[Any]:
    """Give the outputs that are asked for; all, if none is."""
    if not asked:
        return list(found.values())
    wants_binary = any(output.parameters.get("binary_data") for output in asked)
    if wants_binary:
        raise ProblemError(422, "binary outputs are not supported: ask for binary_data=False")
    unknown = [output.name for output in asked if output.name not in found]
    if unknown:
        raise ProblemError(
            422, f"there is no output {unknown[0]!r:.80}; there are {', '.join(found)}"
        )
    return [found[output.name] for output in asked]


def _platform(model: Any) -> str:
    """Name the library that a model is of; a function's is Python."""
    return "python" if model is None else type(model).__module__.partition(".")[0]
