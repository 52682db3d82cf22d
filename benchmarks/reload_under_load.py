"""Reload, break and roll back again and again under constant load, and check every answer.

Clients that keep their connections and clients that open one for each request ask all the
time. Meanwhile the notebook is saved, broken and mended, and rolled back, 20 times each.
Every answer has to be 200 and of a version that may serve.

    python benchmarks/reload_under_load.py [--rounds 20] [--workers 2] [--clients 4]
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

from leftovers import leave_nothing
from service import APP, SERVE, Account, Service, load, serving, until

BROKEN = 99


def main() -> None:
    """Run it all and print the account."""
    leave_nothing()
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=20)
    options.add_argument("--workers", type=int, default=2)
    options.add_argument("--clients", type=int, default=4)
    given = options.parse_args()
    words = ("--workers", str(given.workers), "--reload", "--no-access-log")
    with serving(*words, cells=cells(0)) as service:
        for part in (reload, break_and_mend, roll_back):
            with load(service.port, given.clients) as account:
                times = [part(service, number) for number in range(1, given.rounds + 1)]
                time.sleep(1.5)
            report(part, times, account)


def cells(version: int, extra: str = "") -> tuple[str, ...]:
    """Give the notebook of a version."""
    return (f"VERSION = {version}\n{extra}", APP.replace('"val": 0', f'"val": {version}'), SERVE)


def version(service: Service) -> int | None:
    """Ask on a new connection which version answers."""
    return (service.ask() or {}).get("val")


def reload(service: Service, number: int) -> float:
    """Save a version; give the seconds until it alone answers."""
    began = time.monotonic()
    service.save(*cells(number))
    until(lambda: version(service) == number, 30)
    took = time.monotonic() - began
    time.sleep(0.2)  # until then the old run may still answer whom it had let in
    return took


def break_and_mend(service: Service, number: int) -> float:
    """Save a notebook that fails: nobody notices but the status. Then a good one again."""
    before = version(service)
    word = f"broken {number}"
    service.save(*cells(BROKEN, extra=f"raise RuntimeError({word!r})"))
    until(lambda: word in service.command("status"), 30)
    if version(service) != before:
        raise SystemExit("the broken notebook took over")
    return reload(service, 100 + number)


def roll_back(service: Service, number: int) -> float:
    """Go back to the version before; give the seconds until it answers. Then forth again."""
    latest = version(service)
    began = time.monotonic()
    service.command("rollback")
    until(lambda: version(service) not in (latest, None), 30)
    took = time.monotonic() - began
    reload(service, 200 + number)
    return took


def report(part: Callable[..., float], times: list[float], account: Account) -> None:
    """Print the account of a part; one lost request ends the benchmark."""
    print(f"{part.__name__}, {len(times)} times: {account.describe()}")
    print(
        f"  until the version asked for answers: median {statistics.median(times):.2f} s, "
        f"slowest {max(times):.2f} s",
        flush=True,
    )
    took_over = any(request.answer.get("val") == BROKEN for request in account.requests)
    if account.lost or took_over or not account.requests:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
