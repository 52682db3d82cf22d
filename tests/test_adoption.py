"""A notebook's own server calls, handed to ``serve``."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from support import free_port

from runner.adoption import adoptable, cell_source

ASGI = """
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        raise RuntimeError
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})
"""
WSGI = """
def app(environ, start_response):
    start_response("200 OK", [])
    return [b"ok"]
"""
CALLS = {
    "uvicorn.run": ASGI + "import uvicorn\nuvicorn.run(app, host='0.0.0.0', port=PORT)",
    "run alias": ASGI + "from uvicorn import run as go\ngo(app, port=PORT, reload=True, workers=3)",
    "Server.run": ASGI + "import uvicorn\nuvicorn.Server(uvicorn.Config(app, port=PORT)).run()",
    "await serve": ASGI
    + "import asyncio, uvicorn\n"
    + "asyncio.run(uvicorn.Server(uvicorn.Config(app, port=PORT)).serve())",
    "factory": ASGI + "import uvicorn\nuvicorn.run(lambda: app, port=PORT, factory=True)",
    "serve_forever": WSGI
    + "from wsgiref.simple_server import make_server\n"
    + "with make_server('', PORT, app) as httpd: httpd.serve_forever()",
    "handle_request": WSGI
    + "from wsgiref import simple_server\n"
    + "simple_server.make_server('', PORT, app).handle_request()",
}
# Instead of a supervisor: what `serve` was given, and on which terms.
SPY = """
import json, sys, runner.serving
runner.serving.serve = lambda app: print("served", runner.serving.kind_of(app), file=sys.stderr)
"""


def execute(source: str, **variables: str) -> subprocess.CompletedProcess[str]:
    names = adoptable([source])
    return subprocess.run(
        [sys.executable, "-c", f"{SPY}\n{cell_source(names)}\n{source}"],
        env=variables,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.mark.parametrize("name", CALLS)
def test_a_server_call_hands_its_app_over(name: str) -> None:
    """Whatever the way, ``serve`` gets the app, and the asked address is told."""
    source = CALLS[name].replace("PORT", str(free_port()))
    done = execute(source, RUNNER_CONTROL="/there/is/one")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("served") == 1
    assert "the supervisor decides on the address" in done.stdout


def test_without_a_supervisor_nothing_is_patched() -> None:
    """The same cell in plain papermill leaves uvicorn as it is."""
    source = "import uvicorn\nprint(uvicorn.Server.serve.__module__)"
    assert execute(source).stdout == "uvicorn.server\n"


def test_a_port_in_use_does_not_matter() -> None:
    """The supervisor already listens where the call wants to."""
    source = CALLS["serve_forever"].replace("PORT", "1")
    assert execute(source, RUNNER_CONTROL="/x").returncode == 0


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("import uvicorn as u", ["uvicorn"]),
        ("from wsgiref.simple_server import make_server\nimport uvicorn", ["uvicorn", "wsgiref"]),
        ("%matplotlib inline\nimport uvicorn\n!ls", ["uvicorn"]),
        ("if True:\n    from uvicorn import run", ["uvicorn"]),
        ("import numpy", []),
        ("not python at all", []),
    ],
)
def test_only_what_is_imported_is_adopted(source: str, names: list[str]) -> None:
    """A notebook that does not use uvicorn does not pay for its import."""
    assert adoptable([source]) == names


def test_the_cell_leaves_no_name_behind() -> None:
    """The notebook's names are its own."""
    spaces: dict[str, object] = {}
    exec(cell_source([]), spaces)
    assert set(spaces) == {"__builtins__"}
    assert json.dumps(cell_source(["uvicorn"])).count("'uvicorn'") == 1
