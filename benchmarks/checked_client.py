"""Ask a service all the time from processes of their own, and check what every answer says."""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import json
import multiprocessing
import queue
import time
import uuid
from collections.abc import Iterator
from typing import Any

FORKS = multiprocessing.get_context("fork")
# What is asked. A version that is saved says its number.
PREDICT = """
import os
VERSION = {version}
def predict(x: int, nonce: str) -> dict:
    return {{"double": 2 * x, "nonce": nonce, "version": VERSION, "pid": os.getpid()}}
"""
SERVE = 'from runner import serve\nserve(predict, example={"x": 1, "nonce": "an example"})'


def cells_of(version: int) -> tuple[str, str]:
    """Give the cells of a version."""
    return PREDICT.format(version=version), SERVE


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fault:
    """Say that a request was not answered rightly.

    Attributes:
        began: When it was begun, by the monotonic clock, in seconds.
        ended: When it was known.
        said: The status, the error, or what was wrong in the answer.
        is_wrong: An answer came whose content is wrong.
    """

    began: float
    ended: float
    said: str
    is_wrong: bool = False


class Clients:
    """Ask from so many processes, half of them on connections that they keep, if they may."""

    def __init__(  # noqa: PLR0913 - what a client is
        self,
        port: int,
        number: int,
        *,
        pause: float = 0.0,
        host: str = "127.0.0.1",
        may_keep: bool = True,
        newest: int = 0,
    ) -> None:
        self._host = host
        self._over, self._newest = FORKS.Event(), FORKS.Value("i", newest)
        self._counts = [FORKS.Value("q", 0) for _ in range(number)]
        self._told: Any = FORKS.Queue()
        self.faults: list[Fault] = []
        self._processes = [
            FORKS.Process(
                target=self._run, args=(port, count, may_keep and each % 2 == 0, pause), daemon=True
            )
            for each, count in enumerate(self._counts)
        ]

    @property
    def answered(self) -> int:
        """How many requests were answered rightly."""
        return sum(count.value for count in self._counts)

    def expect(self, version: int) -> None:
        """Take answers of this version for right, too; before it is saved."""
        self._newest.value = version

    def collect(self) -> list[Fault]:
        """Give the faults that came since the last time."""
        new: list[Fault] = []
        with contextlib.suppress(queue.Empty):
            while True:
                new.append(Fault(**self._told.get_nowait()))
        self.faults += new
        return new

    def _run(self, port: int, count: Any, keeps: bool, pause: float) -> None:
        connection = http.client.HTTPConnection(self._host, port, timeout=20)
        number = 0
        while not self._over.is_set():
            number += 1
            began, (said, is_wrong) = time.monotonic(), self._asked(connection, number)
            if said:
                fault = Fault(began=began, ended=time.monotonic(), said=said, is_wrong=is_wrong)
                self._told.put(dataclasses.asdict(fault))
                time.sleep(0.02)  # a port that is closed refuses some thousands a second
            else:
                count.value += 1
            if said or not keeps:
                connection.close()
            if pause:
                time.sleep(pause)

    def _asked(self, connection: http.client.HTTPConnection, number: int) -> tuple[str, bool]:
        """Ask once; give what was wrong, and whether that was an answer's content."""
        nonce = uuid.uuid4().hex
        body = json.dumps({"x": number, "nonce": nonce})
        try:
            connection.request("POST", "/", body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            text, newest = response.read(), self._newest.value
        except (OSError, http.client.HTTPException) as error:
            return type(error).__name__, False
        if response.status != 200:
            return str(response.status), False
        is_right = _is_right(text, number, nonce, newest)
        return ("", False) if is_right else (text.decode(errors="replace"), True)

    def __enter__(self) -> Clients:
        for process in self._processes:
            process.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.collect()  # a queue that is full would keep its writers
        for process in self._processes:
            process.join(30)
            process.kill()
        self.collect()


def _is_right(text: bytes, number: int, nonce: str, newest: int) -> bool:
    try:
        found = json.loads(text)
        said = (found["double"], found["nonce"], found["version"] in range(newest + 1))
    except (ValueError, KeyError, TypeError):
        return False
    return said == (2 * number, nonce, True)


def version_of(port: int, host: str = "127.0.0.1") -> int | None:
    """Ask once on a new connection; give the version that answered, or None."""
    for found in _answer(port, host):
        return int(found["version"])
    return None


def _answer(port: int, host: str) -> Iterator[dict[str, Any]]:
    connection = http.client.HTTPConnection(host, port, timeout=10)
    with (
        contextlib.closing(connection),
        contextlib.suppress(OSError, http.client.HTTPException, ValueError, KeyError),
    ):
        body = json.dumps({"x": 1, "nonce": "n"})
        connection.request("POST", "/", body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        if response.status == 200:
            yield json.loads(response.read())
