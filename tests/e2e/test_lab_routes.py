"""What Jupyter's server answers of served notebooks, with a real one and a real supervisor."""

from __future__ import annotations

import contextlib
import http.client
from collections.abc import Iterator
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
from support import post, send, until, write_notebook
from support.jupyter_server import COCKPIT, PATH, VERSIONS, JupyterServer
from support.lab_client import TOKEN, ask

from runner.supervise import control

DOUBLED = "def doubled(x: int) -> int:\n    return x * {factor}"
SERVE = "from runner import serve\nserve(doubled, example={'x': 1})"
BROKEN = "a = 1\nb = a / 0"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Jupyter's root folder, with a notebook in it and one beside it."""
    above = tmp_path_factory.mktemp("jupyter")
    write_notebook(above / "other.ipynb", "1")
    folder = above / "root"
    save(folder)
    return folder


@pytest.fixture(scope="module")
def jupyter(folder: Path) -> Iterator[JupyterServer]:
    server = JupyterServer(folder)
    try:
        server.wait_up()
        yield server
        server.stop()
    finally:
        server.end()


def save(folder: Path, *before: str, factor: int = 2) -> None:
    write_notebook(folder / "a.ipynb", *before, DOUBLED.format(factor=factor), SERVE)


def order(server: JupyterServer, what: str, path: str = "a.ipynb", **more: str) -> tuple[int, Any]:
    """Order something, and wait for its outcome, which may be another version that serves."""
    body = {"path": path, "do": what, **more}
    return ask(server.port, PATH, "POST", token=TOKEN, body=body, timeout=90)


def doubled_of(state: dict[str, Any]) -> Any:
    return post(urlsplit(state["url"]).port or 0, b'{"x": 4}')


def test_nobody_is_answered_without_the_token(jupyter: JupyterServer) -> None:
    """Neither a question nor an order."""
    assert ask(jupyter.port, f"{PATH}?path=a.ipynb")[0] == 403
    body = {"path": "a.ipynb", "do": "serve"}
    assert ask(jupyter.port, PATH, "POST", body=body)[0] == 403
    assert jupyter.state("a.ipynb") == {"state": "not served"}


def test_a_page_of_another_site_orders_nothing(jupyter: JupyterServer) -> None:
    """The cookie of who is signed in is not enough: a page of Jupyter's own says a word besides."""
    connection = http.client.HTTPConnection("127.0.0.1", jupyter.port, timeout=10)
    with contextlib.closing(connection):
        connection.request("GET", f"/api/status?token={TOKEN}")
        answer = connection.getresponse()
        answer.read()
    cookies: SimpleCookie = SimpleCookie()
    for line in answer.headers.get_all("Set-Cookie") or []:
        cookies.load(line)
    headers = {"Cookie": "; ".join(f"{name}={each.value}" for name, each in cookies.items())}
    assert ask(jupyter.port, "/api/contents", headers=headers)[0] == 200
    body = {"path": "a.ipynb", "do": "serve"}
    assert ask(jupyter.port, PATH, "POST", body=body, headers=headers)[0] == 403


@pytest.mark.parametrize("path", ["../other.ipynb", "%2e%2e/other.ipynb", "no.ipynb", "%00"])
def test_no_path_leads_out_of_the_root_folder(jupyter: JupyterServer, path: str) -> None:
    """What lies elsewhere is as good as missing."""
    assert ask(jupyter.port, f"{PATH}?path={path}", token=TOKEN)[0] == 404
    assert order(jupyter, "serve", "../other.ipynb")[0] == 409


@pytest.mark.parametrize("body", [None, [], {"path": "a.ipynb", "do": "kill"}, {"do": "stop"}])
def test_what_is_no_order_is_refused(jupyter: JupyterServer, body: Any) -> None:
    """It says which there are."""
    status, said = ask(jupyter.port, PATH, "POST", token=TOKEN, body=body)
    assert status == 400
    assert "rollback" in said["message"]


def test_the_cockpit_is_started_once(jupyter: JupyterServer) -> None:
    """Its address has the token that lets in. It ends with Jupyter: see below."""
    words: dict[str, Any] = {"method": "POST", "token": TOKEN, "body": {"path": "a.ipynb"}}
    words["timeout"] = 90  # it is started
    assert ask(jupyter.port, COCKPIT, "POST", body={"path": "a.ipynb"})[0] == 403
    status, address = ask(jupyter.port, COCKPIT, **words)
    assert (status, address) == (200, ask(jupyter.port, COCKPIT, **words)[1])
    found = urlsplit(address)
    port = found.port or 0
    assert send(port, b"", method="GET", path=f"/?{found.query}")[0] in (200, 303)
    assert send(port, b"", method="GET", path="/")[0] in (401, 403)


def test_a_service_that_does_not_come_up_says_why(jupyter: JupyterServer, folder: Path) -> None:
    """The last words of its process are those of the badge; its name is no option."""
    (folder / "-bad.ipynb").write_text("{}")
    assert order(jupyter, "serve", "-bad.ipynb")[0] == 200
    assert "-bad.ipynb" in jupyter.wait_for("-bad.ipynb", "failed")["failure"]["reason"]
    logs = folder / "runs/serve-logs"
    assert [*logs.iterdir()] == [logs / "-bad.log"]


def test_each_service_has_a_log_of_its_own(jupyter: JupyterServer, folder: Path) -> None:
    """It was called by the parts of a path in a row, and two paths may have the same."""
    for name in ("c-d/e.ipynb", "c/d-e.ipynb"):
        (folder / name).parent.mkdir()
        (folder / name).write_text("{}")
        assert order(jupyter, "serve", name)[0] == 200
    for name in ("c-d/e", "c/d-e"):
        failure = jupyter.wait_for(f"{name}.ipynb", "failed")["failure"]
        assert f"{name}.ipynb" in failure["reason"]
        assert failure["at"] == str(folder / f"runs/serve-logs/{name}.log")


def test_a_notebook_is_served_broken_mended_and_stopped(
    jupyter: JupyterServer, folder: Path
) -> None:
    """By orders and saves alone; what serves outlives a broken save and the end of Jupyter."""
    assert order(jupyter, "stop")[0] == 409
    assert order(jupyter, "serve") == (200, {"ok": True, "reason": ""})
    assert order(jupyter, "serve")[0] == 409
    state = jupyter.wait_for("a.ipynb", "serving")
    assert state["record"] == "runs/a/out.ipynb"
    assert doubled_of(state) == (200, 8)

    supervisor = psutil.Process(control.ask(folder / "runs/a", "status")["pid"])
    supervisor.suspend()
    jupyter.wait_for("a.ipynb", "silent")  # and no question of Jupyter's waited for that
    supervisor.resume()
    jupyter.wait_for("a.ipynb", "serving")

    save(folder, BROKEN)
    failed = jupyter.wait_for("a.ipynb", "failed")
    assert failed["version"] == state["version"]
    cell = failed["failure"]["cell"]
    assert (cell["cell"], cell["cell_id"], cell["line"]) == (1, "cell-0", 2)
    assert (cell["error"], cell["value"]) == ("ZeroDivisionError", "division by zero")
    assert doubled_of(failed) == (200, 8)

    jupyter.stop()
    other = JupyterServer(folder)
    try:
        other.wait_up()
        assert other.wait_for("a.ipynb", "failed")["failure"] == failed["failure"]
        save(folder, factor=3)
        mended = other.wait_for("a.ipynb", "serving")
        until(lambda: doubled_of(mended) == (200, 12))  # the one before may answer a last time
        (before,) = ask(other.port, f"{VERSIONS}?path=a.ipynb", token=TOKEN)[1]
        assert before["sha256"] == state["version"]["sha256"]
        assert order(other, "rollback", version=before["sha256"])[1]["ok"]
        until(lambda: doubled_of(mended) == (200, 8))
        assert order(other, "stop")[1]["ok"]
        other.wait_for("a.ipynb", "not served")
        until(lambda: jupyter.family() == [])
        other.stop()
    finally:
        other.end()
