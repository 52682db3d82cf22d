"""What can be seen in a notebook before it runs."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from support import write_notebook

from runner.notebook.document import read
from runner.notebook.signs import Signs, signs_of


def seen(folder: Path, *cells: str) -> Signs:
    return signs_of(read(write_notebook(folder / "a.ipynb", *cells)))


@pytest.mark.parametrize(
    ("source", "servers"),
    [
        ("import uvicorn as u", ["uvicorn"]),
        ("from wsgiref.simple_server import make_server", ["wsgiref.simple_server"]),
        ("from http import server", ["http.server"]),
        ("%matplotlib inline\nimport uvicorn\n!ls", ["uvicorn"]),
        ("def go():\n    from uvicorn import run", ["uvicorn"]),
        ("import importlib\nimportlib.import_module('uvicorn')", ["uvicorn"]),
        ("__import__('waitress').serve", ["waitress"]),
        ("import hypercorn.asyncio", ["hypercorn"]),
        ("import http.client, numpy, uvicornish", []),
        ("import socketserver", []),  # it may speak anything
        ("not python at all", []),
    ],
)
def test_servers_are_seen_however_they_are_imported(
    tmp_path: Path, source: str, servers: list[str]
) -> None:
    """At any depth, by any name, as strings too; what is no server does not count."""
    assert seen(tmp_path, source).servers == servers


def test_this_package_is_not_the_notebooks_own(tmp_path: Path) -> None:
    """In our own repository it lies in the working folder, and imports every server."""
    (tmp_path / "runner").mkdir()
    (tmp_path / "runner/__init__.py").write_text("import uvicorn")
    found = seen(tmp_path, "from runner import serve\nserve(model)")
    assert (found.servers, found.needs_adoption) == ([], False)


def test_modules_beside_the_notebook_are_looked_through(tmp_path: Path) -> None:
    """A server in a helper module, in a package, behind another module, in a script."""
    (tmp_path / "mycode.py").write_text("from deeper.still import start")
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper/__init__.py").write_text("from . import other")
    (tmp_path / "deeper/still.py").write_text("import mycode, uvicorn")
    (tmp_path / "script.py").write_text("import waitress")
    assert seen(tmp_path, "from mycode import start").servers == ["uvicorn"]
    assert seen(tmp_path, "%run -i script.py").servers == ["waitress"]
    assert seen(tmp_path, "import nowhere").servers == []


@pytest.mark.parametrize(
    ("source", "apps"),
    [
        ("app = make()", ["app"]),
        ("async def application(scope, receive, send): pass", ["application"]),
        ("from mine import made as app", ["app"]),
        ("if x:\n    app = 1", ["app"]),
        ("def f():\n    app = 1", []),
        ("app.x = 1; other = app", []),
    ],
)
def test_names_of_apps_are_seen(tmp_path: Path, source: str, apps: list[str]) -> None:
    """Wherever a cell binds them for all cells."""
    assert seen(tmp_path, source).apps == apps


@pytest.mark.parametrize(
    ("last", "ends_serving"),
    [
        ("uvicorn.run(app)", True),
        ("await server.serve()", True),
        ("while True:\n    httpd.handle_request()", True),
        ("threading.Thread(target=lambda: uvicorn.run(app)).start()", False),
        ("asyncio.create_task(server.serve())", False),
        ("start()", False),
    ],
)
def test_a_last_cell_that_serves_is_recognised(
    tmp_path: Path, last: str, ends_serving: bool
) -> None:
    """A call in a thread or a task does not hold the cell, nor need one that we cannot see."""
    assert seen(tmp_path, "import uvicorn", last, "").ends_serving is ends_serving


@pytest.mark.parametrize(
    ("source", "sockets"),
    [
        ("from aiohttp import web", ["aiohttp.web"]),
        ("import aiohttp; aiohttp.ClientSession()", []),
        ("from tornado.web import Application", ["tornado"]),
        ("import socket\nown = socket.socket()\nown.listen()", ["socket"]),
        ("import socket; socket.gethostname()", []),
        ("import asyncio\nawait asyncio.start_server(talk, port=1)", ["asyncio"]),
        ("import asyncio; asyncio.run(main())", []),
        ("from socketserver import TCPServer\nclass Mine(TCPServer): pass", ["socketserver"]),
    ],
)
def test_sockets_of_its_own_are_seen(tmp_path: Path, source: str, sockets: list[str]) -> None:
    """What may listen, as opposed to what only asks others."""
    found = seen(tmp_path, source)
    assert (found.sockets, found.is_one_process) == (sockets, bool(sockets))


def test_a_notebook_without_a_sign_cannot_share_sockets(tmp_path: Path) -> None:
    """Whether it is supervised is decided before anything starts."""
    assert not seen(tmp_path, "import numpy", "x = 1").can_share_sockets
    assert seen(tmp_path, "from runner import serve").can_share_sockets
    assert dataclasses.replace(seen(tmp_path, "1"), apps=["app"]).can_share_sockets
