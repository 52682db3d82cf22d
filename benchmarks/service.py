"""Write a notebook, serve it in a folder of its own, ask it, and load it: what benchmarks share."""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import json
import re
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

APP = """
import json, os, time

async def app(scope, receive, send):
    if scope["type"] != "http":
        raise RuntimeError("http only")
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    if scope["path"] == "/work":
        end = time.thread_time() + 0.002
        while time.thread_time() < end:
            pass
    content = b'{"val": 0, "pid": %d}' % os.getpid()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(content))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content})
"""
SERVE = "from runner import serve\nserve(app)"


class Service:
    """One supervisor on a notebook of ours; it serves once ``path`` answers a JSON object.

    With ``tls`` clients speak that.
    """

    def __init__(
        self,
        folder: Path,
        *words: str,
        cells: tuple[str, ...] = (APP, SERVE),
        path: str = "/",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.folder, self.tls = folder, tls
        self.port = free_port()
        self.save(*cells)
        self.log = folder / "log"
        line = [sys.executable, "-m", "runner", "serve", "a.ipynb", "--port", str(self.port)]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*line, *words],
                cwd=folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            until(lambda: self.ask(path), 60)
        except BaseException:
            self.end()
            raise

    def save(self, *sources: str) -> None:
        """Save the notebook in one step, as Jupyter does."""
        partial = self.folder / "a.tmp"
        partial.write_text(notebook_of(sources))
        partial.replace(self.folder / "a.ipynb")

    def ask(self, path: str = "/") -> dict[str, Any] | None:
        """Ask on a connection of its own; None if it fails."""
        connection = connection_to(self.port, 10, self.tls)
        try:
            connection.request("GET", path)
            return dict(json.loads(connection.getresponse().read()))
        except (OSError, http.client.HTTPException, ValueError):
            return None
        finally:
            connection.close()

    def command(self, *words: str) -> str:
        """Talk to the supervisor by the command line; give what it prints."""
        line = [sys.executable, "-m", "runner", *words]
        done = subprocess.run(
            line, cwd=self.folder, capture_output=True, text=True, timeout=60, check=False
        )
        return done.stdout

    def status(self) -> dict[str, Any]:
        """Give what ``runner status`` says."""
        return dict(json.loads(self.command("status", "a.ipynb", "--format", "json")))

    def family(self) -> dict[int, str]:
        """Give the command line of every process below the supervisor, by its number."""
        found, below = {}, {self.process.pid}
        for line in subprocess.run(
            ["ps", "-eo", "pid=,ppid=,args="], capture_output=True, text=True, check=True
        ).stdout.splitlines():
            pid, parent, words = line.split(None, 2)
            if int(parent) in below or int(pid) in below:
                below.add(int(pid))
                found[int(pid)] = words
        return found

    def end(self) -> int:
        """Stop it and give its exit code; its kernels end with it, even by kill -9."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout=40)
        finally:
            self.process.kill()


@contextlib.contextmanager
def serving(
    *words: str,
    cells: tuple[str, ...] = (APP, SERVE),
    path: str = "/",
    tls: ssl.SSLContext | None = None,
) -> Iterator[Service]:
    """Run a service, and end it."""
    with tempfile.TemporaryDirectory() as folder:
        service = Service(Path(folder), *words, cells=cells, path=path, tls=tls)
        try:
            yield service
        finally:
            if service.process.poll() is None:
                service.end()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Request:
    """One request of a client, answered or lost.

    Attributes:
        began: When it was begun, by the monotonic clock, in seconds.
        ended: When it was answered or lost.
        keeps: Whether its client keeps its connection.
        answer: What was answered; empty if it was lost.
        fault: What became of it if not a 200.
    """

    began: float
    ended: float
    keeps: bool
    answer: dict[str, Any]
    fault: str = ""


@dataclasses.dataclass(kw_only=True)
class Account:
    """Hold every request of the load, in the order of their ends."""

    requests: list[Request] = dataclasses.field(default_factory=list)
    is_over: threading.Event = dataclasses.field(default_factory=threading.Event)

    @property
    def lost(self) -> list[Request]:
        """Those that were not answered with 200."""
        return [request for request in self.requests if request.fault]

    def describe(self) -> str:
        """Count them in words."""
        faults = sorted({request.fault for request in self.lost})
        kept = sum(request.keeps for request in self.requests)
        return (
            f"{len(self.requests)} requests ({kept} on kept connections), "
            f"{len(self.lost)} failed {faults or ''}"
        )


@contextlib.contextmanager
def load(
    port: int,
    clients: int,
    *,
    pause: float = 0.0,
    body: str | None = None,
    tls: ssl.SSLContext | None = None,
) -> Iterator[Account]:
    """Ask all the time, half of the clients on connections that they keep.

    Args:
        port: Of the service.
        clients: How many.
        pause: Seconds between an answer and the next request.
        body: A JSON value that is POSTed; else it is a GET.
        tls: By which clients speak TLS.
    """
    account = Account()
    threads = [
        threading.Thread(target=_ask, args=(port, number % 2 == 0, account, pause, body, tls))
        for number in range(clients)
    ]
    for thread in threads:
        thread.start()
    try:
        yield account
    finally:
        account.is_over.set()
        for thread in threads:
            thread.join()


def connection_to(
    port: int, timeout: float, tls: ssl.SSLContext | None
) -> http.client.HTTPConnection:
    """Connect to a service, by TLS or without."""
    if tls is None:
        return http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    return http.client.HTTPSConnection("127.0.0.1", port, timeout=timeout, context=tls)


def _ask(  # noqa: PLR0913, PLR0917 - what a client is
    port: int,
    keeps: bool,
    account: Account,
    pause: float,
    body: str | None,
    tls: ssl.SSLContext | None,
) -> None:
    """Be one client; a kept connection is left when the server says so, as HTTP has it."""
    connection = connection_to(port, 20, tls)
    method, headers = ("POST", {"Content-Type": "application/json"}) if body else ("GET", {})
    while not account.is_over.wait(pause):
        began, answer, fault = time.monotonic(), {}, ""
        try:
            connection.request(method, "/", body, headers)
            response = connection.getresponse()
            answer = json.loads(response.read())
            fault = "" if response.status == 200 else str(response.status)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is a lost request
            fault = type(error).__name__
            connection.close()
        account.requests.append(
            Request(began=began, ended=time.monotonic(), keeps=keeps, answer=answer, fault=fault)
        )
        if not keeps:
            connection.close()
    connection.close()


def wrk(
    port: int,
    path: str = "/",
    connections: int = 32,
    seconds: float = 3,
    *words: str,
    scheme: str = "http",
) -> float:
    """Give requests per second; a failed one ends the benchmark. ``words`` are further options."""
    line = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", *words]
    line.append(f"{scheme}://127.0.0.1:{port}{path}")
    shown = subprocess.run(line, capture_output=True, text=True, timeout=600, check=True).stdout
    if "Non-2xx" in shown or "Socket errors" in shown:
        raise SystemExit(f"not every request was answered:\n{shown}")
    return float(re.findall(r"Requests/sec:\s+([\d.]+)", shown)[0])


def notebook_of(sources: Iterable[str]) -> str:
    """Write a notebook of code cells."""
    cells: list[dict[str, Any]] = [
        {
            "cell_type": "code",
            "id": f"cell-{number}",
            "metadata": {},
            "source": source,
            "outputs": [],
            "execution_count": None,
        }
        for number, source in enumerate(sources)
    ]
    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    metadata = {"kernelspec": spec, "language_info": {"name": "python"}}
    return json.dumps({"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5})


def until_answered(
    process: subprocess.Popen[bytes], port: int, path: str = "/", body: str | None = None
) -> None:
    """Ask a server that starts until it answers 200; POST a JSON body if there is one."""
    method, headers = ("POST", {"Content-Type": "application/json"}) if body else ("GET", {})
    over = time.monotonic() + 60
    while time.monotonic() < over and process.poll() is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request(method, path, body, headers)
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.005)
        finally:
            connection.close()
    raise SystemExit(f"no answer within 60 s; exit code {process.poll()}: {process.args!r}")


def until(is_true: Callable[[], Any], seconds: float) -> None:
    """Wait for something, with a deadline."""
    deadline = time.monotonic() + seconds
    while not is_true():
        if time.monotonic() > deadline:
            raise SystemExit(f"not within {seconds} s: {is_true}")
        time.sleep(0.01)


def free_port() -> int:
    """Give a TCP port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
