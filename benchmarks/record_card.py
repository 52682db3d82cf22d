"""Measure what the card in a service's record costs, and how large the record gets.

Services of one notebook are loaded in turn by wrk, round after round: one whose record is kept up
to date, one whose record is not (``--save-every`` of a day), and that once more. Each ratio is
taken within one round, of throughput, and of the worker's processor time for a request, which is
about the same on a busy machine. Then one is asked a million times, while its record is read
again and again.

    python benchmarks/record_card.py [--sets 3] [--rounds 4] [--seconds 12] [--requests 1000000]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import nbformat
import psutil
from leftovers import leave_nothing
from request_log import MODEL, POST, SERVE_MODEL, described
from service import Service, serving, until, wrk

WORDS = ("--no-access-log", "--no-standby")
WITHOUT = ("--save-every", "86400")


def main() -> None:
    """Run it, and print the figures."""
    leave_nothing()
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--sets", type=int, default=3)
    options.add_argument("--rounds", type=int, default=4)
    options.add_argument("--seconds", type=int, default=12, help="longer than the card waits")
    options.add_argument("--requests", type=int, default=1_000_000)
    given = options.parse_args()
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(POST)
        script.flush()
        words = ("-s", script.name)
        rounds = [found for _ in range(given.sets) for found in loaded_in_turn(words, given)]
        for number, name in enumerate(("with the card", "without it, once more")):
            ratios = sorted(each[number][0] / each[-1][0] for each in rounds)
            times = sorted(each[number][1] / each[-1][1] for each in rounds)
            part = statistics.median(each[number][2] for each in rounds)
            print(
                f"{name}: throughput {described(ratios)}, processor time of a request"
                f" {described(times)}; its record's process takes {part:.2%} of a processor",
                flush=True,
            )
        rate = statistics.median(each[-1][0] for each in rounds)
        print(f"without it: {rate:.0f} requests a second, by 32 connections", flush=True)
        grow(words, given.requests)


def loaded_in_turn(
    words: tuple[str, ...], given: argparse.Namespace
) -> list[list[tuple[float, float, float]]]:
    """Load services that are started anew: one process may be faster than its like for good."""
    with contextlib.ExitStack() as stack:
        services = [
            stack.enter_context(
                serving(*WORDS, *more, cells=(MODEL, SERVE_MODEL), path="/openapi.json")
            )
            for more in ((), WITHOUT, WITHOUT)
        ]
        return [
            [loaded(service, given.seconds, words) for service in services]
            for _ in range(given.rounds)
        ]


def loaded(service: Service, seconds: int, words: tuple[str, ...]) -> tuple[float, float, float]:
    """Load a service.

    Returns:
        Its requests per second, the worker's seconds for each, and the part of a processor that its
        run takes.
    """
    serving = service.status()["serving"]
    processes = [psutil.Process(pid) for pid in (serving["workers"][0], serving["pid"])]
    before = [sum(process.cpu_times()[:2]) for process in processes]
    rate = wrk(service.port, "/", 32, seconds, *words)
    after = [sum(process.cpu_times()[:2]) for process in processes]
    worker, run = (now - then for now, then in zip(after, before, strict=True))
    return rate, worker / (rate * seconds), run / seconds


def grow(words: tuple[str, ...], requests: int) -> None:
    """Ask that many times, and say what became of the record."""
    with serving(*WORDS, cells=(MODEL, SERVE_MODEL), path="/openapi.json") as service:
        record = service.folder / "runs/a/out.ipynb"
        until(lambda: "serving since" in record.read_text(), 60)
        before, asked = record.stat().st_size, 0.0
        with reading(record) as seen:
            while asked < requests:
                asked += wrk(service.port, "/", 32, 10, *words) * 10
            until(lambda: counted(record) >= requests, 60)
        print(f"{counted(record):,} requests: {record.stat().st_size:,} bytes, {before:,} before")
        print(f"it was read {seen['valid']} times, and not valid {seen['invalid']} times")
        stopped(service)
        print(
            f"at the end: {record.stat().st_size:,} bytes, mode {record.stat().st_mode & 0o777:o}"
        )


def stopped(service: Service) -> None:
    """Stop a service."""
    subprocess.run(["kill", str(service.process.pid)], check=True)
    service.process.wait(60)


def counted(record: Path) -> int:
    """Give the number of requests that the card says."""
    shown = [
        line
        for cell in json.loads(record.read_text())["cells"]
        for output in cell.get("outputs", [])
        for line in "".join(output.get("data", {}).get("text/plain", "")).splitlines()
        if " p99" in line
    ]
    return int(shown[0].split()[0].replace(",", "")) if shown else 0


@contextlib.contextmanager
def reading(record: Path) -> Iterator[dict[str, int]]:
    """Read a record again and again, from a thread; count how often it is valid."""
    seen, over = {"valid": 0, "invalid": 0}, threading.Event()

    def read() -> None:
        while not over.wait(0.2):
            try:
                nbformat.validate(nbformat.read(record, as_version=4))
                seen["valid"] += 1
            except (OSError, ValueError, nbformat.ValidationError):
                seen["invalid"] += 1

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield seen
        time.sleep(1)
    finally:
        over.set()
        thread.join()


if __name__ == "__main__":
    main()
