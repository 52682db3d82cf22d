"""Reload again and again under constant load, and check every single answer.

Clients that keep their connections and clients that open one for each request ask all the
time. Meanwhile the notebook is saved 20 times, once with a cell that fails in the middle,
and rolled back at the end. Each answer has to be 200 and of a version that may serve then.

    python benchmarks/reload_under_load.py [--reloads 20] [--workers 2] [--clients 4]
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

APP = """
import json
from runner import serve

async def app(scope, receive, send):
    assert scope["type"] == "http"
    content = json.dumps({"version": VERSION}).encode()
    headers = [(b"content-length", b"%d" % len(content))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content})
"""


def main() -> None:
    """Run it all and print the account."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--reloads", type=int, default=20)
    options.add_argument("--workers", type=int, default=2)
    options.add_argument("--clients", type=int, default=4)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder), given.workers) as service:
        until(lambda: service.version() == 0, 30)
        with load(service.port, given.clients) as account:
            seconds = [reload(service, number) for number in range(1, given.reloads + 1)]
            break_and_mend(service, given.reloads)
            service.command("rollback")
            until(lambda: service.version() == given.reloads - 1, 30)
            time.sleep(1.5)
    report(seconds, account)


class Service:
    """A supervisor on a notebook that can be saved anew."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port
        self.notebook = folder / "a.ipynb"

    def save(self, version: int, extra: str = "") -> None:
        """Save the notebook as Jupyter does: a new file is put in the old one's place."""
        cells = [f"VERSION = {version}\n{extra}", APP, "serve(app)"]
        content = {
            "cells": [code_cell(number, source) for number, source in enumerate(cells)],
            "metadata": {
                "kernelspec": {"name": "python3", "display_name": "", "language": "python"}
            },
            "nbformat": 4,
            "nbformat_minor": 5,
        }
        partial = self.notebook.with_suffix(".tmp")
        partial.write_text(json.dumps(content))
        partial.replace(self.notebook)

    def version(self) -> int | None:
        """Ask on a new connection which version answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", "/")
            return int(json.loads(connection.getresponse().read())["version"])
        except OSError:
            return None
        finally:
            connection.close()

    def command(self, *words: str) -> str:
        """Talk to the supervisor by the command line."""
        line = [sys.executable, "-m", "runner", *words]
        done = subprocess.run(
            line, cwd=self.folder, capture_output=True, text=True, timeout=60, check=False
        )
        return done.stdout


def code_cell(number: int, source: str) -> dict[str, Any]:
    """Build a code cell."""
    return {
        "cell_type": "code",
        "id": f"cell-{number}",
        "metadata": {},
        "source": source,
        "outputs": [],
        "execution_count": None,
    }


@contextlib.contextmanager
def serving(folder: Path, workers: int) -> Iterator[Service]:
    """Run a supervisor, and end it."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    service = Service(folder, port)
    service.save(0)
    words = ["serve", "a.ipynb", "--port", str(port), "--workers", str(workers), "--reload"]
    log = (folder / "log").open("wb")
    with (
        log,
        subprocess.Popen(
            [sys.executable, "-m", "runner", *words, "--no-access-log"],
            cwd=folder,
            stdout=log,
            stderr=log,
            start_new_session=True,
        ) as process,
    ):
        try:
            yield service
        finally:
            process.send_signal(signal.SIGTERM)
            print(f"the supervisor ended with {process.wait(timeout=30)}")


class Account:
    """Count what the clients got."""

    def __init__(self) -> None:
        self.good: Counter[str] = Counter()
        self.bad: Counter[str] = Counter()
        self.is_over = threading.Event()


@contextlib.contextmanager
def load(port: int, clients: int) -> Iterator[Account]:
    """Ask all the time, half of the clients on connections that they keep."""
    account = Account()
    threads = [
        threading.Thread(target=ask, args=(port, number % 2 == 0, account))
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


def ask(port: int, keeps: bool, account: Account) -> None:
    """Be one client; a kept connection is left when the server says so, as HTTP has it."""
    kind = "kept" if keeps else "new"
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    while not account.is_over.is_set():
        try:
            connection.request("GET", "/")
            answer = connection.getresponse()
            content = json.loads(answer.read())
            if answer.status == 200 and isinstance(content["version"], int):
                account.good[kind] += 1
            else:
                account.bad[f"{kind}: {answer.status}"] += 1
        except Exception as error:  # noqa: BLE001 - whatever it is, it is a lost request
            account.bad[f"{kind}: {type(error).__name__}"] += 1
            connection.close()
        if not keeps:
            connection.close()
    connection.close()


def reload(service: Service, version: int) -> float:
    """Save a version; give the seconds until it answers."""
    began = time.monotonic()
    service.save(version)
    until(lambda: service.version() == version, 30)
    return time.monotonic() - began


def break_and_mend(service: Service, version: int) -> None:
    """Save a notebook that fails: nobody notices but the status. Then the good one again."""
    service.save(99, extra="1 / 0")
    until(lambda: "ZeroDivisionError" in service.command("status"), 30)
    if service.version() != version:
        raise SystemExit("the broken notebook took over")
    service.save(version)
    time.sleep(1)


def until(is_true: Callable[[], Any], seconds: float) -> None:
    """Wait for something, with a deadline."""
    deadline = time.monotonic() + seconds
    while not is_true():
        if time.monotonic() > deadline:
            raise SystemExit(f"not within {seconds} s: {is_true}")
        time.sleep(0.01)


def report(seconds: list[float], account: Account) -> None:
    """Print the account."""
    print(f"{len(seconds)} reloads; from save to the new version's first answer:")
    print(f"  median {statistics.median(seconds):.2f} s, slowest {max(seconds):.2f} s")
    total = account.good.total() + account.bad.total()
    print(
        f"{total} requests ({dict(account.good)}), {account.bad.total()} failed {dict(account.bad)}"
    )
    if account.bad:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
