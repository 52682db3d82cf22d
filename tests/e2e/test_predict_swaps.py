"""The fast route under the real supervisor: swaps, replaced workers and a stop lose no request."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support import RUNNER, Service, until, write_notebook

BODY = b'{"x": 1.5}'
CELLS = """
class Model:
    def predict(self, rows):
        return [SIGN * row[0] for row in rows]
"""
SERVE = """
from runner import serve
serve(Model(), example={"x": 1.5})
"""


def save(folder: Path, sign: int) -> None:
    write_notebook(folder / "new", f"SIGN = {sign}", CELLS, SERVE).rename(folder / "a.ipynb")


def parts(connection: http.client.HTTPConnection) -> tuple[int, bytes, bool]:
    """Ask once: the status, the answer, and whether the connection ends."""
    connection.request("POST", "/", BODY, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    return answer.status, answer.read(), answer.will_close


class Load:
    """Clients that ask all the time, on connections that they keep as long as they may."""

    def __init__(self, port: int, clients: int = 4) -> None:
        self.answers: list[bytes] = []
        self.lost: list[str] = []
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=[port]) for _ in range(clients)]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> Load:
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(20)

    def _ask(self, port: int) -> None:
        while not self._over.is_set():
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
            try:
                ends = False
                while not (ends or self._over.is_set()):
                    status, said, ends = parts(connection)
                    (self.answers if status == 200 else self.lost).append(said)  # type: ignore[arg-type]
            except (OSError, http.client.HTTPException) as error:
                self.lost.append(repr(error))
            finally:
                connection.close()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    save(tmp_path, 1)
    return tmp_path


@pytest.fixture
def served(project: Path, start: type[Service], port: int) -> Iterator[Any]:
    def begin(*words: str) -> Service:
        service = start(
            "serve", "a.ipynb", "--port", str(port), "--linger", "1", *words, cwd=project
        )
        until(lambda: service.process.poll() is not None or is_up(port), 60)
        assert service.process.poll() is None, service.said()
        return service

    return begin


def is_up(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        return parts(connection)[0] == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def scrape(port: int) -> dict[str, float]:
    """The predictions answered well, as any worker tells them."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    connection.close()
    return {name: float(value) for name, value in re.findall(r"^(\S+) (\S+)$", text, re.MULTILINE)}


def test_swaps_under_load_lose_no_request(served: Any, project: Path, port: int) -> None:
    """Kept-alive clients are told when to come anew, and each of their requests is answered."""
    served("--reload", "--workers", "2", "--no-access-log")
    with Load(port) as load:
        for sign in (2, 3):
            save(project, sign)
            expected = json.dumps({"prediction": sign * 1.5}, separators=(",", ":")).encode()
            until(lambda expected=expected: load.answers[-1:] == [expected], 60)
    assert load.lost == []
    assert len(set(load.answers)) == 3


def test_a_stop_under_load_loses_no_request_that_was_taken(served: Any, port: int) -> None:
    """What came before the listener closed is answered; after that nobody is there."""
    service = served("--no-access-log")
    with Load(port, 3) as load:
        until(lambda: len(load.answers) > 200)
        assert service.stop() == 0
    refused = [each for each in load.lost if "ConnectionRefused" in str(each)]
    assert load.lost == refused


def test_a_killed_worker_s_numbers_stay(served: Any, port: int) -> None:
    """The sum over all workers never falls; the new worker goes on in its slot."""
    service = served("--workers", "2", "--no-access-log")
    with Load(port) as load:
        until(lambda: len(load.answers) > 500)

    def answered() -> float:
        return sum(
            value
            for name, value in scrape(port).items()
            if "requests_total" in name and 'status="200"' in name and 'endpoint="' in name
        )

    before = until(lambda: (count := answered()) >= len(load.answers) and count)
    status = service_status(service)
    pid = status["serving"]["workers"][0]
    os.kill(pid, signal.SIGKILL)
    until(lambda: pid not in service_status(service)["serving"]["workers"])
    assert all(answered() >= before for _ in range(8))


def service_status(service: Service) -> Any:

    shown = subprocess.run(
        [*RUNNER, "status", "a.ipynb", "--format", "json"],
        cwd=service.cwd,
        capture_output=True,
        check=True,
        timeout=60,
    )
    return json.loads(shown.stdout)
