"""Workers that hang or are busy: noticed from outside, replaced, and kept from making others wait.

What is busy is so until the test lets it go: nothing here depends on how long anything takes.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from support import Service, is_ready, post, send, until, write_notebook
from support.serving_process import Serving

APP = """
import ctypes, json, os, signal, time
from runner import serve
from runner.http.app_protocol import AppProtocol

def hold():
    while not os.path.exists("released"):
        time.sleep(0.01)

def hang_in_python():
    while True:
        time.sleep(1)

def hang_in_c():
    ctypes.PyDLL(None).sleep(10_000)  # with Python's lock

def hang_stopped():
    os.kill(os.getpid(), signal.SIGSTOP)

async def app(scope, receive, send):
    assert scope["type"] == "http"
    if scope["path"] != "/":
        open("held", "w").close()
        globals()[scope["path"][1:]]()
    content = json.dumps({"pid": os.getpid()}).encode()
    headers = [(b"content-length", b"%d" % len(content))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content})
"""
SLOW = """
import json, os, time
from runner import serve

def app(number: int) -> int:
    if not number:
        open("held", "a").close()
    while not number and not os.path.exists("released"):
        time.sleep(0.01)
    return os.getpid()
"""

WSGI = """
import json, os, time
from runner import serve

def app(environ, start_response):
    if environ["PATH_INFO"] == "/hold":
        open("held", "w").close()
        while not os.path.exists("released"):
            time.sleep(0.01)
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps({"pid": os.getpid()}).encode()]
"""
CELLS = [
    "import os, time",
    "# GET /\nprint(f'{{\"pid\": {os.getpid()}}}')",
    """# GET /hold
open("held", "w").close()
while not os.path.exists("released"):
    time.sleep(0.01)""",
]
STARTS = """
import json, os, time
from runner import serve

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while os.path.exists("hangs"):
            os.remove("hangs")
            time.sleep(3600)
        raise RuntimeError("it knows no lifespan")
    content = json.dumps({"pid": os.getpid()}).encode()
    headers = [(b"content-length", b"%d" % len(content))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content})
    if scope["path"] == "/leave-a-child" and os.fork() == 0:
        time.sleep(3600)
"""

HELD, QUICK = b'{"number": 0}', b'{"number": 1}'

Start = Callable[..., Serving]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    monkeypatch.chdir(tmp_path)
    started: list[Serving] = []

    def begin(source: str = APP, **variables: str) -> Serving:
        started.append(Serving(tmp_path, "workers=2", source, **variables))
        until(lambda: started[-1].is_ready() if source == SLOW else started[-1].try_to_ask())
        return started[-1]

    yield begin
    (tmp_path / "released").touch()
    for serving in started:
        serving.end()


@pytest.mark.parametrize("how", ["in_python", "in_c", "stopped"])
def test_a_worker_that_hangs_is_replaced(start: Start, tmp_path: Path, how: str) -> None:
    """Meanwhile all others are answered; its stacks are in the log."""
    serving = start(RUNNER_HANG_TIMEOUT="1")
    before = {worker.pid for worker in serving.workers()}
    hanging = threading.Thread(target=serving.try_to_ask, args=[f"/hang_{how}"])
    hanging.start()
    until((tmp_path / "held").exists)

    def is_replaced() -> bool:
        serving.ask()
        return len({worker.pid for worker in serving.workers()} - before) == 1

    until(is_replaced)
    hanging.join()
    until(lambda: serving.ask()["pid"] in before)  # who did not hang goes on
    serving.end()
    said = serving.said
    assert "did not turn for 1 s; it was at:" in said
    assert how == "stopped" or f"in hang_{how}" in said  # what was stopped has gone on by then


def test_requests_do_not_wait_for_a_worker_that_blocks(start: Start, tmp_path: Path) -> None:
    """While one of two is held, twelve on connections of their own are answered by the other."""
    serving = start()
    held = threading.Thread(target=serving.ask, args=["/hold"])
    held.start()
    until((tmp_path / "held").exists)
    pids = {serving.ask()["pid"] for _ in range(12)}
    assert len(pids) == 1
    assert not (tmp_path / "released").exists()
    (tmp_path / "released").touch()
    held.join()


def test_requests_do_not_wait_for_a_worker_whose_model_is_called(
    start: Start, tmp_path: Path
) -> None:
    """Its loop turns, and yet it leaves new connections to the one that is free."""
    serving = start(SLOW, RUNNER_PREDICT_TIMEOUT="60")
    held = threading.Thread(target=post, args=[serving.port, HELD])
    held.start()
    until((tmp_path / "held").exists)
    pids = {post(serving.port, QUICK)[1] for _ in range(12)}
    assert len(pids) == 1
    (tmp_path / "released").touch()
    held.join()


def test_requests_do_not_wait_for_a_worker_of_wsgi_that_is_full(
    start: Start, tmp_path: Path
) -> None:
    """What may not be begun there is begun by the other, and nobody is refused."""
    serving = start(WSGI, RUNNER_MAX_CONCURRENCY="1")
    held = threading.Thread(target=serving.ask, args=["/hold"])
    held.start()
    until((tmp_path / "held").exists)
    assert len({serving.ask()["pid"] for _ in range(12)}) == 1
    (tmp_path / "released").touch()
    held.join()


def test_requests_do_not_wait_for_a_worker_that_runs_a_cell(tmp_path: Path) -> None:
    """Of a notebook with annotated cells, under a supervisor."""
    write_notebook(tmp_path / "a.ipynb", *CELLS)
    words = ("serve", "a.ipynb", "--port", "0", "--workers", "2", "--no-standby")
    service = Service(*words, cwd=tmp_path)

    def ask(path: str) -> tuple[int, bytes]:
        status, _, body = send(port, b"", method="GET", path=path)
        return status, body

    try:
        port = service.bound_port()
        until(lambda: is_ready(port, service))
        held = threading.Thread(target=ask, args=["/hold"])
        held.start()
        until((tmp_path / "held").exists)
        answers = {ask("/") for _ in range(12)}
        assert [status for status, _ in answers] == [200]
        (tmp_path / "released").touch()
        held.join()
    finally:
        service.end()


def test_a_worker_that_hangs_as_it_starts_is_replaced(start: Start, tmp_path: Path) -> None:
    """It may take longer than those before it by the timeout, and no longer."""
    serving = start(STARTS, RUNNER_HANG_TIMEOUT="0.5")
    before = serving.workers()
    (tmp_path / "hangs").touch()
    before[0].kill()
    until(lambda: not (tmp_path / "hangs").exists())
    until(lambda: {serving.ask()["pid"] for _ in range(6)} - {each.pid for each in before})
    serving.end()
    assert "was not ready after" in serving.said


def test_a_worker_that_died_is_replaced_though_its_child_lives(start: Start) -> None:
    """Which has all that the worker had open, among it what tells of its end."""
    serving = start(STARTS)
    before = {worker.pid for worker in serving.workers()}
    died = serving.ask("/leave-a-child")["pid"]
    until(lambda: psutil.Process(died).children())
    os.kill(died, signal.SIGKILL)
    until(lambda: len({worker.pid for worker in serving.workers()} - before) == 1)


def test_a_call_of_predict_that_never_returns_is_answered_and_its_worker_replaced(
    start: Start,
) -> None:
    """504 within the timeout; the other worker goes on, and the log says where it hung."""
    serving = start(SLOW, RUNNER_PREDICT_TIMEOUT="2", RUNNER_LINGER="0.1")
    before = {worker.pid for worker in serving.workers()}
    assert post(serving.port, HELD)[0] == 504
    assert {post(serving.port, QUICK)[0] for _ in range(12)} == {200}
    until(lambda: len({worker.pid for worker in serving.workers()} - before) == 1)
    serving.end()
    assert "in app" in serving.said
