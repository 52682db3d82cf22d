"""Play the parts of platforms that run containers: what they set, ask for and expect.

Each contract starts a service as its platform does, by a process or by an image, and asks.
"""

from __future__ import annotations

import contextlib
import json
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from support import until, write_notebook

# Only a service that listens on all addresses answers here.
HOST = "127.0.0.2"
_SERVE = """
import json
from pathlib import Path
from runner import serve

factor = json.loads(Path(model_path).read_text())["factor"]

def price(rooms: float, area: float) -> float:
    return factor * rooms * area

serve(price)
"""
_DEADLINE = 150.0


class Start(Protocol):
    """Start a service as a platform starts a container."""

    def __call__(
        self, words: list[str], variables: Mapping[str, str], folder: str, port: int
    ) -> AbstractContextManager[int]:
        """Give the port at which it is to be asked; at the end it has to stop by SIGTERM.

        Args:
            words: What is called in the image; ``{folder}`` stands for its folder.
            variables: What the platform sets.
            folder: Where the notebook and its model are, in the image.
            port: At which it has to listen, in the image.
        """


def write_service(folder: Path) -> Path:
    """Write a notebook, and beside it the model that it reads from another place by itself."""
    parameters = 'model_path: str = "model/price.json"  # the model'
    write_notebook(folder / "serve.ipynb", _SERVE, parameters=parameters)
    (folder / "price.json").write_text('{"factor": 10}')
    return folder


def ask(port: int, path: str, body: Any = None, kind: str = "application/json") -> tuple[int, Any]:
    """Ask once; 0 is the status of what is not there."""
    data = body.encode() if isinstance(body, str) else body and json.dumps(body).encode()
    request = urllib.request.Request(f"http://{HOST}:{port}{path}", data=data)
    request.add_header("content-type", kind)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            status, text = answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        status, text = error.code, error.read().decode()
    except OSError:
        return 0, ""
    with contextlib.suppress(ValueError):
        return status, json.loads(text)
    return status, text


def cloud_run(start: Start) -> None:
    """Cloud Run, Knative and Heroku say the port, and send from outside."""
    variables = {
        "PORT": "8080",
        "K_SERVICE": "price",
        "K_REVISION": "price-00001",
        "RUNNER_NOTEBOOK": "{folder}/serve.ipynb",
        "RUNNER_MODEL_FOLDER": "{folder}",
    }
    with start(["runner", "serve"], variables, "/srv/price", 8080) as port:
        until(lambda: ask(port, "/readyz")[0] == 200, _DEADLINE)
        assert ask(port, "/", {"rooms": 2, "area": 3}) == (200, 60)


def vertex(start: Start) -> None:
    """Vertex AI names the port and the routes, and where the model is."""
    route = "/v1/endpoints/1/deployedModels/2"
    variables = {
        "AIP_MODE": "PREDICTION",
        "AIP_HTTP_PORT": "8080",
        "AIP_HEALTH_ROUTE": route,
        "AIP_PREDICT_ROUTE": f"{route}:predict",
        "AIP_STORAGE_URI": "{folder}",
        "PORT": "1",
        "RUNNER_NOTEBOOK": "{folder}/serve.ipynb",
    }
    with start(["runner", "serve"], variables, "/srv/price", 8080) as port:
        until(lambda: ask(port, route)[0] == 200, _DEADLINE)
        rows = [{"rooms": 2, "area": 3}, {"rooms": 1, "area": 1}]
        answer = ask(port, f"{route}:predict", {"instances": rows, "parameters": {}})
        assert answer == (200, {"predictions": [60, 10]})
        assert ask(port, f"{route}:predict", {"rows": rows})[0] == 422


def sagemaker(start: Start) -> None:
    """SageMaker calls ``serve``, and asks at two paths."""
    variables = {"SAGEMAKER_BIND_TO_PORT": "8080"}
    with start(["serve"], variables, "/opt/ml/model", 8080) as port:
        until(lambda: ask(port, "/ping")[0] == 200, _DEADLINE)
        rows = {"instances": [{"rooms": 2, "area": 3}]}
        assert ask(port, "/invocations", rows) == (200, {"predictions": [60]})
        table = ask(port, "/invocations", "rooms,area\n2,3\n", kind="text/csv")
        assert table == (200, {"predictions": [60]})


def kserve(start: Start) -> None:
    """KServe brings a folder, names the model, and asks in either protocol."""
    words = ["runner", "serve", "{folder}", "--name", "price-v2", "--port", "8080"]
    variables = {"PROTOCOL": "v2", "RUNNER_HOST": "0.0.0.0"}
    with start(words, variables, "/mnt/models", 8080) as port:
        until(lambda: ask(port, "/v2/models/price-v2/ready")[0] == 200, _DEADLINE)
        inputs = [{"name": "row", "datatype": "FP64", "shape": [1, 2], "data": [2, 3]}]
        status, said = ask(port, "/v2/models/price-v2/infer", {"inputs": inputs})
        assert (status, said["model_name"], said["outputs"][0]["data"]) == (200, "price-v2", [60])
        rows = {"instances": [[2, 3]]}
        assert ask(port, "/v1/models/price-v2:predict", rows) == (200, {"predictions": [60]})
        assert 'endpoint="price-v2"' in ask(port, "/metrics")[1]


CONTRACTS: tuple[Callable[[Start], None], ...] = (cloud_run, vertex, sagemaker, kserve)
