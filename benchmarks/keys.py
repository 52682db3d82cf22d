"""Ask every way of serving with keys that are none, and tell whether the time gives a key away.

Each request is one of: no key, a wrong one, one that is nearly right, a known key twice, in both
headers, an overlong one. It has to be refused with 401 whatever it asks for, unless that is open;
never answered by 5xx. Then keys that are nearly right and keys that are not are timed against each
other (Welch's t-test), and the plain way with keys against that without.

    python benchmarks/keys.py [--count 100000] [--samples 10000] [--only WORD ...]
"""

from __future__ import annotations

import argparse
import collections
import concurrent.futures
import contextlib
import dataclasses
import gc
import multiprocessing
import os
import random
import secrets
import socket
import statistics
import string
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from leftovers import leave_nothing
from service import Service, free_port, serving, until

sys.path.insert(0, str(Path(__file__).with_name("bench")))

from keys_services import SERVICES, Case, Kind

from runner.access.gate import Asked, Gate
from runner.access.key_file import append_line, line_of, read_keys
from runner.access.keys import Keys
from runner.access.refusal import RefusedRequestError

CLIENTS = 4
MOST_T = 4.5  # of Welch's t: beyond it a difference is taken to be one, as in `dudect`
ROUNDS, BATCHES, BATCH = 10, 400, 16
ALPHABET = string.ascii_letters + string.digits + "-_"


def main() -> None:
    """Ask, time and compare; exit by 1 if anything was wrong."""
    leave_nothing()
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--count", type=int, default=100_000, help="requests over all services")
    options.add_argument("--samples", type=int, default=10_000, help="of each kind of key, timed")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--only", nargs="*", default=[""], help="services whose names have one")
    given = options.parse_args()
    chosen = [kind for kind in SERVICES if any(word in kind.name for word in given.only)]
    faults: list[str] = []
    for kind in chosen:
        faults += refusals(kind, -(-given.count // len(chosen)), given.seed)
    faults += times(given.samples)
    cost()
    for fault in faults:
        print(f"FAULT {fault}")
    sys.exit(bool(faults))


@contextlib.contextmanager
def keyed(kind: Kind, *words: str) -> Iterator[tuple[Service, str]]:
    """Serve with a file of keys; give the service and a key."""
    key, file = secrets.token_urlsafe(32), Path(f"/tmp/keys-{os.getpid()}-{free_port()}")
    for name in ("alice", "bob"):
        append_line(file, line_of(name, key if name == "alice" else secrets.token_urlsafe(32)))
    try:
        words = ("--no-standby", "--no-access-log", "--api-keys", str(file), *words)
        cells = tuple(cell.replace("PORT", str(free_port())) for cell in kind.cells)
        with serving(*words, cells=cells, path="/readyz") as service:
            until(lambda: (service.ask("/readyz") or {}).get("status") == "ready", 60)
            yield service, key
    finally:
        file.unlink()


# -- who is refused


def refusals(kind: Kind, count: int, seed: int) -> list[str]:
    """Ask one service without a right key; say what was wrong."""
    context = multiprocessing.get_context("fork")
    with (
        keyed(kind, "--open", "metrics,docs") as (service, key),
        concurrent.futures.ProcessPoolExecutor(CLIENTS, mp_context=context) as pool,
    ):
        began = time.monotonic()
        jobs = [
            pool.submit(asked, service.port, kind.name, key, -(-count // CLIENTS), seed + each)
            for each in range(CLIENTS)
        ]
        statuses, faults = collections.Counter[int](), list[str]()
        for job in jobs:
            found, wrong = job.result()
            statuses += found
            faults += wrong
        right = answer(service.port, kind.right.head(f"x-api-key: {key}"), kind.right.body)
        if right != 200:
            faults.append(f"{kind.name}: a right key was answered with {right}")
        if b"Traceback" in service.log.read_bytes():
            faults.append(f"{kind.name}: logged a traceback")
        took = time.monotonic() - began
    said = ", ".join(f"{status}: {number}" for status, number in sorted(statuses.items()))
    print(f"{kind.name}: {statuses.total()} requests in {took:.0f} s: {said}", flush=True)
    return faults[:5]


def asked(
    port: int, name: str, key: str, count: int, seed: int
) -> tuple[dict[int, int], list[str]]:
    """Send requests of all kinds to a service; count statuses, and tell what was wrong."""
    kind = next(each for each in SERVICES if each.name == name)
    chance, statuses, faults = random.Random(seed), collections.Counter[int](), []
    for _ in range(count):
        case: Case = chance.choice(kind.cases)
        what, fields = without_right_key(key, chance)
        status = answer(port, case.head(*fields), case.body)
        statuses[status] += 1
        if (status != 401 and not case.is_open) or (case.is_open and status != case.status):
            faults.append(f"{name}: {case.method} {case.path}, {what}: {status}")
    return statuses, faults


def without_right_key(key: str, chance: random.Random) -> tuple[str, list[str]]:
    """Make the headers of a request that is to be refused, and name them."""
    other = chance.choice("abcdefghijklmnopqrstuvwxyz")
    near = key[:-1] + (other if other != key[-1] else "A")
    bearer, own = f"Authorization: Bearer {key}", f"x-api-key: {key}"
    long = "k" * chance.choice([257, 1_000, 60_000])
    return chance.choice(
        [
            ("no key", []),
            ("empty", ["x-api-key:"]),
            ("empty bearer", ["Authorization: Bearer"]),
            ("wrong", [f"x-api-key: {secrets.token_urlsafe(32)}"]),
            ("wrong bearer", [f"Authorization: bearer {secrets.token_urlsafe(32)}"]),
            ("near", [f"X-Api-Key: {near}"]),
            ("near bearer", [f"authorization: Bearer {near}"]),
            ("shorter", [f"x-api-key: {key[:-1]}"]),
            ("longer", [f"x-api-key: {key}x"]),
            ("its hash", [f"x-api-key: {line_of('a', key).partition(':')[2]}"]),
            ("twice", [own, own]),
            ("twice as bearer", [bearer, bearer]),
            ("in both", [bearer, own]),
            ("in one, joined", [f"x-api-key: {key}, {key}"]),
            ("basic", [f"Authorization: Basic {key}"]),
            ("basic and bearer", ["Authorization: Basic YTpi", bearer]),
            ("without a scheme", [f"Authorization: {key}"]),
            ("underscores", [f"x_api_key: {key}"]),
            ("overlong", [f"x-api-key: {long}"]),
            ("overlong bearer", [f"Authorization: Bearer {long}"]),
        ]
    )


def answer(port: int, head: bytes, body: bytes) -> int:
    """Send one request on a connection of its own; give the status of the answer, 0 if none."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
        client.sendall(head + body)
        said = b""
        while b"\r\n" not in said and (piece := client.recv(65_536)):
            said += piece
    return int(said.split(b" ", 2)[1]) if said.startswith(b"HTTP/1.") else 0


# -- what the time says


def times(samples: int) -> list[str]:
    """Time keys that are nearly right against others; say where a difference is seen."""
    faults = []
    kind = SERVICES[0]
    with keyed(kind) as (service, key):
        for way, found in (
            ("in the process", timed_in_process(samples)),
            ("by a socket", timed_by_socket(service.port, kind, key, samples)),
        ):
            for what, (near, far) in (("all", found), ("below 0.9", cropped(*found))):
                t, p = welch(near, far)
                print(
                    f"{way}, {what}: near {statistics.fmean(near):.2f} us, far"
                    f" {statistics.fmean(far):.2f} us, t = {t:.2f}, p = {p:.2f}",
                    flush=True,
                )
                if abs(t) > MOST_T:
                    faults.append(f"{way}: the time tells near from far: t = {t:.2f}")
    return faults


def timed_in_process(samples: int) -> tuple[list[float], list[float]]:
    """Time the gate itself."""
    key, file = secrets.token_urlsafe(32), Path(f"/tmp/keys-{os.getpid()}")
    append_line(file, line_of("alice", key))
    try:
        gate = Gate(Keys(read_keys(file)))
    finally:
        file.unlink()

    def spent(given: str) -> float:
        request = Asked("POST", "/", [(b"host", b"a"), (b"x-api-key", given.encode())])
        began = time.perf_counter_ns()
        with contextlib.suppress(RefusedRequestError):
            gate.admit(request)
        return (time.perf_counter_ns() - began) / 1000

    return compared(spent, key, samples)


def timed_by_socket(
    port: int, kind: Kind, key: str, samples: int
) -> tuple[list[float], list[float]]:
    """Time whole requests, each on a connection that was made before."""

    def spent(given: str) -> float:
        data = kind.right.head(f"x-api-key: {given}") + kind.right.body
        with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
            began = time.perf_counter_ns()
            client.sendall(data)
            client.recv(65_536)
            return (time.perf_counter_ns() - began) / 1000

    return compared(spent, key, samples)


def compared(
    spent: Callable[[str], float], key: str, samples: int
) -> tuple[list[float], list[float]]:
    """Time both kinds of keys in an order of chance, which no drift of the machine can fit."""
    chance = random.Random(0)
    made = [secrets.token_urlsafe(32) for _ in range(samples)]
    kinds = [(True, nearly(key, chance)) for _ in made]
    kinds += [(False, each) for each in made]
    chance.shuffle(kinds)
    spents = [0.0] * len(kinds)
    gc.disable()
    try:
        for number, (_, given) in enumerate(kinds):
            spents[number] = spent(given)
    finally:
        gc.enable()
    found = [
        [each for (is_near, _), each in zip(kinds, spents, strict=True) if is_near == wanted]
        for wanted in (True, False)
    ]
    return found[0], found[1]


def nearly(key: str, chance: random.Random) -> str:
    """Change one letter of a key."""
    at = chance.randrange(len(key))
    other = chance.choice([each for each in ALPHABET if each != key[at]])
    return key[:at] + other + key[at + 1 :]


def cropped(near: list[float], far: list[float]) -> tuple[list[float], list[float]]:
    """Leave out what the machine's other work has made last, by one bound for both."""
    most = sorted(near + far)[int(0.9 * len(near + far))]
    return [each for each in near if each < most], [each for each in far if each < most]


def welch(near: list[float], far: list[float]) -> tuple[float, float]:
    """Give Welch's t, and how likely one as large comes by chance."""
    from scipy import stats

    found = stats.ttest_ind(near, far, equal_var=False)
    return float(found.statistic), float(found.pvalue)


# -- what it costs


@dataclasses.dataclass(frozen=True, kw_only=True)
class Side:
    """Be one of the services that are compared.

    Attributes:
        service: The service.
        requests: What is sent at once.
    """

    service: Service
    requests: bytes

    def spend(self) -> float:
        """Ask many times; give the microseconds of the service's processors for each request."""
        before = self._seconds()
        with socket.create_connection(("127.0.0.1", self.service.port), timeout=30) as client:
            for _ in range(BATCHES):
                client.sendall(self.requests)
                count, said = 0, b""
                while count < BATCH:
                    said += client.recv(262_144)
                    count = said.count(b"HTTP/1.1 200")
                while not said.endswith(b"}"):
                    said += client.recv(262_144)
        return (self._seconds() - before) / (BATCHES * BATCH) * 1e6

    def _seconds(self) -> float:
        ticks = os.sysconf("SC_CLK_TCK")
        total = 0.0
        for pid in self.service.family():
            with contextlib.suppress(OSError):
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                total += (int(fields[11]) + int(fields[12])) / ticks
        return total


def cost() -> None:
    """Compare the plain way with keys and without, by turns."""
    kind = SERVICES[0]
    with (
        keyed(kind) as (with_keys, key),
        serving("--no-standby", "--no-access-log", cells=kind.cells, path="/readyz") as without,
    ):
        until(lambda: (without.ask("/readyz") or {}).get("status") == "ready", 60)
        field = f"x-api-key: {key}"
        sides = [
            Side(service=service, requests=(kind.right.plain(*fields) + kind.right.body) * BATCH)
            for service, fields in ((with_keys, [field]), (without, [field]))
        ]
        for side in sides:
            side.spend()
        rounds = [[side.spend() for side in sides] for _ in range(ROUNDS)]
    with_, without_ = (statistics.median(each) for each in zip(*rounds, strict=True))
    print(
        f"the plain way, of the service's processors: {with_:.1f} us a request with keys,"
        f" {without_:.1f} us without: ratio {without_ / with_:.3f}, {with_ - without_:.2f} us more"
    )


if __name__ == "__main__":
    main()
