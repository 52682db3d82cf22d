"""A recorded failure is reproduced by the notebook that is written for it, whatever had served."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.debugged import executed, leave_service

from runner.record.debug_notebook import write_debug_notebook

DIVIDE = "def divide(a: float, b: float) -> float:\n    return a / b"
ASGI = """
async def app(scope, receive, send):
    message = await receive()
    1 / int(message["body"])
"""
WSGI = """
def application(environ, start_response):
    start_response("200 OK", [])
    return [str(1 / int(environ["wsgi.input"].read())).encode()]
"""
WSGI_CATCHING = """
import traceback
def application(environ, start_response):
    try:
        1 / int(environ["wsgi.input"].read())
    except ZeroDivisionError:
        environ["wsgi.errors"].write(traceback.format_exc())
    start_response("500 Odd", [])
    return [b"odd"]
"""
STARLETTE_CATCHING = """
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

async def divided(request):
    return Response(str(1 / int(await request.body())))

async def odd(request, error):
    return Response("odd", 500)

routes = [Route("/predict", divided, methods=["POST"]), Route("/", divided, methods=["POST"])]
app = Starlette(routes=routes, exception_handlers={ZeroDivisionError: odd})
"""
FLASK = """
from flask import Flask, request
app = Flask("a")

@app.post("/divide")
def divide():
    return str(1 / request.json["b"])
"""
MODEL = """
import numpy as np
class Model:
    def predict(self, rows):
        return [1 / int(row[0]) for row in np.asarray(rows)]
"""
CELL = '# GET /divide/:b\nimport json\nprint(1 / int(json.loads(REQUEST)["path"]["b"]))'
CELL_OF_BODY = '# POST /divide\nimport json\nprint(1 / int(json.loads(REQUEST)["body"]))'
JSON = {"headers": {"content-type": "application/json"}}


@pytest.mark.parametrize(
    ("sources", "served", "asked"),
    [
        (
            [DIVIDE, "from runner import serve\nserve(divide)", "0 / 0"],
            1,
            {"body": '{"a":1,"b":0}'},
        ),
        (
            [MODEL, "from runner import serve\nserve(Model(), example={'x': 1.0})"],
            1,
            {"body": '{"x": 0.0}'},
        ),
        ([ASGI, "import uvicorn\nuvicorn.run(app, port=80)"], 1, {"body": "0", "headers": {}}),
        ([WSGI], None, {"body": "0", "headers": {}}),
        ([WSGI_CATCHING], None, {"body": "0", "headers": {}}),
        ([STARLETTE_CATCHING], None, {"body": "0", "headers": {}}),
        ([FLASK, "app.run(port=80)"], 1, {"path": "/divide", "body": '{"b": 0}'}),
        (
            ["import json", CELL, "# GET /other\n0 / 0", "ready = True"],
            None,
            {"method": "GET", "path": "/divide/0", "body": None},
        ),
    ],
    ids=[
        "function",
        "model",
        "asgi",
        "wsgi",
        "wsgi catching",
        "starlette catching",
        "flask",
        "annotated cell",
    ],
)
def test_what_had_failed_fails_again(
    tmp_path: Path, sources: list[str], served: int | None, asked: dict[str, object]
) -> None:
    """In the kernel of the notebook itself, with the error that the service had."""
    service = leave_service(tmp_path, *sources, served=served, **{**JSON, **asked})
    said = executed(write_debug_notebook(service, "5e1f"))
    assert "FAILED ZeroDivisionError" in said, said


@pytest.mark.parametrize(
    ("sources", "served", "asked"),
    [
        ([WSGI], None, {"headers": {}}),
        ([CELL_OF_BODY, "ready = True"], None, {"path": "/divide"}),
    ],
    ids=["wsgi", "annotated cell"],
)
def test_a_body_that_is_not_recorded_is_asked_for(
    tmp_path: Path, sources: list[str], served: int | None, asked: dict[str, object]
) -> None:
    """The notebook ends there, and not at what an empty body does; with it, it fails as it did."""
    missing = {"body": None, "is_cut": True, **JSON}
    service = leave_service(tmp_path, *sources, served=served, **{**missing, **asked})
    path = write_debug_notebook(service, "5e1f")
    said = executed(path)
    assert "AssertionError('the body was not recorded" in said, said
    (tmp_path / "body.txt").write_text("0")
    path.write_text(
        path.read_text().replace(
            "recorded_body = None", "recorded_body = open('body.txt','rb').read()"
        )
    )
    said = executed(path)
    assert "FAILED ZeroDivisionError" in said, said


def test_what_was_mended_is_answered(tmp_path: Path) -> None:
    """With the parameters that the service was given, where it was started."""
    (tmp_path / "beside.txt").touch()
    check = "from pathlib import Path\nassert Path('beside.txt').exists()\nassert level == 2"
    served = "from runner import serve\nserve(divide)"
    request = {"body": '{"a": 1, "b": 0}', **JSON}
    service = leave_service(tmp_path, DIVIDE, check, served, served=2, given="level = 2", **request)
    path = write_debug_notebook(service, "5e1f")
    written = json.loads(path.read_bytes())
    (cell,) = (cell for cell in written["cells"] if "def divide" in cell["source"])
    cell["source"] = cell["source"].replace("a / b", "a / (b or 2)")
    path.write_text(json.dumps(written))
    assert write_debug_notebook(service, "5e1f") == path
    said = executed(path)
    assert "answered 200 after" in said
    assert "0.5" in said
