"""Weigh a served notebook: each of its processes, with more workers, and without a standby.

The weight is PSS, in MB of 10^6 bytes: what several processes share counts once, divided among
them. It includes the pages of libraries' files, which every other process of the machine that
maps the same files makes lighter: weigh in an environment that nothing else uses.

    python benchmarks/memory.py [--notebook notebooks/serve.ipynb] [--idle 20] [--workers 1 2 3]
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from cold_start import EXAMPLE, end
from leftovers import leave_nothing
from service import free_port, until_answered

ROLES = {
    "runner.spawn.fork_server": "fork server",
    "runner.spawn.child": "run",
    "ipykernel_launcher": "kernel",
    "runner": "supervisor",
}


def main() -> None:
    """Weigh each kind of service and print a table."""
    leave_nothing()
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--notebook", default="notebooks/serve.ipynb")
    options.add_argument("--idle", type=float, default=20, help="seconds before it is weighed")
    options.add_argument("--requests", type=int, default=400)
    options.add_argument("--workers", type=int, nargs="+", default=[1, 2, 3])
    given = options.parse_args()
    before = 0.0
    for count in given.workers:
        total = weigh(given, "--workers", str(count))
        print(f"  further worker: {total - before:+.1f} MB\n" if before else "")
        before = total
    weigh(given, "--no-standby")


def weigh(given: argparse.Namespace, *words: str) -> float:
    """Serve, ask, wait, and print what each process weighs; give the sum."""
    total = 0.0
    print(" ".join(words))
    with serving(given.notebook, *words) as (pid, port):
        ask(port, given.requests)
        time.sleep(given.idle)
        for process, depth in tree(pid):
            pss, own = weight(process)
            total += pss
            name = "  " * depth + role(process)
            print(f"  {name:24}{pss:8.1f} MB, {own:6.1f} of it written by itself alone")
    print(f"  {'all':24}{total:8.1f} MB")
    return total


@contextlib.contextmanager
def serving(notebook: str, *words: str) -> Iterator[tuple[int, int]]:
    """Serve a notebook on a free port: its supervisor's number, and the port."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.ipynb"
        line = [sys.executable, "-m", "runner", "serve", notebook, str(out), *words]
        process = subprocess.Popen(
            [*line, "--port", str(port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            until_answered(process, port)
            yield process.pid, port
        finally:
            end(process, out)


def ask(port: int, times: int) -> None:
    """Ask on many connections, so that every worker gets its share."""
    for number in range(times):
        if number % 10 == 0:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("POST", "/", json.dumps(EXAMPLE), {"Content-Type": "application/json"})
        connection.getresponse().read()


def tree(pid: int, depth: int = 0) -> Iterator[tuple[int, int]]:
    """Give a process and all that descend from it, with their depth."""
    yield pid, depth
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in children.read_text().split():
            yield from tree(int(child), depth + 1)


def weight(pid: int) -> tuple[float, float]:
    """Give a process's PSS, and what it has written and shares with nobody, in MB."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    found = dict(re.findall(r"^(\w+):\s+(\d+) kB", text, re.MULTILINE))
    return int(found["Pss"]) * 1024 / 1e6, int(found["Private_Dirty"]) * 1024 / 1e6


def role(pid: int) -> str:
    """Say what a process is, by its command line."""
    words = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    return next((name for word, name in ROLES.items() if word in words), words[0])


if __name__ == "__main__":
    main()
