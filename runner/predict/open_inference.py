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
from runner.predict.problems import ProblemError
from runner.predict.protocol_calls import PredictMany, answer, answers_for, json_of
from runner.predict.requests import Answer, Request, Route

_BINARY_HEADER = b"inference-header-content-length"


class _Output(msgspec.Struct):
    name: str
    parameters: dict[str, Any] = {}


class _Inference(msgspec.Struct):
    inputs: list[tensors.Tensor]
    id: str | None = None
    outputs: list[_Output] | None = None
    parameters: dict[str, Any] = {}


def routes(
    endpoints: Sequence[Endpoint],
    predict_many: PredictMany,
    identity: Identity,
    is_draining: Callable[[], bool],
) -> dict[tuple[str, str], Route]:
    """Give what answers below ``/v2``."""
    version = version_of(identity)
    metadata = {"name": "runner", "version": __version__, "extensions": []}
    names = [endpoint.name for endpoint in endpoints]
    found = {
        ("GET", "/v2"): saying(metadata),
        ("GET", "/v2/health/live"): saying({"live": True}),
        ("GET", "/v2/health/ready"): _readiness({"live": True}, is_draining),
        ("GET", "/v2/models"): saying({"models": names}),
    }
    for endpoint in endpoints:
        model = _Model(endpoint, predict_many, version)
        base = f"/v2/models/{endpoint.name}"
        for path in (base, f"{base}/versions/{version}"):
            found["GET", path] = model.describe
            found["GET", f"{path}/ready"] = _readiness({"name": endpoint.name}, is_draining)
            found["POST", f"{path}/infer"] = model.infer
    return found


def _readiness(said: dict[str, Any], is_draining: Callable[[], bool]) -> Route:
    """Say whether more should be asked: not when this worker is about to end."""
    ready, draining = saying(said | {"ready": True}), answer(said | {"ready": False}, status=503)

    async def route(request: Request) -> Answer:
        return draining if is_draining() else await ready(request)

    return route


def version_of(identity: Identity) -> str:
    """Name the one version that is served: the beginning of the model's hash, if it is known."""
    return (identity.model_sha256 or identity.notebook_sha256)[:12] or "1"


def refusal(problem: ProblemError) -> Answer:
    """Say a problem as the protocol does: in one string."""
    return answer({"error": text_of(problem)}, status=problem.status, headers=problem.headers)


def text_of(problem: ProblemError) -> str:
    """Put a problem and all that is wrong with its fields into one line."""
    faults = [f"{fault.field}: {fault.detail}" for fault in problem.errors]
    return "; ".join([problem.detail, *(fault for fault in faults if fault not in problem.detail)])


def saying(value: Any) -> Route:
    """Make a route that always gives one JSON value."""
    ready = answer(value)

    async def say(_: Request) -> Answer:
        return ready

    return say


class _Model:
    """Answer for one model.

    Its outputs are known from the answer to its example, which is asked for once.
    """

    def __init__(self, endpoint: Endpoint, predict_many: PredictMany, version: str) -> None:
        self._endpoint = endpoint
        self._predict_many = predict_many
        self._version = version
        self._outputs: list[dict[str, Any]] | None = None

    async def describe(self, request: Request) -> Answer:
        """Give the model's metadata."""
        if self._outputs is None:
            self._outputs = await self._find_outputs(request)
        return answer(
            {
                "name": self._endpoint.name,
                "versions": [self._version],
                "platform": _platform(self._endpoint.model),
                "inputs": tensors.inputs_of(self._endpoint),
                "outputs": self._outputs,
            }
        )

    async def infer(self, request: Request) -> Answer:
        """Predict rows that come as tensors."""
        asked = _asked(request)
        rows = tensors.rows_of(asked.inputs, self._endpoint)
        answers = await answers_for(self._endpoint, rows, self._predict_many, request)
        found = {output["name"]: output for output in tensors.outputs_of(answers)}
        said: dict[str, Any] = {
            "model_name": self._endpoint.name,
            "model_version": self._version,
            "outputs": _chosen(found, asked.outputs),
        }
        return answer(said if asked.id is None else said | {"id": asked.id})

    async def _find_outputs(self, request: Request) -> list[dict[str, Any]]:
        if self._endpoint.example is None:
            return []
        rows = [self._endpoint.example]
        answers = await answers_for(self._endpoint, rows, self._predict_many, request)
        return [
            {
                "name": output["name"],
                "datatype": output["datatype"],
                "shape": [-1, *output["shape"][1:]],
            }
            for output in tensors.outputs_of(answers)
        ]


def _asked(request: Request) -> _Inference:
    if _BINARY_HEADER in request.headers:
        raise ProblemError(
            415,
            "binary tensors are not supported: send the data as JSON (binary_data=False)",
        )
    try:
        asked = msgspec.convert(json_of(request), _Inference)
    except msgspec.ValidationError as error:
        raise ProblemError(422, f"the body is no inference request: {error}") from None
    if any("binary_data_size" in tensor.parameters for tensor in asked.inputs):
        raise ProblemError(422, "binary tensors are not supported: send the data as JSON")
    return asked


def _chosen(found: Mapping[str, Any], asked: Sequence[_Output] | None) -> list[Any]:
    """Give the outputs that are asked for; all, if none is."""
    if not asked:
        return list(found.values())
    wants_binary = any(output.parameters.get("binary_data") for output in asked)
    if wants_binary:
        raise ProblemError(422, "binary outputs are not supported: ask for binary_data=False")
    unknown = [output.name for output in asked if output.name not in found]
    if unknown:
        raise ProblemError(422, f"there is no output {unknown[0]!r}; there are {', '.join(found)}")
    return [found[output.name] for output in asked]


def _platform(model: Any) -> str:
    """Name the library that a model is of; a function's is Python."""
    return "python" if model is None else type(model).__module__.partition(".")[0]
