"""Where a served app runs: in the thread, with the context and on the loop of the call."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support import Service, post, reserved_port, until, write_notebook
from support.serving_process import Serving

SET = """
import contextvars, decimal, json, sqlite3, sys, threading
decimal.getcontext().prec = 50
variable = contextvars.ContextVar("variable", default="lost")
variable.set("kept")
local = threading.local()
local.value = "kept"
database = sqlite3.connect(":memory:")
database.execute("create table t as select 7 as x")

def found():
    return {
        "decimal": len(str(decimal.Decimal(1) / 3)) - 2,
        "context": variable.get(),
        "local": local.value,
        "sqlite": database.execute("select x from t").fetchone()[0],
        "is_main": threading.current_thread() is threading.main_thread(),
    }
"""
KEPT = {"decimal": 50, "context": "kept", "local": "kept", "sqlite": 7, "is_main": True}
ASGI = """
import json
async def app(scope, receive, send):
    assert scope["type"] == "http"
    HANG
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": json.dumps(found()).encode()})
"""
SERVE = "from runner import serve\n"

StartServing = Callable[..., Serving]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """An empty folder to serve from."""
    return tmp_path


@pytest.fixture
def serve_alone(tmp_path: Path) -> Iterator[StartServing]:
    started: list[Serving] = []

    def begin(call: str, source: str, **variables: str) -> Serving:
        started.append(Serving(tmp_path, call, source, **variables))
        until(lambda: started[-1].is_ready() or started[-1].process.poll() is not None)
        return started[-1]

    yield begin
    for serving in started:
        serving.end()


@pytest.mark.parametrize("workers", [1, 2])
def test_an_app_finds_what_the_cells_have_set(serve_alone: StartServing, workers: int) -> None:
    """A connection that is for one thread, too: a forked worker goes on in the main one."""
    serving = serve_alone(f"workers={workers}", SERVE + SET + ASGI.replace("HANG", "pass"))
    assert [serving.ask() for _ in range(workers * 4)] == [KEPT] * workers * 4
    os.kill(serving.process.pid, signal.SIGINT)
    assert serving.wait().endswith("ended\n")


def test_what_is_called_in_a_thread_has_the_context_of_the_call(serve_alone: StartServing) -> None:
    """A slow function, or a WSGI app: another thread, with what is set for this one."""
    source = (
        "import sklearn\nfrom runner import serve\nsklearn.set_config(transform_output='pandas')\n"
    )
    wsgi = """
def app(environ, start_response):
    found = [len(str(decimal.Decimal(1) / 3)) - 2, variable.get()]
    found += [sklearn.get_config()["transform_output"]]
    variable.set("changed by a request")
    start_response("200 OK", [])
    return [json.dumps(found).encode()]
"""
    serving = serve_alone("workers=1", source + SET + wsgi)
    assert [serving.ask() for _ in range(3)] == [[50, "kept", "pandas"]] * 3


def test_an_app_that_hangs_in_the_main_thread_is_interrupted(
    tmp_path: Path, serve_alone: StartServing
) -> None:
    """When it has not drained in its time; the cell ends, and says so."""
    hang = (
        f"import pathlib, time; pathlib.Path({str(tmp_path / 'hangs')!r}).touch(); time.sleep(60)"
    )
    source = SERVE + SET + ASGI.replace("HANG", hang)
    serving = serve_alone("workers=1", source, RUNNER_LINGER="0", RUNNER_DRAIN_TIMEOUT="0.2")
    with socket.create_connection(("127.0.0.1", serving.port)) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        until((tmp_path / "hangs").exists)
        os.kill(serving.process.pid, signal.SIGINT)
        assert "KeyboardInterrupt: the app did not end within its time" in serving.wait()


OF_ONE_THREAD = """
import time
from wsgiref.simple_server import make_server
def app(environ, start_response):
    if environ["PATH_INFO"] == "/hang":
        print("it hangs", flush=True)
        time.sleep(60)
    start_response("200 OK", [])
    return [json.dumps(found()).encode()]
make_server("", 9000, app).serve_forever()
"""


@pytest.mark.parametrize("workers", [1, 2])
def test_a_server_of_one_thread_has_its_app_called_where_the_cells_ran(
    tmp_path: Path, start: type[Service], workers: int
) -> None:
    """As its author ran it; a call that does not end is interrupted when the service stops."""
    write_notebook(tmp_path / "a.ipynb", SET, OF_ONE_THREAD)
    port = reserved_port()
    words = ["--workers", str(workers), "--linger", "0", "--drain-timeout", "0.2", "--no-standby"]
    service = start("serve", "a.ipynb", "--port", str(port), *words)
    service.wait_ready(port, 60)
    assert [post(port) for _ in range(workers * 4)] == [(200, KEPT)] * workers * 4
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"GET /hang HTTP/1.1\r\nHost: localhost\r\n\r\n")
        until(lambda: "it hangs" in service.said())
        assert service.stop() == 0, service.said()


ON_THE_LOOP = """
import asyncio, json, uvicorn
ticks, asked = 0, asyncio.Queue()

async def tick():
    global ticks
    while True:
        ticks += 1
        await asyncio.sleep(0.01)

async def answer():
    while True:
        number, answered = await asked.get()
        answered.set_result([number * 2, ticks])

async def app(scope, receive, send):
    assert scope["type"] == "http"
    answered = asyncio.get_running_loop().create_future()
    await asked.put((21, answered))
    body = json.dumps(await asyncio.wait_for(answered, 10)).encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})

tasks = [asyncio.create_task(each()) for each in (tick, answer)]
"""
SERVER = "server = uvicorn.Server(uvicorn.Config(app, port=PORT))\n"
ON_THE_LOOP_CALLS = {
    "awaited": [SERVER + "await server.serve()"],
    "in a task": [SERVER + "serving = asyncio.create_task(server.serve())"],
    "in a task of a cell that goes on": [SERVER + "await asyncio.gather(server.serve(), tick())"],
    "nested": ["import nest_asyncio; nest_asyncio.apply()\nuvicorn.run(app, port=PORT)"],
    "left by its name": [],
}


@pytest.mark.parametrize("how", ON_THE_LOOP_CALLS)
def test_what_was_begun_on_the_notebooks_loop_goes_on_there(
    how: str, tmp_path: Path, start: type[Service]
) -> None:
    """Tasks of earlier cells turn, and answer what requests ask them."""
    port = reserved_port()
    calls = [call.replace("PORT", str(reserved_port())) for call in ON_THE_LOOP_CALLS[how]]
    write_notebook(tmp_path / "a.ipynb", ON_THE_LOOP, *calls)
    service = start("serve", "a.ipynb", "--port", str(port), "--no-standby", "--grace", "2")
    service.wait_ready(port, 60)

    def ask() -> Any:
        status, answer = post(port)
        assert status == 200, service.said()
        return answer

    first, before = ask()
    until(lambda: ask()[1] > before)
    assert first == 42
    assert service.stop() == 0, service.said()


def test_a_connection_is_made_anew_in_each_worker(
    tmp_path: Path, serve_alone: StartServing
) -> None:
    """By a function with `@on_fork`; without one, the connection that all share is named."""
    connects = f"""
import os, sqlite3
from runner import on_fork

def connect():
    global database, made_by
    database, made_by = sqlite3.connect({str(tmp_path / "data.db")!r}), os.getpid()
    database.execute("create table if not exists t (x)")

connect()

def found():
    is_open = bool(database.execute("select 1"))
    return {{"worker": os.getpid(), "made by": made_by, "is open": is_open}}
"""
    shares = serve_alone("workers=2", SERVE + connects + ASGI.replace("HANG", "pass"))
    assert {shares.ask()["made by"] for _ in range(8)} == {shares.process.pid}
    mended = serve_alone(
        "workers=2", SERVE + connects + "on_fork(connect)\n" + ASGI.replace("HANG", "pass")
    )
    answers = [mended.ask() for _ in range(8)]
    assert all(each["made by"] == each["worker"] != mended.process.pid for each in answers)
    assert all(each["is open"] for each in answers)
    for serving in (shares, mended):
        os.kill(serving.process.pid, signal.SIGINT)
        serving.wait()
    assert "data.db was opened before the workers were forked" in shares.said
    assert "data.db" not in mended.said


def test_where_nothing_can_be_forked_one_process_answers_for_all(serve_alone: StartServing) -> None:
    """Each of the listeners is accepted from, and the reason is said."""
    torch = """
import os, sys, types
cuda = types.SimpleNamespace(is_initialized=lambda: True)
sys.modules["torch"] = types.SimpleNamespace(cuda=cuda)
def found():
    return os.getpid()
"""
    serving = serve_alone("workers=3", SERVE + torch + ASGI.replace("HANG", "pass"))
    assert {serving.ask() for _ in range(20)} == {serving.process.pid}
    os.kill(serving.process.pid, signal.SIGINT)
    said = "CUDA (torch) is in use, so no worker can be forked: one process serves"
    assert said in serving.wait()


IN_A_THREAD = """
import threading, urllib.request, uvicorn
async def app(scope, receive, send):
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b'"VERSION"'})
server = uvicorn.Server(uvicorn.Config(app, port=PORT))
threading.Thread(target=server.run, daemon=True).start()
while not server.started: pass
"""
ASKS_ITSELF = "assert b'VERSION' in urllib.request.urlopen('http://localhost:PORT/').read()"


def test_cells_ask_the_server_that_they_have_started(tmp_path: Path, start: type[Service]) -> None:
    """At its own port they get its own answer, also where another version serves at that port."""
    port = reserved_port()

    def save(version: str) -> None:
        cells = [
            cell.replace("VERSION", version).replace("PORT", str(port))
            for cell in (IN_A_THREAD, ASKS_ITSELF)
        ]
        write_notebook(tmp_path / "a.ipynb", *cells)

    save("first")
    service = start("serve", "a.ipynb", "--port", str(port), "--workers", "2", "--reload")
    service.wait_ready(port, 60)
    assert post(port) == (200, "first")
    save("second")
    until(lambda: post(port)[1] == "second")
    assert service.stop() == 0
    assert "tasks of the notebook" not in service.said(), "it has none"
