"""The serving cell is found, however the server is called."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import write_notebook

from runner.doctor import page
from runner.doctor.names import collect
from runner.doctor.serving_calls import serving_calls, serving_cell

SERVING = [
    "import uvicorn\nuvicorn.run(app)",
    "from uvicorn import run as go\ngo(app)",
    "import uvicorn as u\nawait u.Server(u.Config(app)).serve()",
    "import uvicorn\nserver = uvicorn.Server(config)\nserver.run()",
    "import asyncio, uvicorn\nserver = uvicorn.Server(config)\nasyncio.run(server.serve())",
    "import uvicorn\nloop.run_until_complete(uvicorn.Server(config).serve())",
    "from wsgiref import simple_server\nsimple_server.make_server('', 0, app).serve_forever()",
    "from wsgiref.simple_server import make_server as m\nwith m() as s:\n    s.serve_forever()",
    "from http.server import HTTPServer\nclass S(HTTPServer): ...\nS().serve_forever()",
    "import flask\napp = flask.Flask('a')\napp.run(host=host)",
    "from flask import Flask\napp = Flask('a')\napp.run()",
    "from werkzeug.serving import run_simple\nrun_simple('', 0, app)",
    "from waitress import serve\nserve(app)",
    "import asyncio\nfrom hypercorn.asyncio import serve\nasyncio.run(serve(app, config))",
    "from runner import serve\nserve(app, example={})",
    "import uvicorn\ntry:\n    uvicorn.run(app)\nfinally:\n    print('done')",
    "import uvicorn\nclass Api:\n    def start(self):\n        uvicorn.run(app)\nApi().start()",
    "!uvicorn main:app --port 80",
    "app = 1\napp",
    "def application(environ, start_response): ...\napplication",
]
NOT_SERVING = [
    "import uvicorn\nconfig = uvicorn.Config(app)",
    "import subprocess\nsubprocess.run(['ls'])",
    "class serve: ...\nserve()",
    "run(app)",
    "app = 1\nprint(app)",
    "from wsgiref.simple_server import make_server\nmake_server('', 0, app).handle_request()",
    "import uvicorn\nasync def main():\n    await uvicorn.Server(config).serve()",
]


def found(tmp_path: Path, *sources: str) -> str | None:
    read = page.read(write_notebook(tmp_path / "a.ipynb", *sources))
    cell = serving_cell(read, collect(cell.tree for cell in read.cells))
    return cell.name if cell else None


@pytest.mark.parametrize("source", SERVING)
def test_the_serving_cell_is_found(source: str, tmp_path: Path) -> None:
    """Whatever it is called by, and imported as."""
    assert found(tmp_path, "x = 1", source) == "cell-1"


@pytest.mark.parametrize("source", NOT_SERVING)
def test_what_does_not_serve_is_none(source: str, tmp_path: Path) -> None:
    """A name alone does not make a server, nor a function that nobody calls."""
    assert found(tmp_path, "x = 1", source) is None


def test_names_of_other_cells_are_known(tmp_path: Path) -> None:
    """What is imported and made above is called below."""
    above = "import uvicorn\nserver = uvicorn.Server(uvicorn.Config(app))"
    assert found(tmp_path, above, "await server.serve()") == "cell-1"


def test_names_that_stand_for_each_other_end(tmp_path: Path) -> None:
    """A circle of names is no reason to recurse for ever."""
    assert found(tmp_path, "a = b\nb = a\na.run()", "a = a.next()\na.serve()") is None


def test_a_call_knows_its_line_and_statement(tmp_path: Path) -> None:
    """So that the notebook can be cut above it."""
    source = "import uvicorn\n\nif True:\n    uvicorn.run(app)"
    read = page.read(write_notebook(tmp_path / "a.ipynb", source))
    (call,) = serving_calls(read, collect(cell.tree for cell in read.cells))
    assert (call.form, call.line, call.is_certain) == ("uvicorn.run", 4, False)
    assert call.statement is not None
    assert call.statement.lineno == 3
