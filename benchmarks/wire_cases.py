"""Attack one worker by requests that once ended it, and by mutations of each.

Each has to be answered by a status that it may have, or its connection closed; the service's
processes must live, grow by less than 50 MB, and answer another client within 250 ms.

    python benchmarks/wire_cases.py [--count 10000] [--seed 0] [--only NAME]
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import random
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from service import Service, serving

sys.path.insert(0, str(Path(__file__).with_name("bench")))

from wire_seeds import CUT, SEEDS, Seed, mutated

MODEL = """
import numpy as np
from runner import serve
from runner.predict.targets import endpoint

class Flower:
    def predict(self, rows):
        return np.asarray(rows).argmax(axis=1)

def echo(a: str) -> str:
    return a

serve({"flower": endpoint(Flower(), example={"length": 1.0, "width": 2.0}), "echo": echo})
"""
MOST_GROWTH = 50.0  # MB
MOST_WAIT = 0.250  # seconds of another client


def main() -> None:
    """Send each seed and its mutations; exit by 1 if anything was wrong."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--count", type=int, default=10_000, help="mutations of each")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--only", default="", help="seeds whose name has this")
    given = options.parse_args()
    faults: list[str] = []
    with serving("--no-access-log", "--no-standby", cells=(MODEL,)) as service:
        living = set(service.family())
        for seed in SEEDS:
            if given.only in seed.name:
                faults += attack(service, seed, given.count, given.seed)
            if gone := living - set(service.family()):
                faults.append(f"{seed.name}: {len(gone)} processes died")
                living = set(service.family())
    for fault in faults:
        print(f"FAULT {fault}")
    sys.exit(bool(faults))


def attack(service: Service, seed: Seed, count: int, number: int) -> list[str]:
    """Send one seed as it is and spoilt; say what was wrong."""
    chance, whole, before = random.Random(number), seed.make(), megabytes(service)
    faults, statuses = [], Counter[int]()
    with another_client(service.port) as waits:
        first = status_of(service.port, whole)
        if first not in seed.statuses:
            faults.append(f"{seed.name}: answered {first}, expected {seed.statuses}")
        for _ in range(count):
            status = status_of(service.port, mutated(whole, chance))
            statuses[status] += 1
    growth, slowest = megabytes(service) - before, max(waits, default=0.0)
    if wrong := [status for status in statuses if status >= 500 and status not in (501, 505)]:
        faults.append(f"{seed.name}: mutations were answered {wrong}")
    if growth > MOST_GROWTH:
        faults.append(f"{seed.name}: memory grew by {growth:.0f} MB")
    if slowest > MOST_WAIT:
        faults.append(f"{seed.name}: another client waited {1000 * slowest:.0f} ms")
    print(
        f"{seed.name:28}{first:4} {dict(sorted(statuses.items()))} {growth:+.0f} MB, "
        f"another client {1000 * slowest:.0f} ms",
        flush=True,
    )
    return faults


def status_of(port: int, request: bytes) -> int:
    """Send a request on a connection of its own, and give the status of the first answer."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 30) as client:
        client.settimeout(30)
        with contextlib.suppress(OSError):  # refused before it was sent whole
            client.sendall(request)
        line = client.makefile("rb").readline().split()
        return int(line[1]) if len(line) > 1 else CUT
    return CUT


@contextlib.contextmanager
def another_client(port: int) -> Iterator[list[float]]:
    """Ask all the while, and note how long each answer took; without end if there was none."""
    waits: list[float] = []
    is_over = threading.Event()

    def ask() -> None:
        while not is_over.wait(0.005):
            began = time.perf_counter()
            try:
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
                connection.request("GET", "/healthz")
                connection.getresponse().read()
                waits.append(time.perf_counter() - began)
            except (OSError, http.client.HTTPException):
                waits.append(float("inf"))
            connection.close()

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield waits
    finally:
        is_over.set()
        thread.join()


def megabytes(service: Service) -> float:
    """Sum the resident memory of all processes of the service."""
    kilobytes = 0
    for pid in service.family():
        with contextlib.suppress(OSError):
            status = Path(f"/proc/{pid}/status").read_text().split()
            kilobytes += int(status[status.index("VmRSS:") + 1]) if "VmRSS:" in status else 0
    return kilobytes / 1000


if __name__ == "__main__":
    main()
