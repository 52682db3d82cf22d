"""Measure a supervised service: throughput, split, memory, deaths, swaps, a long run.

Needs wrk (Debian's package). Ratios are of alternated rounds, because the machine is noisy.

    python benchmarks/serving.py [--requests 1000000] [--rounds 5] [--only NAME ...]
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
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
MODEL = (
    "import numpy as np\nimport sklearn.svm\nMODEL = np.random.default_rng(0).random(12_500_000)"
)
SERVE = "from runner import serve\nserve(app)"


def main() -> None:
    """Run the parts that were asked for."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--requests", type=int, default=1_000_000)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--only", nargs="*", default=list(PARTS), choices=list(PARTS))
    given = options.parse_args()
    print(f"{os.cpu_count()} cores, Python {sys.version.split()[0]}, {time.strftime('%Y-%m-%d')}")
    for name in given.only:
        print(f"\n== {name}")
        PARTS[name](given)


class Service:
    """One supervisor on a notebook of ours."""

    def __init__(self, folder: Path, *words: str, cells: tuple[str, ...] = (APP, SERVE)) -> None:
        self.folder = folder
        self.port = free_port()
        self.save(*cells)
        self.log = folder / "log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "runner",
                    "serve",
                    "a.ipynb",
                    "--port",
                    str(self.port),
                    *words,
                ],
                cwd=folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.until_answered(60)

    def save(self, *sources: str) -> None:
        """Save the notebook in one step, as Jupyter does."""
        content = {
            "cells": [code_cell(number, source) for number, source in enumerate(sources)],
            "metadata": {
                "kernelspec": {"name": "python3", "language": "python", "display_name": ""}
            },
            "nbformat": 4,
            "nbformat_minor": 5,
        }
        partial = self.folder / "a.tmp"
        partial.write_text(json.dumps(content))
        partial.replace(self.folder / "a.ipynb")

    def ask(self, path: str = "/") -> dict[str, Any] | None:
        """Ask on a connection of its own; None if it fails."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path)
            return dict(json.loads(connection.getresponse().read()))
        except (OSError, http.client.HTTPException, ValueError):
            return None
        finally:
            connection.close()

    def until_answered(self, seconds: float) -> None:
        """Wait for an answer, with a deadline."""
        deadline = time.monotonic() + seconds
        while self.ask() is None:
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise SystemExit(self.log.read_text())
            time.sleep(0.01)

    def status(self) -> dict[str, Any]:
        """Give what ``runner status`` says."""
        line = [sys.executable, "-m", "runner", "status", "--format", "json"]
        shown = subprocess.run(
            line, cwd=self.folder, capture_output=True, text=True, timeout=30, check=True
        )
        return dict(json.loads(shown.stdout))

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
        """Stop it and give its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=40)


@contextlib.contextmanager
def serving(*words: str, cells: tuple[str, ...] = (APP, SERVE)) -> Iterator[Service]:
    """Run a service in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        service = Service(Path(folder), *words, cells=cells)
        try:
            yield service
        finally:
            if service.process.poll() is None:
                service.end()


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


def wrk(port: int, path: str = "/", connections: int = 32, seconds: float = 3) -> float:
    """Give requests per second; a failed one ends the benchmark."""
    line = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", f"http://127.0.0.1:{port}{path}"]
    shown = subprocess.run(line, capture_output=True, text=True, timeout=600, check=True).stdout
    if "Non-2xx" in shown or "Socket errors" in shown:
        print(shown)
    return float(re.findall(r"Requests/sec:\s+([\d.]+)", shown)[0])


def throughput(given: argparse.Namespace) -> None:
    """Compare one worker with the same app under plain uvicorn."""
    with (
        tempfile.TemporaryDirectory() as folder,
        serving("--no-access-log", "--no-standby") as ours,
    ):
        (Path(folder) / "script.py").write_text(APP)
        ports = {"uvicorn, no access log": free_port(), "uvicorn, as it comes": free_port()}
        plain = [
            subprocess.Popen(
                [sys.executable, "-m", "uvicorn", "script:app", "--port", str(port), *words],
                cwd=folder,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            for port, words in zip(ports.values(), (["--no-access-log"], []), strict=True)
        ]
        with serving("--no-standby") as logging:
            ports |= {"runner, no access log": ours.port, "runner, as it comes": logging.port}
            time.sleep(1)
            rates: dict[str, list[float]] = {name: [] for name in ports}
            for _ in range(given.rounds):
                for name, port in ports.items():
                    rates[name].append(wrk(port, seconds=2))
        for process in plain:
            process.kill()
            process.wait()
    medians = {name: statistics.median(found) for name, found in rates.items()}
    for name, rate in medians.items():
        print(f"{name:24}{rate:10.0f} req/s")
    for kind in ("no access log", "as it comes"):
        print(f"ratio, {kind}: {medians[f'runner, {kind}'] / medians[f'uvicorn, {kind}']:.3f}")


def workers(given: argparse.Namespace) -> None:
    """Compare two workers with one at 2 ms of computing each, and see how the load splits."""
    with serving("--no-standby") as one, serving("--no-standby", "--workers", "2") as two:
        rates: dict[int, list[float]] = {one.port: [], two.port: []}
        for _ in range(given.rounds):
            for port, found in rates.items():
                found.append(wrk(port, "/work", seconds=2))
        ratio = statistics.median(rates[two.port]) / statistics.median(rates[one.port])
        pids: Counter[int] = Counter()
        clients = [threading.Thread(target=count, args=(two, pids)) for _ in range(32)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
    share = min(pids.values()) / pids.total()
    print(f"two workers / one at 2 ms of computing: {ratio:.2f}")
    print(f"the smaller share at 32 connections: {100 * share:.0f} %")


def count(service: Service, pids: Counter[int]) -> None:
    """Count which process answers one kept connection."""
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=20)
    for _ in range(20):
        connection.request("GET", "/work")
        pids[json.loads(connection.getresponse().read())["pid"]] += 1
    connection.close()


def memory(given: argparse.Namespace) -> None:
    """Weigh four workers on a model of 100 MB against four kernels."""
    with serving("--no-standby", "--workers", "4", cells=(MODEL, APP, SERVE)) as four:
        for _ in range(100):
            four.ask()
        shared = pss(four)
    separate = 0.0
    for _ in range(2):
        with serving("--no-standby", cells=(MODEL, APP, SERVE)) as one:
            one.ask()
            separate += 2 * pss(one)
    print(f"PSS of kernels and workers with 100 MB of data: 4 workers {shared:.0f} MB")
    print(f"4 kernels of one worker: {separate:.0f} MB")


def pss(service: Service) -> float:
    """Weigh the kernel and its workers, in MB; what is shared counts once."""
    total = 0
    for pid, words in service.family().items():
        if "ipykernel" in words:
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
            total += int(re.findall(r"^Pss:\s+(\d+)", text, re.MULTILINE)[0])
    return total / 1000


def deaths(given: argparse.Namespace) -> None:
    """Kill a worker under load, then kernels; time the return."""
    with serving("--workers", "2") as service:
        gaps, lost = [], 0
        for _ in range(given.rounds):
            before = set(service.status()["serving"]["workers"])
            victim = next(iter(before))
            os.kill(victim, signal.SIGKILL)
            began = time.monotonic()
            while True:
                answer = service.ask()
                lost += answer is None
                if answer and answer["pid"] not in before:
                    break
            gaps.append(time.monotonic() - began)
        print(f"a killed worker's successor answers after {statistics.median(gaps):.3f} s (median)")
        print(f"  slowest {max(gaps):.3f} s; connections lost meanwhile: {lost}")
    times = []
    for _ in range(given.rounds):  # a service of its own each: repeated deaths wait longer
        with serving(cells=("import sklearn.svm, time", APP, SERVE)) as service:
            until_standby(service)
            kernel = next(p for p, w in service.family().items() if serves(service, p, w))
            os.kill(kernel, signal.SIGKILL)
            began = time.monotonic()
            while service.ask() is None:
                pass
            times.append(time.monotonic() - began)
    print(f"a killed kernel's successor answers after {statistics.median(times):.2f} s")


def serves(service: Service, pid: int, words: str) -> bool:
    """Tell the kernel that serves from the one that waits."""
    answer = service.ask()
    return bool(answer) and answer["pid"] == pid  # type: ignore[index] # not None then


def until_standby(service: Service) -> None:
    """Wait until a standby is there and warm."""
    deadline = time.monotonic() + 30
    while not service.status().get("standby") and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(3)


def swaps(given: argparse.Namespace) -> None:
    """Save a notebook that imports scikit-learn, with a standby waiting; time the new answer."""
    cells = ("import sklearn.svm", APP, SERVE)
    with serving("--reload", cells=cells) as service:
        times = []
        for number in range(given.rounds):
            until_standby(service)
            edited = APP.replace('"val": 0', f'"val": {number + 1}')
            began = time.monotonic()
            service.save(cells[0], edited, SERVE)
            while (service.ask() or {}).get("val") != number + 1:
                time.sleep(0.005)
            times.append(time.monotonic() - began)
        print(
            f"from save to the new answer: median {statistics.median(times):.2f} s, "
            f"slowest {max(times):.2f} s"
        )


def terminate(given: argparse.Namespace) -> None:
    """SIGTERM under load: whoever was let in is answered."""
    with serving("--workers", "2") as service:
        bad: Counter[str] = Counter()
        good: Counter[str] = Counter()
        clients = [threading.Thread(target=press, args=(service, good, bad)) for _ in range(8)]
        for client in clients:
            client.start()
        time.sleep(2)
        began = time.monotonic()
        code = service.end()
        took = time.monotonic() - began
        for client in clients:
            client.join()
        left = [p for p, w in service.family().items() if p != service.process.pid]
        print(f"exit code {code} after {took:.2f} s, {len(left)} processes left")
        print(f"{good.total()} answered, in flight and lost: {bad.total()} {dict(bad)}")


def press(service: Service, good: Counter[str], bad: Counter[str]) -> None:
    """Ask until nobody listens; what fails after the request was sent is lost."""
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=10)
        try:
            connection.connect()
        except OSError:
            return
        try:
            connection.request("GET", "/")
            good[str(connection.getresponse().status)] += 1
        except (OSError, http.client.HTTPException) as error:
            bad[type(error).__name__] += 1
        finally:
            connection.close()


def long_run(given: argparse.Namespace) -> None:
    """Answer very many requests with the access log on; weigh the record and the processes."""
    with serving("--no-standby") as service:
        done = 0
        for target in (given.requests // 10, given.requests):
            while done < target:
                done += int(wrk(service.port, seconds=5) * 5)
            record = service.folder / "runs/a/out.ipynb"
            weights = {kind: rss(service, kind) for kind in ("runner.child", "ipykernel")}
            print(
                f"after {done} requests: out.ipynb {record.stat().st_size} bytes, RSS run "
                f"{weights['runner.child']:.1f} MB, kernel {weights['ipykernel']:.1f} MB"
            )


def rss(service: Service, kind: str) -> float:
    """Weigh the processes of a kind, in MB."""
    total = 0
    for pid, words in service.family().items():
        if kind in words:
            text = Path(f"/proc/{pid}/status").read_text()
            total += int(re.findall(r"^VmRSS:\s+(\d+)", text, re.MULTILINE)[0])
    return total / 1000


def free_port() -> int:
    """A TCP port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


PARTS = {
    "throughput": throughput,
    "workers": workers,
    "memory": memory,
    "deaths": deaths,
    "swaps": swaps,
    "terminate": terminate,
    "long_run": long_run,
}

if __name__ == "__main__":
    main()
