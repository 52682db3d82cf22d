"""The Open Inference Protocol, as its specification says."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.service_surface import IDENTITY, Surface, price, species

from runner.identity import Identity
from runner.liveness.readiness import Readiness
from runner.predict.problem_error import ProblemError

INFER = "/v2/models/species/infer"
NAMES = ("petal length (cm)", "petal width (cm)")


def tensor(data: list[Any], shape: list[int], **fields: Any) -> dict[str, Any]:
    return {"name": "x", "shape": shape, "datatype": "FP64", "data": data} | fields


def column(name: str, data: list[Any], **fields: Any) -> dict[str, Any]:
    return tensor(data, [len(data)], name=name, **fields)


def data_of(answer: Any) -> Any:
    (output,) = answer["outputs"]
    return output["data"]


@pytest.fixture
def service() -> Surface:
    return Surface(species(), price())


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v2/health/live", {"live": True}),
        ("/v2/health/ready", {"live": True, "ready": True}),
        ("/v2/models/price/ready", {"name": "price", "ready": True}),
        ("/v2/models", {"models": ["species", "price"]}),
    ],
)
def test_health_is_told(service: Surface, path: str, expected: Any) -> None:
    """Probes get 200 and the protocol's own objects."""
    answer = service.get(path)
    assert (answer.status, json.loads(answer.body)) == (200, expected)


def test_the_server_names_itself(service: Surface) -> None:
    """Server metadata has a name, a version and the extensions, of which there are none."""
    said = json.loads(service.get("/v2").body)
    assert (said["name"], said["extensions"], sorted(said)) == (
        "runner",
        [],
        ["extensions", "name", "version"],
    )


def test_a_models_metadata(service: Surface) -> None:
    """Inputs come from the schema, outputs from the answer to the example."""
    said = json.loads(service.get("/v2/models/price").body)
    assert said == {
        "name": "price",
        "versions": ["b" * 12],
        "platform": "python",
        "inputs": [
            {"name": "area", "datatype": "FP64", "shape": [-1]},
            {"name": "rooms", "datatype": "INT64", "shape": [-1]},
            {"name": "town", "datatype": "BYTES", "shape": [-1]},
            {"name": "is_new", "datatype": "BOOL", "shape": [-1]},
            {"name": "corners", "datatype": "BYTES", "shape": [-1, -1]},
        ],
        "outputs": [
            {"name": "euros", "datatype": "FP64", "shape": [-1]},
            {"name": "in", "datatype": "BYTES", "shape": [-1]},
        ],
    }


@pytest.mark.parametrize("is_lame_duck", [False, True])
def test_a_worker_that_drains_is_not_ready(service: Surface, is_lame_duck: bool) -> None:
    """It lives, and tells a balancer to ask another one; so does one whose service is to end."""
    service.is_draining = not is_lame_duck
    service.readiness = Readiness.LAME_DUCK if is_lame_duck else Readiness.VERSION_FAILED
    for path in ("/v2/health/ready", "/v2/models/price/ready", "/v1/models/price"):
        answer = service.get(path)
        assert (answer.status, json.loads(answer.body)["ready"]) == (503, False)
    assert service.get("/v2/health/live").status == 200


def test_the_example_is_asked_for_once(service: Surface) -> None:
    """Metadata that is asked for again and again costs no further prediction."""
    for _ in range(3):
        service.get("/v2/models/price")
    assert service.calls == [1]


def test_a_version_can_be_named(service: Surface) -> None:
    """The one version there is, the beginning of the model's hash, can stand in the path."""
    path = f"/v2/models/species/versions/{IDENTITY.model_sha256[:12]}"
    assert service.get(path).body == service.get("/v2/models/species").body
    body = {"inputs": [tensor([1, 1], [1, 2])]}
    assert service.post(f"{path}/infer", body)[1]["model_version"] == "b" * 12


def test_without_hashes_the_version_is_1() -> None:
    """In plain Jupyter there is a version too."""
    said = Surface(species(), identity=Identity()).get("/v2/models/species/versions/1")
    assert json.loads(said.body)["versions"] == ["1"]


@pytest.mark.parametrize("data", [[1.4, 0.2, 4.7, 1.4], [[1.4, 0.2], [4.7, 1.4]]])
def test_one_input_holds_all_features(service: Surface, data: list[Any]) -> None:
    """A matrix of any name, flat or nested, has a row for each and the features in order."""
    status, said = service.post(INFER, {"id": "42", "inputs": [tensor(data, [2, 2])]})
    assert status == 200
    assert said == {
        "id": "42",
        "model_name": "species",
        "model_version": "b" * 12,
        "outputs": [{"name": "prediction", "datatype": "INT64", "shape": [2], "data": [0, 1]}],
    }


def test_rows_of_one_call_go_together(service: Surface) -> None:
    """All rows are handed over at once, for the batcher to split."""
    service.post(INFER, {"inputs": [tensor([1, 1] * 100, [100, 2])]})
    assert service.calls == [100]


def test_an_id_is_given_back_only_if_there_was_one(service: Surface) -> None:
    """Without an id there is none in the answer."""
    assert "id" not in service.post(INFER, {"inputs": [tensor([1, 1], [1, 2])]})[1]


@pytest.mark.parametrize("shape", [[2], [2, 1]])
def test_each_feature_may_be_an_input(service: Surface, shape: list[int]) -> None:
    """Inputs called like the features are columns, in any order."""
    inputs = [
        tensor([9, 0], shape, name=NAMES[1]),
        tensor([1, 3], shape, name=NAMES[0], datatype="INT32"),
    ]
    assert data_of(service.post(INFER, {"inputs": inputs})[1]) == [0, 1]


def test_every_datatype_reaches_a_function(service: Surface) -> None:
    """Text, integers and booleans are columns, and BYTES may hold JSON for what has fields."""
    inputs = [
        column("area", [2.5], datatype="FP32"),
        column("rooms", [3], datatype="UINT8"),
        column("town", ["Ulm"], datatype="BYTES"),
        column("is_new", [True], datatype="BOOL"),
    ]
    said = service.post("/v2/models/price/infer", {"inputs": inputs})[1]
    assert [(each["name"], each["data"]) for each in said["outputs"]] == [
        ("euros", [2500.0]),
        ("in", ["Ulm"]),
    ]


def test_outputs_can_be_chosen(service: Surface) -> None:
    """Only the outputs that are asked for come, in that order."""
    body = {
        "inputs": [
            column("area", [1.0]),
            column("rooms", [1], datatype="INT64"),
            column("town", ["Ulm"], datatype="BYTES"),
        ],
        "outputs": [{"name": "in"}],
    }
    assert data_of(service.post("/v2/models/price/infer", body)[1]) == ["Ulm"]


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"{", 400, "not JSON"),
        ([], 422, "no inference request"),
        ({}, 422, "inputs"),
        ({"inputs": []}, 422, "[n, 2], or one for each of: petal length"),
        ({"inputs": [tensor([1, 1], [2, 2])]}, 422, "4 elements, but data has 2"),
        ({"inputs": [tensor([[1], [1, 2]], [2, 1])]}, 422, "not nested as its shape [2, 1]"),
        ({"inputs": [tensor([1, 1], [-1, 2])]}, 400, "a shape is [rows, …]"),
        ({"inputs": [tensor([1], [])]}, 400, "a shape is [rows, …]"),
        ({"inputs": [tensor([1, 2, 3], [1, 3])]}, 422, "3 values, and there are 2 features"),
        ({"inputs": [tensor([1, "a"], [1, 2])]}, 422, 'element 1 is "a", which is not FP64'),
        ({"inputs": [tensor([1, True], [1, 2])]}, 422, "element 1 is true"),
        ({"inputs": [tensor([1, 300], [1, 2], datatype="UINT8")]}, 422, "element 1 is 300"),
        ({"inputs": [tensor([1, 1], [1, 2], datatype="FP8")]}, 422, "'FP8' is none of BOOL"),
        ({"inputs": [column(NAMES[0], [1])]}, 422, "missing required field `petal width"),
        ({"inputs": [column(NAMES[0], [1]), column("z", [1])]}, 422, "'z' is no feature"),
        ({"inputs": [column(NAMES[0], [1])] * 2}, 422, "twice"),
        (
            {"inputs": [column(NAMES[0], [1]), column(NAMES[1], [1, 2])]},
            422,
            "different numbers of rows",
        ),
        ({"inputs": [tensor([1, 1], [1, 2])], "outputs": [{"name": "q"}]}, 422, "no output 'q'"),
    ],
)
def test_what_does_not_fit_is_refused(service: Surface, body: Any, status: int, said: str) -> None:
    """A wrong request gets a status of 4xx and one string that says what is wrong."""
    got, answer = service.post(INFER, body)
    assert got == status
    assert list(answer) == ["error"]
    assert said in answer["error"]


def test_a_wrong_row_is_named(service: Surface) -> None:
    """What the endpoint's own validation finds comes with the number of the row."""
    inputs = [column(NAMES[0], ["a"], datatype="BYTES"), column(NAMES[1], [1])]
    error = service.post(INFER, {"inputs": inputs})[1]["error"]
    assert "row 0" in error
    assert "Expected `float`, got `str`" in error


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        ({"inputs": [tensor([1, 1], [1, 2])]}, {"inference_header_content_length": "5"}),
        ({"inputs": [tensor([], [1, 2], parameters={"binary_data_size": 16})]}, {}),
        (
            {
                "inputs": [tensor([1, 1], [1, 2])],
                "outputs": [{"name": "prediction", "parameters": {"binary_data": True}}],
            },
            {},
        ),
    ],
)
def test_binary_tensors_are_refused(service: Surface, body: Any, headers: dict[str, str]) -> None:
    """The extension is not misread: the answer says that it is not supported."""
    status, answer = service.post(INFER, body, **headers)
    assert status in (415, 422)
    assert "binary" in answer["error"]
    assert "not supported" in answer["error"]


def test_no_rows_are_no_call(service: Surface) -> None:
    """An empty batch is answered by empty outputs, without asking the model."""
    status, answer = service.post(INFER, {"inputs": [tensor([], [0, 2])]})
    assert (status, data_of(answer), service.calls) == (200, [], [])


def test_a_failed_row_fails_the_call() -> None:
    """There is no place for one row's error among outputs, so the whole call says it."""
    busy = ProblemError(503, "too much waits", headers=[(b"retry-after", b"1")])
    service = Surface(species(predict=lambda items: [0, busy]))
    answer = service.ask("POST", INFER, json.dumps({"inputs": [tensor([1] * 4, [2, 2])]}).encode())
    assert (answer.status, answer.headers) == (503, ((b"retry-after", b"1"),))
    assert json.loads(answer.body) == {"error": "too much waits"}
