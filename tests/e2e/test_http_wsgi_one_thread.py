"""A WSGI app that one thread calls: the one that serves, and no client holds it for long."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from support import until
from support.served_wsgi import Served

from runner.http import wsgi_call

PATIENCE = 30.0
PIECE = b"x" * 60_000


class App:
    """Tell who calls; wait in `/wait` until it may go on, and give pieces for ever in `/pieces`."""

    def __init__(self) -> None:
        self.goes_on, self.seen = threading.Semaphore(0), list[str]()
        self.within = self.most_within = 0

    def __call__(self, environ: Any, start_response: Any) -> Any:
        path = environ["PATH_INFO"]
        self.seen.append(path)
        self.within += 1
        self.most_within = max(self.most_within, self.within)
        if path == "/wait":
            assert self.goes_on.acquire(timeout=PATIENCE)
        environ["wsgi.input"].read()
        self.within -= 1
        start_response("200 OK", [])
        if path == "/pieces":
            return iter(lambda: PIECE, b"")
        said = [threading.current_thread().name, environ["wsgi.multithread"]]
        return [json.dumps(said).encode()]


@pytest.fixture
def app() -> App:
    return App()


@pytest.fixture
def served(app: App) -> Iterator[Served]:
    served = Served(app, most_threads=1)
    yield served
    for _ in range(9):
        app.goes_on.release()
    served.server.drain()
    served.thread.join(PATIENCE)
    assert not served.thread.is_alive()


def asked_beside(served: Served, path: str) -> tuple[threading.Thread, list[int]]:
    got: list[int] = []
    thread = threading.Thread(target=lambda: got.append(served.ask(path=path)[0]), daemon=True)
    thread.start()
    return thread, got


@pytest.mark.parametrize("size", [0, 100_000])
def test_it_is_called_in_the_thread_that_serves(served: Served, size: int) -> None:
    """Plain requests and others; a database that was opened there is for no other thread."""
    _, _, body = served.ask("POST", body=b"x" * size)
    assert json.loads(body) == [served.thread.name, False]


def test_it_is_called_once_at_a_time(served: Served, app: App) -> None:
    """In the order in which they came; health is answered meanwhile."""
    waits, first = asked_beside(served, "/wait")
    until(lambda: app.seen == ["/wait"])
    others = [asked_beside(served, "/") for _ in range(3)]
    until(lambda: served.adapter.threads.has_calls_behind)
    assert [served.ask(path=path)[0] for path in ("/healthz", "/readyz")] == [200, 200]
    app.goes_on.release()
    for thread, got in [(waits, first), *others]:
        thread.join(PATIENCE)
        assert got == [200]
    assert (app.most_within, app.seen) == (1, ["/wait", "/", "/", "/"])


def test_while_it_is_called_others_are_left_to_other_workers(served: Served, app: App) -> None:
    """The server is told when that begins and when it has ended."""
    said: list[bool] = []
    assert served.ask(path="/healthz")[0] == 200  # it accepts, and is told by now
    served.adapter.has_others = True
    served.adapter.on_busy_changed = lambda: said.append(served.adapter.is_busy)
    waits, _ = asked_beside(served, "/wait")
    until(lambda: said == [True])
    app.goes_on.release()
    waits.join(PATIENCE)
    until(lambda: said == [True, False])


def test_a_thread_is_free_when_the_last_of_those_has_ended_who_waited_for_it(
    served: Served, app: App
) -> None:
    """The server is told by then, too: else it would accept nobody any more."""
    said: list[bool] = []
    assert served.ask(path="/healthz")[0] == 200
    served.adapter.has_others = True
    served.adapter.on_busy_changed = lambda: said.append(served.adapter.is_busy)
    asked = [asked_beside(served, "/wait") for _ in range(3)]
    for number in (1, 2, 3):
        until(lambda number=number: app.seen == ["/wait"] * number)
        until(lambda number=number: number == 3 or served.adapter.threads.has_calls_behind)
        app.goes_on.release()
    for thread, _ in asked:
        thread.join(PATIENCE)
    until(lambda: not said[-1])


def test_who_sends_a_large_body_slowly_holds_up_nobody(served: Served, app: App) -> None:
    """It is whole before the app is called."""
    with socket.create_connection(served.address, timeout=PATIENCE) as slow:
        slow.sendall(b"POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 200001\r\n\r\n")
        slow.sendall(b"x" * 200_000)
        until(lambda: served.server.state.buffers.held >= 200_000)
        assert served.ask()[0] == 200
        assert app.seen == ["/"]
        slow.sendall(b"x")
        assert slow.recv(15) == b"HTTP/1.1 200 OK"


def test_who_takes_nothing_is_cut_when_others_wait(
    served: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Alone it is waited for; the log says why its answer was cut."""
    monkeypatch.setattr(wsgi_call, "_PATIENCE", 0.2)
    with socket.create_connection(served.address, timeout=PATIENCE) as slow:
        slow.sendall(b"GET /pieces HTTP/1.1\r\nHost: a\r\n\r\n")
        assert slow.recv(15) == b"HTTP/1.1 200 OK"
        assert served.ask()[0] == 200
    assert "its client takes none of it, and others wait" in caplog.text
