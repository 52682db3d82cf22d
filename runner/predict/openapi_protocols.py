"""Describe in OpenAPI the protocols of other servers that are answered too."""

from __future__ import annotations

from typing import Any

from runner.identity import Identity
from runner.predict import tensors
from runner.predict.endpoints import Endpoint
from runner.predict.mlflow_scoring import invocations_path
from runner.predict.open_inference import version_of

_V2, _V1, _MLFLOW = "Open Inference Protocol", "KServe V1", "MLflow"
_ROWS = {"type": "array", "items": {}}
_STATUSES = {
    "400": "The body is not JSON.",
    "408": "The request did not arrive in time.",
    "413": "The body, or the number of rows, is too large.",
    "415": "The body is of another type.",
    "422": "The body does not fit the model.",
    "431": "The headers are too large.",
    "500": "Predicting failed.",
    "503": "Too much waits already.",
    "504": "The deadline of the request passed before it was predicted.",
}
_BY_SERVER = ("408", "413", "431", "503")

TAGS = [
    {"name": _V2, "description": "Version 2, over REST, as KServe's clients speak it."},
    {"name": _V1, "description": "Bodies with 'instances'."},
    {"name": _MLFLOW, "description": "What MLflow's scoring server answers."},
]

_TENSOR = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "shape": {"type": "array", "items": {"type": "integer"}},
        "datatype": {"type": "string", "enum": list(tensors.DATATYPES)},
        "data": {"type": "array", "items": {}},
        "parameters": {"type": "object"},
    },
    "required": ["name", "shape", "datatype", "data"],
}
COMPONENTS: dict[str, Any] = {
    "InferenceRequest": {
        "type": "object",
        "properties": {
            "id": {"type": "string"},
            "inputs": {"type": "array", "minItems": 1, "items": _TENSOR},
            "outputs": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"name": {"type": "string"}},
                    "required": ["name"],
                },
            },
            "parameters": {"type": "object"},
        },
        "required": ["inputs"],
    },
    "InferenceResponse": {
        "type": "object",
        "properties": {
            "id": {"type": "string"},
            "model_name": {"type": "string"},
            "model_version": {"type": "string"},
            "outputs": {"type": "array", "items": _TENSOR},
        },
        "required": ["model_name", "outputs"],
    },
    "InferenceError": {
        "type": "object",
        "properties": {"error": {"type": "string"}},
        "required": ["error"],
    },
    "ModelMetadata": {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "versions": {"type": "array", "items": {"type": "string"}},
            "platform": {"type": "string"},
            "inputs": {"type": "array", "items": {"type": "object"}},
            "outputs": {"type": "array", "items": {"type": "object"}},
        },
        "required": ["name", "platform", "inputs", "outputs"],
    },
    "Instances": {
        "type": "object",
        "properties": {"instances": _ROWS},
        "required": ["instances"],
    },
    "Predictions": {
        "type": "object",
        "properties": {"predictions": {"type": "array", "items": {}}},
        "required": ["predictions"],
    },
    "Invocation": {
        "type": "object",
        "description": "Exactly one of these.",
        "properties": {
            "dataframe_split": {
                "type": "object",
                "properties": {
                    "columns": {"type": "array", "items": {"type": "string"}},
                    "data": {"type": "array", "items": _ROWS},
                },
                "required": ["data"],
            },
            "dataframe_records": {"type": "array", "items": {"type": "object"}},
            "instances": {},
            "inputs": {},
        },
        "minProperties": 1,
    },
    "InvocationError": {
        "type": "object",
        "properties": {"error_code": {"type": "string"}, "message": {"type": "string"}},
        "required": ["error_code", "message"],
    },
}


def common_paths() -> dict[str, Any]:
    """Describe what names no model."""
    status = {"type": "object"}
    text: dict[str, Any] = {"text/plain": {}}
    return {
        "/v2": {"get": _get("v2", _V2, "What this server is", status)},
        "/v2/health/live": {"get": _get("v2_live", _V2, "Whether it lives", status)},
        "/v2/health/ready": {"get": _get("v2_ready", _V2, "Whether it is ready", status)},
        "/v2/models": {"get": _get("v2_models", _V2, "The models", status)},
        "/v1/models": {"get": _get("v1_models", _V1, "The models", status)},
        "/ping": {"get": _get("ping", _MLFLOW, "Whether it lives", status, text)},
        "/health": {"get": _get("health", _MLFLOW, "Whether it lives", status, text)},
        "/version": {"get": _get("version", _MLFLOW, "This server's version", status, text)},
    }


def paths_of(endpoint: Endpoint, identity: Identity) -> dict[str, Any]:
    """Describe what the protocols answer for one endpoint."""
    v1, name = f"/v1/models/{endpoint.name}", endpoint.name
    found = {
        v1: {"get": _get(f"v1_{name}", _V1, "Whether the model is ready", {"type": "object"})},
        f"{v1}:predict": {
            "post": _post(f"v1_{name}_predict", _V1, "Instances", "Predictions", "InferenceError")
        },
        invocations_path(endpoint): {
            "post": _post(f"mlflow_{name}", _MLFLOW, "Invocation", "Predictions", "InvocationError")
        },
    }
    content = found[invocations_path(endpoint)]["post"]["requestBody"]["content"]
    content["text/csv"] = {"schema": {"type": "string"}}
    if endpoint.example is not None:
        content["application/json"]["example"] = {"instances": [endpoint.example]}
        content = found[f"{v1}:predict"]["post"]["requestBody"]["content"]
        content["application/json"]["example"] = {"instances": [endpoint.example]}
    base = f"/v2/models/{name}"
    for number, path in enumerate((base, f"{base}/versions/{version_of(identity)}")):
        of = f"v2_{name}_version" if number else f"v2_{name}"
        found[path] = {
            "get": _get(of, _V2, "The model's inputs and outputs", _ref("ModelMetadata"))
        }
        found[path]["get"]["responses"] |= _failures(_STATUSES, "InferenceError")
        ready = _get(f"{of}_ready", _V2, "Whether the model is ready", {"type": "object"})
        found[f"{path}/ready"] = {"get": ready}
        infer = _post(f"{of}_infer", _V2, "InferenceRequest", "InferenceResponse", "InferenceError")
        example = _example(endpoint)
        if example:
            infer["requestBody"]["content"]["application/json"]["example"] = example
        found[f"{path}/infer"] = {"post": infer}
    return found


def _example(endpoint: Endpoint) -> dict[str, Any]:
    """Say an endpoint's example in tensors of one row; empty if it cannot be said so."""
    given = endpoint.example
    if not isinstance(given, dict):
        return {}
    inputs = []
    for described in tensors.inputs_of(endpoint):
        value = given.get(described["name"])
        if value is None:
            continue
        (output,) = tensors.outputs_of([[value]])
        if output["datatype"] == "BYTES" and not isinstance(value, str):
            return {}
        shape = [1, *output["shape"][2:]]
        inputs.append(described | {"shape": shape, "data": output["data"]})
    return {"id": "1", "inputs": inputs} if inputs else {}


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _get(
    name: str, tag: str, summary: str, schema: dict[str, Any], content: Any = None
) -> dict[str, Any]:
    content = content or {"application/json": {"schema": schema}}
    return {
        "operationId": name,
        "tags": [tag],
        "summary": summary,
        "responses": {"200": {"description": summary, "content": content}}
        | _failures(_BY_SERVER, "InferenceError"),
    }


def _post(name: str, tag: str, body: str, answer: str, error: str) -> dict[str, Any]:
    return {
        "operationId": name,
        "tags": [tag],
        "summary": "Predict many rows",
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _ref(body)}},
        },
        "responses": {
            "200": {
                "description": "The predictions, in the order of the rows",
                "content": {"application/json": {"schema": _ref(answer)}},
            }
        }
        | _failures(_STATUSES, error),
    }


def _failures(statuses: Any, error: str) -> dict[str, Any]:
    """Describe failures; what the server itself refuses is a problem, whatever the path."""
    by_app = {"application/json": {"schema": _ref(error)}}
    by_server = {"application/problem+json": {"schema": _ref("Problem")}}
    return {
        status: {
            "description": _STATUSES[status],
            "content": by_app | (by_server if status in _BY_SERVER else {}),
        }
        for status in statuses
    }
