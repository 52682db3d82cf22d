"""What a request has raised, from any kind of app to whoever looks for it."""

from __future__ import annotations

import contextlib
import http.client
import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support import RUNNER, Service, is_ready, reserved_port, send, until, write_notebook

from runner.cockpit import failures
from runner.cockpit.failures import FailedRequest
from runner.cockpit.services import Service as Shown
from runner.cockpit.services import facts_of

PARAMETERS = "level = 1\npassword = 'of-nobody'"
DIVIDE = (
    "\n\ndef divide(x):\n    return level / x"  # its last line is the fourth of the second cell
)
ECHO = "import http.server\n\nclass Handler(http.server.BaseHTTPRequestHandler):\n"
ASGI = "import uvicorn\n\nasync def app(scope, receive, send):\n    "
APPS = {
    "function": (
        "from runner import serve\n\ndef f(x: float) -> float:\n    return divide(x)\n\nserve(f)"
    ),
    "awaited function": (
        "from runner import serve\n\nasync def f(x: float) -> float:\n"
        "    return divide(x)\n\nserve(f)"
    ),
    "model": (
        "from runner import serve\n\nclass Model:\n    def predict(self, rows):\n"
        "        return [divide(int(row[0])) for row in rows]\n\nserve(Model(), example={'x': 1.0})"
    ),
    "annotated cell": '# POST /\nimport json\nprint(divide(json.loads(REQUEST)["body"]["x"]))',
    "asgi": f"{ASGI}divide(0)\n\nuvicorn.run(app, port=80)",
    "starlette": (
        "import uvicorn\nfrom starlette.applications import Starlette\n"
        "from starlette.routing import Route\n\ndef f(request):\n    return divide(0)\n\n"
        "uvicorn.run(Starlette(routes=[Route('/', f, methods=['POST'])]), port=80)"
    ),
    "wsgi": "def application(environ, start_response):\n    divide(0)",
    "flask": (
        "import flask\napp = flask.Flask('a')\n\n@app.post('/')\ndef f():\n    return divide(0)\n\n"
        "app.run(port=80)"
    ),
    "handler class": (
        f"{ECHO}    def do_POST(self):\n        divide(0)\n\n"
        "http.server.HTTPServer(('', 80), Handler).serve_forever()"
    ),
}
TRIES = "try:\n        divide(0)\n    except ZeroDivisionError:\n        "
# They answer 500 by themselves, and log nothing.
CATCHING = {
    "asgi": (
        f"{ASGI}{TRIES}await send({{'type': 'http.response.start', 'status': 500}})\n"
        "    await send({'type': 'http.response.body', 'body': b'odd'})\n\n"
        "uvicorn.run(app, port=80)"
    ),
    "starlette": (
        "import uvicorn\nfrom starlette.applications import Starlette\n"
        "from starlette.responses import Response\nfrom starlette.routing import Route\n\n"
        "def f(request):\n    return divide(0)\n\n"
        "async def odd(request, error):\n    return Response('odd', 500)\n\n"
        "routes, odds = [Route('/', f, methods=['POST'])], {ZeroDivisionError: odd}\n"
        "uvicorn.run(Starlette(routes=routes, exception_handlers=odds), port=80)"
    ),
    "wsgi": (
        f"def application(environ, start_response):\n    {TRIES}start_response('500 Odd', [])\n"
        "    return [b'odd']"
    ),
    "exc_info": (
        "import sys\ndef application(environ, start_response):\n"
        f"    {TRIES}raised = sys.exc_info()\n"
        "    start_response('500 Odd', [], raised)\n    return [b'odd']"
    ),
    "wsgi.errors": (  # as Bottle and Falcon do
        f"import traceback\ndef application(environ, start_response):\n"
        f"    {TRIES}environ['wsgi.errors'].writelines([traceback.format_exc()])\n"
        "    start_response('500 Odd', [])\n    return [b'odd']"
    ),
    "handler class": (
        f"def odd(handler):\n    {TRIES}handler.send_error(500)\n\n"
        f"{ECHO}    do_POST = odd\n\n"
        "http.server.HTTPServer(('', 80), Handler).serve_forever()"
    ),
}
HOSTILE = f"""
import time

class Late(Exception):
    def __str__(self):
        time.sleep(300)

class Raising(Exception):
    def __str__(self):
        raise SystemExit

HTML = "<img src=x onerror=alert(1)>"
ERRORS = {{
    "/html": ValueError(HTML),
    "/control": ValueError("\\x1b[2J\\x00\\ud800\\u202e\\r\\n" + HTML),
    "/long": ValueError("x" * 10_000_000),
    "/key": KeyError("é" * 10_000_000),
    "/late": Late(),
    "/raising": Raising(),
    "/secret": ValueError("wrong " + password),
}}

{ASGI}raise ERRORS[scope["path"]]

uvicorn.run(app, port=80)
"""


class Failing:
    """A service that records what it fails at."""

    def __init__(self, folder: Path, *sources: str, words: tuple[str, ...] = ()) -> None:
        write_notebook(folder / "a.ipynb", *sources, parameters=PARAMETERS)
        self.port, self.folder = reserved_port(), folder
        given = ["-p", "level", "3", "-p", "password", "t0p-word", "--record-requests", "0.0001"]
        line = ["serve", "a.ipynb", "--port", str(self.port), *given, *words]
        self.process = Service(*line, cwd=folder)
        until(lambda: is_ready(self.port, self.process))

    def fail(self, path: str = "/") -> None:
        """Ask for what fails."""
        assert send(self.port, b'{"x": 0}', path=path)[0] == 500

    def failed(self, count: int = 1) -> list[FailedRequest]:
        """What the cockpit shows of so many."""
        shown = Shown(key="a", folder=self.folder / "runs" / "a", place=self.folder)
        found: list[FailedRequest] = until(
            lambda: found if len(found := failures.failed_requests(shown)) == count else None
        )
        return found


@contextmanager
def failing(folder: Path, *sources: str, words: tuple[str, ...] = ()) -> Iterator[Failing]:
    service = Failing(folder, *sources, words=words)
    try:
        yield service
        assert service.process.stop() == 0, service.process.said()
    finally:
        assert service.process.end() == []


@pytest.mark.parametrize("kind", APPS)
def test_the_cockpit_names_cell_and_line(kind: str, tmp_path: Path) -> None:
    """As the notebook's reader counts them: what was put in is no cell, empty lines are lines."""
    words = ("--workers", "2") if kind in {"function", "flask"} else ()
    with failing(tmp_path, DIVIDE, APPS[kind], words=words) as service:
        service.fail()
        (found,) = service.failed()
    failure = found.failure
    assert failure.said.startswith("ZeroDivisionError: ")
    assert failure.said.endswith("division by zero (cell 2, line 4)")
    assert failure.text == "return level / x"
    assert "cell 3, line " in failure.traceback
    assert failure.traceback.endswith(
        f"\ncell 2, line 4, in divide\n    return level / x\n{failure.error}: {failure.message}"
    )
    assert "site-packages" not in failure.traceback
    assert facts_of(found.record)["status"] == "stopped"


@pytest.mark.parametrize("kind", CATCHING)
def test_what_an_app_has_caught_has_its_place(kind: str, tmp_path: Path) -> None:
    """An app that answers 500 by itself says by what, whether or not it logs that."""
    with failing(tmp_path, DIVIDE, CATCHING[kind]) as service:
        service.fail()
        (found,) = service.failed()
    assert found.failure.said.endswith("division by zero (cell 2, line 4)")


READ = "while (await receive())['more_body']: pass"
BEGUN = "await send({'type': 'http.response.start', 'status': 200, 'headers': []})"
PIECE = "await send({'type': 'http.response.body', 'body': b'1', 'more_body': True})"
BROKEN = {
    "generator": (
        "from runner import serve\n\ndef f(x: float):\n    yield 1\n    yield divide(x)\n\nserve(f)"
    ),
    "asgi": f"{ASGI}{READ}\n    {BEGUN}\n    {PIECE}\n    divide(0)\n\nuvicorn.run(app, port=80)",
    "starlette": (
        "import uvicorn\nfrom starlette.applications import Starlette\n"
        "from starlette.responses import StreamingResponse\nfrom starlette.routing import Route\n\n"
        "def pieces():\n    yield b'1'\n    divide(0)\n\nasync def f(request):\n"
        "    await request.body()\n    return StreamingResponse(pieces())\n\n"
        "uvicorn.run(Starlette(routes=[Route('/', f, methods=['POST'])]), port=80)"
    ),
    "wsgi": (
        "def application(environ, start_response):\n    start_response('200 OK', [])\n"
        "    yield b'1'\n    divide(0)"
    ),
    "flask": (
        "import flask\napp = flask.Flask('a')\n\n@app.post('/')\ndef f():\n"
        "    def pieces():\n        yield b'1'\n        divide(0)\n    return pieces()\n\n"
        "app.run(port=80)"
    ),
    "handler class": (
        f"{ECHO}    def do_POST(self):\n"
        "        self.send_response(200)\n        self.end_headers()\n"
        "        self.wfile.write(b'1')\n        self.wfile.flush()\n        divide(0)\n\n"
        "http.server.HTTPServer(('', 80), Handler).serve_forever()"
    ),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_an_answer_that_breaks_off_is_a_failure(kind: str, tmp_path: Path) -> None:
    """Whatever its head has said: listed, told on the card, counted, and opened in a notebook."""
    with failing(tmp_path, DIVIDE, BROKEN[kind]) as service:
        begin_and_break_off(service.port)
        (found,) = service.failed()
        (row,) = said_by(service, "requests", "--failures", "--json").splitlines()
        until(lambda: errors_of(service) == 1)
        log = service.process.said()
    assert (found.failure.cell, found.failure.text) == (2, "return level / x")
    assert (found.status, found.body, found.answer) == (200, '{"x": 0}', "")
    logged = json.loads(row)["failure"]["id"]
    assert f"failure {logged}: " in log
    written = said_by(service, "debug", logged).strip()
    assert found.id in written
    said = subprocess.run(
        [*RUNNER, "run", written],
        cwd=tmp_path,
        check=False,
        capture_output=True,
        text=True,
        timeout=90,
    ).stderr
    assert "ZeroDivisionError" in said


def errors_of(service: Failing) -> int:
    traffic = json.loads(said_by(service, "status", "a.ipynb", "--format", "json"))["traffic"]
    return int(traffic["errors"])


def begin_and_break_off(port: int) -> None:
    """Ask for what begins well, and see it break off."""
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    client.request("POST", "/", b'{"x": 0}', {"content-type": "application/json"})
    answer = client.getresponse()
    assert answer.status == 200
    with contextlib.suppress(http.client.IncompleteRead, ConnectionResetError):
        answer.read()
    client.close()


WAIT = """\
import asyncio, time
def wait(x):
    for _ in range(0 if x else 150): time.sleep(0.01)
async def pause(x):
    await asyncio.sleep(0 if x else 3)
"""
LATE = {
    "function": ("def f(x: float) -> float:\n    wait(x)", "--predict-timeout", 3),
    "awaited function": (
        "async def f(x: float) -> float:\n    await pause(x)",
        "--predict-timeout",
        5,
    ),
    "annotated cell": ("# POST /\nwait(0)", "--cell-timeout", 3),
}


@pytest.mark.parametrize("kind", LATE)
def test_what_takes_too_long_is_told_by_where_it_was(kind: str, tmp_path: Path) -> None:
    """A 504 has raised nothing, and has a place all the same."""
    source, option, line = LATE[kind]
    served = "" if "cell" in kind else "\n\nfrom runner import serve\nserve(f)"
    with failing(tmp_path, WAIT, source + served, words=(option, "1")) as service:
        status, _, answer = send(service.port, b'{"x": 0}')
        assert (status, b"1 s" in answer) == (504, True)
        (found,) = service.failed()
    failure = found.failure
    assert (failure.cell, failure.line) == (2, line)
    assert failure.text == WAIT.splitlines()[line - 1].strip()
    assert "cell 3, line 2" in failure.traceback


def test_hostile_failures_harm_nobody(tmp_path: Path) -> None:
    """Neither who asks meanwhile, nor who reads of them."""
    paths = ["html", "control", "long", "key", "late", "raising", "secret"]
    with failing(tmp_path, HOSTILE) as service:
        for path in paths:
            service.fail(f"/{path}")
        found = {each.target: each.failure for each in service.failed(len(paths))}
        listed = said_by(service, "requests", "--failures")
        each = said_by(service, "requests", "--show", "a")
        (log,) = (tmp_path / "runs/a/requests").glob("*.jsonl")
        assert log.stat().st_size < 40_000
        text = log.read_bytes()
    assert len(listed.splitlines()) == len(paths)
    assert (listed + each).replace("\n", "").isprintable()
    assert found["POST /html"].message == "<img src=x onerror=alert(1)>"
    assert found["POST /long"].message == "x" * 2_048
    assert found["POST /late"].message == "(its text takes too long)"
    assert found["POST /raising"].message == "(its text cannot be made: SystemExit)"
    assert found["POST /secret"].message == "wrong ***"
    assert b"t0p-word" not in text
    assert all(each.cell == 2 and each.text.startswith("raise") for each in found.values())


def said_by(service: Failing, *words: str) -> str:
    if words[1] == "--show":
        rows = said_by(service, "requests", "--json", "--path", "/control")
        words = (*words[:2], json.loads(rows)["id"])
    done = subprocess.run(
        [*RUNNER, *words],
        cwd=service.folder,
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.stdout
