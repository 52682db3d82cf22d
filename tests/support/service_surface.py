"""Endpoints made by hand, and the surface of a service without a server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from runner.access.gate import Gate
from runner.config import Limits
from runner.identity import Identity
from runner.liveness.readiness import Readiness
from runner.predict import service_routes
from runner.predict.body_work import BodyWork
from runner.predict.endpoints import Endpoint
from runner.predict.http_messages import Request, Response
from runner.predict.problem_error import InvalidField, ProblemError, json_pointer
from runner.predict.row_calls import RowCalls
from runner.traffic.counters import Counters

IDENTITY = Identity(
    run_id="r1", notebook_sha256="a" * 64, notebook_title="Serve it", model_sha256="b" * 64
)


class StructSchema:
    """Read items as a msgspec type does; an item is a dict."""

    is_bare = False
    most_values = None

    def __init__(self, kind: type[msgspec.Struct]) -> None:
        self._kind = kind
        self.names = tuple(field.encode_name for field in msgspec.structs.fields(kind))

    def decode(self, body: bytes, is_brief: bool = False) -> Any:
        """Read an item from JSON."""
        return self.convert(msgspec.json.decode(body))

    def convert(self, value: Any) -> Any:
        """Read an item from a JSON value."""
        try:
            return msgspec.to_builtins(msgspec.convert(value, self._kind))
        except msgspec.ValidationError as error:
            field = str(error).rpartition("`$.")[2].rstrip("`") if "`$." in str(error) else ""
            fault = InvalidField(field=json_pointer(field), detail=str(error))
            raise ProblemError(422, "the body is wrong", [fault]) from None

    def describe(self) -> dict[str, Any]:
        """Give the JSON schema."""
        return msgspec.json.schema(self._kind)


class Point(msgspec.Struct):
    """Be a structured field."""

    x: float
    y: float = 0.0


class House(msgspec.Struct, forbid_unknown_fields=True):
    """Be the argument of `price`, with a field of each kind."""

    area: float
    rooms: int
    town: str
    is_new: bool = False
    corners: list[Point] = []


Flower = msgspec.defstruct(
    "Flower",
    [("f0", float), ("f1", float)],
    rename={"f0": "petal length (cm)", "f1": "petal width (cm)"},
    forbid_unknown_fields=True,
)


def species(**settings: Any) -> Endpoint:
    """Make a model's endpoint that answers whether a petal is long."""

    def predict(items: Sequence[Any]) -> list[Any]:
        return [int(item["petal length (cm)"] > 2) for item in items]

    given: dict[str, Any] = {
        "name": "species",
        "path": "/",
        "schema": StructSchema(Flower),
        "predict": predict,
        "encode": lambda result: msgspec.json.encode({"prediction": result}),
        "example": {"petal length (cm)": 1.4, "petal width (cm)": 0.2},
    }
    return Endpoint(**given | settings)


def price(**settings: Any) -> Endpoint:
    """Make a function's endpoint that answers with the area."""

    def predict(items: Sequence[Any]) -> list[Any]:
        return [{"euros": item["area"] * 1000, "in": item["town"]} for item in items]

    given: dict[str, Any] = {
        "name": "price",
        "path": "/price",
        "schema": StructSchema(House),
        "predict": predict,
        "encode": msgspec.json.encode,
        "example": {"area": 80.5, "rooms": 3, "town": "Bonn"},
    }
    return Endpoint(**given | settings)


class Surface:
    """Call routes as the app does.

    Attributes:
        calls: How many items each call of `predict_many` had.
        is_draining: Whether the worker is about to end.
        readiness: What else there is to tell.
        gate: What lets requests in.
    """

    def __init__(self, *endpoints: Endpoint, identity: Identity = IDENTITY) -> None:
        self.calls: list[int] = []
        self.counters = Counters([endpoint.name for endpoint in endpoints], slots=1)
        self.is_draining = False
        self.readiness = Readiness.READY
        self.gate = Gate()
        self.routes = service_routes.routes(
            endpoints,
            RowCalls(predict_many=self._predict_many, work=BodyWork(), limits=Limits()),
            lambda: self.counters,
            identity,
            gate=lambda: self.gate,
            is_draining=lambda: self.is_draining,
            readiness=lambda: self.readiness,
        )

    async def _predict_many(
        self, endpoint: Endpoint, items: Sequence[Any], request: Request
    ) -> list[Any]:
        self.calls.append(len(items))
        return [*endpoint.predict(items)]

    def get(self, path: str, **headers: str) -> Response:
        """Ask for a page."""
        return self.ask("GET", path, headers=headers)

    def post(self, path: str, body: Any, **headers: str) -> tuple[int, Any]:
        """Send JSON, or bytes as they are, and read the JSON that is answered."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        answer = self.ask("POST", path, content, headers)
        return answer.status, json.loads(answer.body)

    def ask(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Response:
        """Send a request; underscores in the headers' names stand for hyphens."""
        fields = {
            name.replace("_", "-").encode(): value.encode()
            for name, value in (headers or {}).items()
        }
        request = Request(method=method, path=path, headers=fields, body=body)
        try:
            return asyncio.run(self._answer(request))
        except ProblemError as problem:
            return service_routes.problem_response(path, problem)

    async def _answer(self, request: Request) -> Response:
        return await self.routes[request.method, request.path](request)
