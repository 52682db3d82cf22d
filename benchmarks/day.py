"""Compress a day of a service into as little time as it takes: swaps and requests.

A version is saved, and the next when that one serves, while clients ask without a pause and check
what every answer says. Between swaps is taken what all its processes weigh together: memory (PSS),
open files, threads, processes, and the files in its folders. At the end the mean of the last tenth
is compared with that of the first, and the slope of the line through all is given for 1000 swaps.
It is flat if the last tenth is at most 5 % and a small allowance above the first. What the first
swaps leave (kept records and versions, warm caches) is not counted. Ends with exit code 1 if
something grows, an answer is wrong, or a request fails.

    python benchmarks/day.py [--swaps 2000] [--requests 10_000_000] [--clients 4] [--workers 2]
"""

from __future__ import annotations

import argparse
import dataclasses
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from checked_client import Clients
from leftovers import leave_nothing
from watched_service import WatchedService, Weight, waited, weigh

SETTLED = 60.0
WARM = 15  # swaps: more than records and versions are kept
# What the mean of a tenth may be above another besides 5 %: luck, on a service of this size.
ALLOWED: dict[str, float] = {
    "memory": 6.0,
    "descriptors": 6,
    "threads": 2,
    "processes": 0.5,
    "files": 4,
}


def main() -> None:
    """Swap and ask, print the account, and exit by 1 if anything grows or was wrong."""
    leave_nothing()
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--swaps", type=int, default=2000)
    options.add_argument("--requests", type=int, default=10_000_000)
    options.add_argument("--clients", type=int, default=4)
    options.add_argument("--pause", type=float, default=0.0, help="seconds between requests")
    options.add_argument("--workers", type=int, default=2)
    given = options.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        service = WatchedService(Path(folder), given.workers, "--reload", "--no-access-log")
        try:
            faults = lived(service, given)
        finally:
            service.end()
    print(f"{time.monotonic() - began:.0f} s")
    print("\n".join(["", *faults]) if faults else "flat, and nothing was wrong")
    raise SystemExit(1 if faults else 0)


def lived(service: WatchedService, given: argparse.Namespace) -> list[str]:
    """Live the day; say what was wrong."""
    settle(service)
    weights: list[Weight] = []
    with Clients(service.port, given.clients, pause=given.pause) as clients:
        for number in range(1, given.swaps + 1):
            swap(service, clients, number)
            if number > min(WARM, given.swaps // 4):
                settle(service)
                weights.append(weigh(service))
            wanted = given.requests * number // given.swaps  # so that both end together
            while clients.answered + len(clients.faults) < wanted:
                time.sleep(0.05)
                clients.collect()
            if number % max(given.swaps // 20, 1) == 0:
                shown = f"{weights[-1].memory:.0f} MB" if weights else ""
                print(f"{number} swaps, {clients.answered} answered {shown}", flush=True)
    faults = growth(weights)
    lost = Counter(each.said for each in clients.faults if not each.is_wrong)
    wrong = [each.said for each in clients.faults if each.is_wrong]
    print(f"{clients.answered} answered, {lost.total()} failed, {len(wrong)} wrong")
    faults += [f"failed: {dict(lost)}"] if lost else []
    faults += [f"wrong: {wrong[:3]}"] if wrong else []
    faults += service.record_faults()
    if code := service.stop():
        faults.append(f"it was stopped, and ended with {code}")
    if waited(lambda: not service.family(), 20) is None:
        faults.append(f"left over: {service.by_role()}")
    return faults + [f"left over: {name}" for name in service.left_files()]


def swap(service: WatchedService, clients: Clients, version: int) -> None:
    """Save a version, and wait until it answers."""
    clients.expect(version)
    service.save(version)
    if waited(lambda: service.answered_by() == version, SETTLED) is None:
        raise SystemExit(f"version {version} does not serve:\n{service.log.read_text()[-3000:]}")


def settle(service: WatchedService) -> None:
    """Wait until nothing happens but requests."""
    if waited(lambda: not service.unsettled(), SETTLED) is None:
        raise SystemExit(f"after {SETTLED:g} s {service.unsettled()}")


def growth(weights: list[Weight]) -> list[str]:
    """Print how each figure went, and say which of them grew."""
    found = []
    tenth = max(len(weights) // 10, 1)
    for field in dataclasses.fields(Weight):
        values = [float(getattr(weight, field.name)) for weight in weights]
        first, last = statistics.fmean(values[:tenth]), statistics.fmean(values[-tenth:])
        slope = statistics.linear_regression(range(len(values)), values).slope if tenth else 0.0
        is_flat = last <= first * 1.05 + ALLOWED[field.name]
        print(
            f"{field.name:12} first tenth {first:8.1f}, last tenth {last:8.1f}, "
            f"{slope * 1000:+8.2f} for 1000 swaps{'' if is_flat else '  GROWS'}"
        )
        found += [] if is_flat else [f"{field.name} grows from {first:.1f} to {last:.1f}"]
    return found


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    main()
