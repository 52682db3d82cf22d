"""What a service is asked is counted, whatever serves, and goes on over versions."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support import Service, is_ready, send, until, write_notebook

from runner.supervise import control

ASGI = """
async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    status = 500 if scope["path"] == "/fails" else 204
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": b""})
import uvicorn
uvicorn.run(app)
"""
WSGI = """
def app(environ, start_response):
    start_response("500 Oh" if environ["PATH_INFO"] == "/fails" else "200 OK", [])
    return [b""]
from wsgiref.simple_server import make_server
make_server("", 8000, app).serve_forever()
"""


def traffic(folder: Path) -> Any:
    return control.ask(folder, "status")["traffic"]


def points(folder: Path) -> Any:
    return control.ask(folder, "history")["points"]


@pytest.mark.parametrize("code", [ASGI, WSGI], ids=["asgi", "wsgi"])
def test_an_app_is_counted_by_the_server(
    code: str, tmp_path: Path, start: Callable[..., Service]
) -> None:
    """Its answers and failures, not health; the sums go on when another version serves."""
    write_notebook(tmp_path / "a.ipynb", code)
    service = start("serve", "a.ipynb", "--port", "0", "--no-standby", cwd=tmp_path)
    port, folder = service.bound_port(), tmp_path / "runs/a"
    until(lambda: is_ready(port, service), 60)
    for path in ("/well", "/well", "/fails", "/healthz", "/readyz"):
        send(port, method="GET", path=path)
    until(lambda: traffic(folder)["requests"] == 3)
    assert (traffic(folder)["errors"], traffic(folder)["in_flight"]) == (1, 0)
    assert control.ask(folder, "reload")["ok"]
    send(port, method="GET", path="/fails")
    until(lambda: traffic(folder)["requests"] == 4)
    assert traffic(folder)["errors"] == 2
    assert traffic(folder)["p99"] is not None
    pattern = f"runner-{service.process.pid}-*/counts-*.json"
    until(lambda: len([*Path(tempfile.gettempdir()).glob(pattern)]) == 1)


def test_each_worker_has_its_memory_in_the_history(
    tmp_path: Path, start: Callable[..., Service]
) -> None:
    """Besides that of all processes together, of which they are a part."""
    write_notebook(tmp_path / "a.ipynb", ASGI)
    words = ["serve", "a.ipynb", "--port", "0", "--no-standby", "--workers", "2"]
    service = start(*words, cwd=tmp_path)
    port = service.bound_port()
    until(lambda: is_ready(port, service), 60)
    known = len(points(tmp_path / "runs/a"))
    point = until(lambda: points(tmp_path / "runs/a")[known:])[-1]
    workers = point["worker_memory"]
    assert len(workers) == 2
    assert min(workers) > 1_000_000
    assert sum(workers) < point["memory"]
