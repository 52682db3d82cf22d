"""Every way in which a notebook starts its server, imported early or late, under a supervisor.

A late import stands in the very call that serves; an early one is done by the waiting kernel,
before the run puts its cell in.
"""

from __future__ import annotations

import dataclasses
import textwrap
from pathlib import Path

import pytest
from support import Service, read_record, reserved_port, states, until, write_notebook
from support.load import Load, answer

ASGI = """
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        raise RuntimeError("this app ignores it")
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"TEXT"})
"""
WSGI = """
def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"TEXT"]
"""
HANDLER = """
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "LENGTH")
        self.end_headers()
        self.wfile.write(b"TEXT")
"""
FLASK = """
from flask import Flask
my_app = Flask("mine")
@my_app.route("/")
def root():
    return "TEXT"
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Way:
    """One way to start a server: the app's cell, its imports, and the call."""

    app: str
    imports: str
    call: str

    def cells(self, *, late: bool) -> list[str]:
        if not late:
            return [self.imports, self.app, self.call]
        word, before = ("async def", "await ") if "await" in self.call else ("def", "")
        body = textwrap.indent(f"{self.imports}\n{self.call}", "    ")
        return [self.app, f"{word} go():\n{body}\n{before}go()"]


UVICORN = "import asyncio, nest_asyncio, uvicorn"
SERVER = "server = uvicorn.Server(uvicorn.Config(app, host='0.0.0.0', port=PORT))\n"
WAYS = {
    "uvicorn.run": Way(app=ASGI, imports=UVICORN, call="uvicorn.run(app, port=PORT)"),
    "alias": Way(app=ASGI, imports="from uvicorn import run as go_on", call="go_on(app)"),
    "nest_asyncio": Way(
        app=ASGI,
        imports=UVICORN,
        call="nest_asyncio.apply()\nuvicorn.run(app, port=PORT)",
    ),
    "Server.run": Way(app=ASGI, imports=UVICORN, call=SERVER + "server.run()"),
    "await serve": Way(app=ASGI, imports=UVICORN, call=SERVER + "await server.serve()"),
    "asyncio.run": Way(app=ASGI, imports=UVICORN, call=SERVER + "asyncio.run(server.serve())"),
    "asyncio.run(main)": Way(
        app=ASGI,
        imports=UVICORN,
        call=SERVER
        + "async def main():\n    await asyncio.sleep(0)\n    await server.serve()\n"
        + "asyncio.run(main())",
    ),
    "task": Way(
        app=ASGI, imports=UVICORN, call=SERVER + "task = asyncio.create_task(server.serve())"
    ),
    "thread": Way(
        app=ASGI,
        imports=UVICORN + ", threading",
        call=SERVER + "threading.Thread(target=server.run, daemon=True).start()",
    ),
    "task and loop": Way(
        app=ASGI,
        imports=UVICORN,
        call=SERVER
        + "task = asyncio.create_task(server.serve())\nwhile True:\n    await asyncio.sleep(0.1)",
    ),
    "thread and loop": Way(
        app=ASGI,
        imports=UVICORN + ", threading, time",
        call=SERVER
        + "threading.Thread(target=server.run, daemon=True).start()\n"
        + "while True:\n    time.sleep(0.1)",
    ),
    "bare app": Way(app=ASGI, imports="import json", call="json"),
    "wsgiref": Way(
        app=WSGI,
        imports="from wsgiref.simple_server import make_server",
        call="with make_server('', PORT, app) as httpd:\n    httpd.serve_forever()",
    ),
    "handle_request": Way(
        app=WSGI,
        imports="from wsgiref import simple_server",
        call="httpd = simple_server.make_server('', PORT, app)\n"
        "while True:\n    httpd.handle_request()",
    ),
    "HTTPServer": Way(
        app=HANDLER,
        imports="from http.server import HTTPServer",
        call="HTTPServer(('', PORT), Handler).serve_forever()",
    ),
    "flask": Way(app=FLASK, imports="import flask", call="my_app.run(port=PORT, debug=True)"),
    "run_simple": Way(
        app=WSGI,
        imports="from werkzeug.serving import run_simple",
        call="run_simple('localhost', PORT, app, use_reloader=True)",
    ),
    "waitress": Way(
        app=WSGI, imports="import waitress", call="waitress.serve(app, listen='*:PORT')"
    ),
    "hypercorn": Way(
        app=ASGI,
        imports="import asyncio\nfrom hypercorn.asyncio import serve\n"
        "from hypercorn.config import Config",
        call="asyncio.run(serve(app, Config()))",
    ),
}


# Their kernels are started as processes of their own; those of the others are forked.
UNFORKED = {"uvicorn.run", "wsgiref"}


def save(folder: Path, way: Way, text: str, port: int, *, late: bool) -> None:
    """Save the notebook, as Jupyter does, with an app that answers with a text."""
    words = {"TEXT": text, "LENGTH": str(len(text)), "PORT": str(port)}
    cells = way.cells(late=late)
    for word, value in words.items():
        cells = [cell.replace(word, value) for cell in cells]
    write_notebook(folder / "new", *cells).rename(folder / "a.ipynb")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """An empty folder."""
    return tmp_path


@pytest.mark.parametrize("name", WAYS)
def test_it_answers_reloads_and_drains(name: str, project: Path, start: type[Service]) -> None:
    """Unchanged, by two workers: no request is lost in a reload, and a stop ends it with 0."""
    port, elsewhere = reserved_port(), reserved_port()
    save(project, WAYS[name], "early", elsewhere, late=False)
    words = ["--port", str(port), "--workers", "2", "--reload"]
    service = start("serve", "a.ipynb", *words, *(["--no-standby"] if name in UNFORKED else []))
    until(lambda: service.process.poll() is not None or answer(port) == "early", 30)
    assert service.process.poll() is None, service.said()
    with Load(port, 2) as load:
        save(project, WAYS[name], "late", elsewhere, late=True)
        until(lambda: answer(port) == "late")
    assert set(load.answers) <= {"early", "late"}
    assert service.stop() == 0, service.said()
    assert "Traceback" not in service.said()
    record = read_record(project / "runs/a/out.ipynb")
    is_bare = name == "bare app"
    said = "was left, and is served here" if is_bare else "the supervisor decides on the address"
    assert said in str(record.cells)
    assert "interrupted" in states(record).values()
    assert service.said().count(f"it is served on http://127.0.0.1:{port} instead") == 2 * (
        not is_bare
    )
