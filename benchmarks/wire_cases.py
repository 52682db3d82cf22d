"""Attack one worker by requests that once ended it, others of their kinds, and mutations of each.

Each has to be answered by a status that it may have, or its connection closed; the service's
processes must live, grow by less than 50 MB, log no traceback, and answer another client within
250 ms. A seed of megabytes is sent as it is, and mutated as long as that is no more than a few
gigabytes; the other mutations are of the same in small.

    python benchmarks/wire_cases.py [--count 10000] [--seed 0] [--only WORD ...]
"""

from __future__ import annotations

import argparse
import concurrent.futures
import contextlib
import dataclasses
import json
import multiprocessing
import random
import re
import signal
import sys
import time
from collections import Counter
from multiprocessing.connection import Connection
from multiprocessing.context import ForkContext
from multiprocessing.synchronize import Event
from pathlib import Path

from leftovers import leave_nothing
from service import Service, serving

sys.path.insert(0, str(Path(__file__).with_name("bench")))

from wire_client import HUNG, RESET, Waits, client_of, requests_of_another, slowest
from wire_mutations import mutated
from wire_seeds import ONCE, Seed
from wire_seeds_bodies import APPS, CHARSETS, CODINGS, FORMS
from wire_seeds_heads import HEADS
from wire_seeds_json import PLAIN, PROTOCOLS
from wire_seeds_tables import TABLES
from wire_seeds_websockets import WEBSOCKETS
from wire_services import KINDS

SEEDS = [
    *(ONCE + PLAIN + PROTOCOLS + TABLES + FORMS + CHARSETS + CODINGS + HEADS),
    *(APPS + WEBSOCKETS),
]
BY_NAME = {seed.name: seed for seed in SEEDS}
CLIENTS = 8
MOST_GROWTH = 50.0  # MB
SMALL_GROWTH = 5.0  # of which nobody asks whether it would be given back
MOST_WAIT = 0.250  # seconds of another client
MOST_LARGE = 1_000_000_000  # bytes of mutations of a seed in large
LARGE = 100_000  # bytes from which a seed is mutated in small, too
READ_TIMEOUT = 3  # seconds that the service waits for the rest of a request
SETTLED = 2.5  # seconds after which unused memory was given back
WRONG = re.compile(r"Traceback|ERROR|exited with|was killed|hangs|CRITICAL|panic")
REFUSALS = (501, 503, 504, 505)  # of those from 500 on


@dataclasses.dataclass(frozen=True, kw_only=True)
class Found:
    """Hold what came of one seed.

    Attributes:
        seed: Its name.
        first: Its own status.
        statuses: Those of its mutations.
        growth: Of the service's memory, in MB.
        waits: Of another client.
        faults: What was wrong.
    """

    seed: str
    first: int
    statuses: dict[int, int]
    growth: float
    waits: Waits
    faults: list[str]


def main() -> None:
    """Send each seed and its mutations; exit by 1 if anything was wrong."""
    leave_nothing()
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--count", type=int, default=10_000, help="mutations of each")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--only", nargs="*", default=[""], help="seeds whose names have one")
    given = options.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # with the services
    context = multiprocessing.get_context("fork")
    faults: list[str] = []
    with (
        concurrent.futures.ProcessPoolExecutor(CLIENTS, mp_context=context) as pool,
        serving("--no-access-log", "--no-standby") as idle,
    ):
        for kind, described in KINDS.items():
            chosen = [
                seed
                for seed in SEEDS
                if seed.service == kind and any(word in seed.name for word in given.only)
            ]
            if not chosen:
                continue
            words = ("--no-access-log", "--no-standby", "--read-timeout", str(READ_TIMEOUT))
            with serving(*words, cells=described.cells, path="/readyz") as service:
                requests = requests_of_another(described.path, described.body)
                attack = Attack(service, idle.port, requests, context, pool)
                for seed in chosen:
                    found = attack.run(seed, given.count, given.seed)
                    show(found)
                    faults += found.faults
                print(f"  {kind}: {attack.growth():+.1f} MB in all", flush=True)
    for fault in faults:
        print(f"FAULT {fault}")
    sys.exit(bool(faults))


class Attack:
    """Attack one service.

    Args:
        service: The service.
        idle_port: Of another that has nothing to do.
        requests: What another client asks meanwhile.
        context: Starts processes.
        pool: Has the processes that attack.
    """

    def __init__(
        self,
        service: Service,
        idle_port: int,
        requests: list[bytes],
        context: ForkContext,
        pool: concurrent.futures.ProcessPoolExecutor,
    ) -> None:
        self._service, self._idle_port, self._requests = service, idle_port, requests
        self._context, self._pool = context, pool
        self._read = 0  # bytes of the log
        with client_of(service.port) as client:
            for request in requests:
                client.ask(request, is_whole=True)
        time.sleep(SETTLED)
        self._first = megabytes(service)

    def growth(self) -> float:
        """Say how much the service has grown since the beginning, in MB."""
        return megabytes(self._service) - self._first

    def run(self, seed: Seed, count: int, number: int) -> Found:
        """Send one seed as it is and spoilt; say what was wrong."""
        service = self._service
        living, before, began = set(service.family()), megabytes(service), time.monotonic()
        is_over = self._context.Event()
        receiver, sender = self._context.Pipe(duplex=False)
        other = self._context.Process(
            target=_another,
            args=(service.port, self._idle_port, self._requests, is_over, sender),
            daemon=True,  # it ends with us, if this is given up
        )
        other.start()
        with client_of(service.port) as client:
            first = client.ask(seed.make(), is_whole=True)
        statuses = self._mutate(seed, count, number)
        is_over.set()
        waits: Waits = receiver.recv()
        other.join()
        growth = self._settled(before) - before
        faults = _faults_of(seed, first, statuses, growth, waits)
        if gone := living - set(service.family()):
            faults.append(f"{len(gone)} processes died")
        if wrong := self._news():
            faults.append(f"logged {wrong[0]:.200}")
        took = time.monotonic() - began
        print(f"{seed.name}: {took:.0f} s", file=sys.stderr, flush=True)
        return Found(
            seed=seed.name,
            first=first,
            statuses=dict(sorted(statuses.items())),
            growth=growth,
            waits=waits,
            faults=[f"{seed.name}: {fault}" for fault in faults],
        )

    def _mutate(self, seed: Seed, count: int, number: int) -> Counter[int]:
        parts = [count // CLIENTS + (each < count % CLIENTS) for each in range(CLIENTS)]
        found = Counter[int]()
        jobs = [
            self._pool.submit(attacked, self._service.port, seed.name, part, f"{number}.{each}")
            for each, part in enumerate(parts)
        ]
        for job in jobs:
            found += job.result()
        return found

    def _settled(self, before: float) -> float:
        """Weigh the service when what is not used any more was given back."""
        for seconds in (0, SETTLED, SETTLED, SETTLED):
            time.sleep(seconds)
            found = megabytes(self._service)
            if found - before < SMALL_GROWTH:
                break
        return found

    def _news(self) -> list[str]:
        """Give the lines that the log has since the last time, if they are no good news."""
        text = self._service.log.read_bytes()
        news, self._read = text[self._read :].decode("utf-8", "replace"), len(text)
        return [line for line in news.splitlines() if WRONG.search(line)]


def _another(
    port: int, idle_port: int, requests: list[bytes], is_over: Event, sender: Connection
) -> None:
    """Be another client, in a process of its own."""
    sender.send(slowest(port, idle_port, requests, is_over))


def attacked(port: int, name: str, count: int, number: str) -> Counter[int]:
    """Send mutations of a seed, in a process of the pool, and count their statuses."""
    seed, chance, statuses = BY_NAME[name], random.Random(number), Counter[int]()
    large = seed.make()
    small = seed.small() if seed.small is not None else large
    most = count if len(large) < LARGE else min(count, MOST_LARGE // CLIENTS // len(large))
    with client_of(port) as client:
        for turn in range(count):
            whole = large if turn < most else small
            request, is_whole = mutated(whole, chance, is_raw=seed.is_raw)
            statuses[client.ask(request, is_whole=is_whole)] += 1
    return statuses


def _faults_of(
    seed: Seed, first: int, statuses: Counter[int], growth: float, waits: Waits
) -> list[str]:
    found = []
    if first not in seed.statuses:
        found.append(f"answered {first}, expected {seed.statuses}")
    wrong = [
        status
        for status in statuses
        if status in (HUNG, RESET) or (status >= 500 and status not in REFUSALS)
    ]
    if wrong:
        found.append(f"mutations were answered {wrong}")
    if growth > MOST_GROWTH:
        found.append(f"memory grew by {growth:.0f} MB")
    if waits.attacked > max(MOST_WAIT, 2 * waits.idle):
        found.append(f"another client waited {_milliseconds(waits)}")
    return found


def _milliseconds(waits: Waits) -> str:
    return f"{1000 * waits.attacked:.0f} ms ({1000 * waits.idle:.0f} at an idle service)"


def show(found: Found) -> None:
    """Print a line of the table."""
    answered = json.dumps(found.statuses).replace('"', "")
    print(
        f"{found.seed:44}{found.first:4} {answered} {found.growth:+.1f} MB, "
        f"another client {_milliseconds(found.waits)}{' FAULT' if found.faults else ''}",
        flush=True,
    )


def megabytes(service: Service) -> float:
    """Sum the memory of all processes of the service; what they share counts once."""
    kilobytes = 0
    for pid in service.family():
        with contextlib.suppress(OSError):
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
            kilobytes += int(re.findall(r"^Pss:\s+(\d+)", text, re.MULTILINE)[0])
    return kilobytes / 1000


if __name__ == "__main__":
    main()
