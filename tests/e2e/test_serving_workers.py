"""The workers of one run: threads and forked processes, replaced when they die, drained at the end.

Each test runs ``serve`` in a process of its own, because a process that tests has threads
that a kernel has not.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from support import until
from support.serving_process import Serving

APP = """
import json, os, sys, time
import numpy as np
from runner import serve

async def app(scope, receive, send):
    assert scope["type"] == "http"
    path = scope["path"]
    if path == "/die":
        os.kill(os.getpid(), 9)
    if path == "/print":
        print("printed by", os.getpid())
    if path == "/grow":
        app.held = bytearray(os.urandom(60_000_000))
    if path == "/slow":
        open(f"{__file__}.{os.urandom(4).hex()}.slow", "w").close()
        time.sleep(0.5)
    facts = {"pid": os.getpid(), "random": float(np.random.random()), "model": id(MODEL)}
    content = json.dumps(facts).encode()
    headers = [(b"content-length", b"%d" % len(content))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content})

MODEL = bytearray(50_000_000)
"""

ONLY_HTTP = 'assert scope["type"] == "http"'
BREAKABLE = """if scope["type"] == "lifespan":
        if os.path.exists(__file__ + ".broken"):
            END
        for phase in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{phase}.complete"})
        return
    if scope["path"] == "/die":
        open(__file__ + ".broken", "w").close()"""

Start = Callable[..., Serving]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[Serving] = []

    def begin(call: str, source: str = APP, **variables: str) -> Serving:
        started.append(Serving(tmp_path, call, source, **variables))
        until(lambda: started[-1].try_to_ask() or started[-1].process.poll() is not None)
        return started[-1]

    yield begin
    for serving in started:
        serving.end()


def test_one_worker_is_a_thread(start: Start) -> None:
    """Nothing is forked for it; an interrupt ends it and the cell goes on."""
    serving = start("workers=1")
    assert serving.ask()["pid"] == serving.process.pid
    serving.process.send_signal(signal.SIGINT)
    assert serving.wait().endswith("ended\n")
    assert serving.process.returncode == 0


def test_more_workers_are_processes_that_share_the_work(start: Start) -> None:
    """Each has its listener; with many connections, none has less than a third of them."""
    serving = start("workers=2")
    counts = Counter(serving.ask()["pid"] for _ in range(200))
    assert set(counts) == {worker.pid for worker in serving.workers()}
    assert min(counts.values()) > 60


def test_forked_workers_draw_their_own_random_numbers(start: Start) -> None:
    """Two workers never answer the same sequence."""
    serving = start("workers=2")
    answers = [serving.ask()["random"] for _ in range(50)]
    assert len(set(answers)) == 50


def test_the_model_is_not_copied(start: Start) -> None:
    """Four workers on a model of 50 MB together hold it once."""
    serving = start("workers=4")
    for _ in range(40):
        serving.ask()
    held = [worker.memory_full_info().uss for worker in serving.workers()]
    assert max(held) < 30_000_000


def test_a_killed_worker_is_replaced(start: Start) -> None:
    """The others go on, and the dead one's connections wait for the new one."""
    serving = start("workers=2")
    before = {worker.pid for worker in serving.workers()}
    assert serving.try_to_ask("/die") is None
    assert all(serving.ask() for _ in range(20))
    after = {worker.pid for worker in serving.workers()}
    assert len(after) == 2
    assert len(before & after) == 1


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        ("os.kill(os.getpid(), 9)", "was killed by SIGKILL"),
        ('return await send({"type": "lifespan.startup.failed", "message": ""})', "startup failed"),
    ],
    ids=["killed", "failed"],
)
def test_workers_that_cannot_start_any_more_fail_the_run(
    start: Start, end: str, reason: str
) -> None:
    """A crash loop is not hidden: the cell raises, with the last reason."""
    serving = start("workers=2", APP.replace(ONLY_HTTP, BREAKABLE.replace("END", end)))
    assert serving.try_to_ask("/die") is None
    said = serving.wait()
    assert "RuntimeError: 5 workers died within 10 s" in said
    assert reason in said


def test_workers_that_die_of_requests_are_replaced_for_ever(start: Start) -> None:
    """More deaths than make a crash loop, and each time somebody answers again."""
    serving = start("workers=2")
    for _ in range(8):
        assert serving.try_to_ask("/die") is None
        until(serving.try_to_ask)


def test_many_idle_connections_leave_room_for_health(start: Start) -> None:
    """Under a low limit of open files, of which the notebook has taken many already."""
    limit = "import os, resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))\n"
    held = "held = [os.open(os.devnull, os.O_RDONLY) for _ in range(100)]\n"
    serving = start("workers=1", limit + held + APP)
    with contextlib.ExitStack() as opened:
        for _ in range(400):
            opened.enter_context(socket.create_connection(("127.0.0.1", serving.port), 10))
        assert all(serving.is_ready() for _ in range(5))
    serving.end()
    assert 1 <= serving.said.count("connections are open") <= 5


def test_workers_die_with_the_kernel(start: Start) -> None:
    """After kill -9 of the kernel nothing holds the port, not even who could not notice."""
    serving = start("workers=2")
    workers = serving.workers()
    workers[0].suspend()
    serving.process.kill()
    _, alive = psutil.wait_procs(workers, timeout=10)
    for worker in alive:
        worker.kill()  # nobody else would
    assert alive == []
    with socket.create_server(("127.0.0.1", serving.port)):
        pass


def test_prints_of_workers_go_to_the_log(start: Start) -> None:
    """Not into ipykernel's streams, whose threads did not survive the fork."""
    serving = start("workers=2")
    pid = serving.ask("/print")["pid"]
    serving.process.send_signal(signal.SIGINT)
    assert re.search(rf"worker {pid}: printed by {pid} id=\w+\n", serving.wait())


def test_a_worker_is_recycled_after_its_requests(start: Start) -> None:
    """No request is lost while it is replaced, not even with one worker."""
    serving = start("workers=1", RUNNER_MAX_REQUESTS="20")
    pids = []
    deadline = time.monotonic() + 30
    while len(set(pids)) < 3:
        pids.append(serving.ask()["pid"])
        assert time.monotonic() < deadline
    assert serving.process.pid not in pids


def test_a_worker_is_recycled_when_it_has_grown(start: Start) -> None:
    """Memory that a worker holds beyond the bound is given back by replacing it; the log says so.

    The model, which it shares with the kernel, is as large as the bound and does not count.
    """
    serving = start("workers=1", RUNNER_MAX_MEMORY="50")
    first = serving.ask("/grow")["pid"]
    until(lambda: serving.ask()["pid"] != first, 20)
    serving.end()
    assert serving.said.count("its own memory had grown by more than --max-memory") == 1


def test_an_interrupt_loses_no_request(start: Start, tmp_path: Path) -> None:
    """What is in flight in any worker is answered before the cell ends."""
    serving = start("workers=2")
    answers: list[Any] = []
    clients = [
        threading.Thread(target=lambda: answers.append(serving.ask("/slow"))) for _ in range(2)
    ]
    for client in clients:
        client.start()
    until(lambda: len(list(tmp_path.glob("*.slow"))) == 2)
    serving.process.send_signal(signal.SIGINT)
    for client in clients:
        client.join()
    assert all(answers)
    assert serving.wait().endswith("ended\n")


def test_an_app_that_does_not_start_fails_the_cell(start: Start) -> None:
    """Its own words are in the error, whether it was tried in a thread or a process."""
    source = APP + "\nasync def app(scope, receive, send): raise ValueError('no database')\n"
    for workers in (1, 2):
        serving = start(f"workers={workers}, example=1", source)
        assert (
            "RuntimeError: the app failed at its example 1: ValueError: no database"
            in serving.wait()
        )


def test_a_port_in_use_is_the_callers_error(start: Start) -> None:
    """Two services do not silently share a port."""
    serving = start("workers=2")
    done = subprocess.run(
        [sys.executable, "-c", f"{APP}\nserve(app, port={serving.port}, workers=2)"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert "Address already in use" in done.stderr


FORK_STRESS = """
import concurrent.futures, logging, os, select, sys, threading, time
import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from runner.serving import forking

logging.basicConfig(level=logging.INFO)
rng = np.random.default_rng(0)
X, y = rng.random((2000, 8)), rng.integers(0, 2, 2000)
model = HistGradientBoostingClassifier(max_iter=5).fit(X, y)
X @ X.T
pool = concurrent.futures.ThreadPoolExecutor(2)
list(pool.map(abs, range(10)))

def chatter():
    while True:
        print("parent prints"); logging.info("parent logs")

threading.Thread(target=chatter, daemon=True).start()

def child():
    model.predict(X[:50]); X @ X.T; logging.info("child %d", os.getpid()); print("child")
    with concurrent.futures.ThreadPoolExecutor(2) as mine:
        list(mine.map(abs, range(10)))

hung = 0
log_fd = os.open(os.devnull, os.O_WRONLY)
pools = forking.thread_pools()
for _ in range(ROUNDS):
    pids = [forking.fork(child, log_fd, pools) for _ in range(10)]
    for pid in pids:
        fd = os.pidfd_open(pid)
        if select.select([fd], [], [], 60)[0]:
            _, status = os.waitpid(pid, 0)
            assert status == 0, status
        else:
            hung += 1
            os.kill(pid, 9)
        os.close(fd)
os._exit(min(hung, 100))
"""


@pytest.mark.timeout(300)
def test_no_fork_hangs() -> None:
    """BLAS, OpenMP, thread pools, logging and prints work in 80 children of a busy parent."""
    done = subprocess.run(
        [sys.executable, "-c", FORK_STRESS.replace("ROUNDS", "8")],
        env={**os.environ, "OPENBLAS_NUM_THREADS": "2"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, f"how many hung, or: {done.stderr[-2000:]!r}"


HUNG = """
import os, json
from runner import serve
from runner.http.app_protocol import AppProtocol

class App(AppProtocol):
    needs_process = True
    is_spent = False

    async def __call__(self, scope, receive, send):
        assert scope["type"] == "http"
        if scope["path"] == "/die":
            os.kill(os.getpid(), 9)
        App.is_spent |= scope["path"] == "/spend"
        content = json.dumps({"pid": os.getpid()}).encode()
        headers = [(b"content-length", b"%d" % len(content))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": content})

app = App()
"""


def test_an_app_may_ask_for_processes_and_for_their_replacement(start: Start) -> None:
    """Even if there is one worker: what hangs can only be ended with its process."""
    serving = start("", HUNG, RUNNER_LINGER="0.1")
    worker = serving.ask("/spend")["pid"]
    assert worker != serving.process.pid
    until(lambda: (serving.try_to_ask() or {"pid": worker})["pid"] != worker)
