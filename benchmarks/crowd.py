"""Measure what a normal client waits while many others hold connections and misuse them.

One worker serves a model. Of the others, some are idle, before their first request or after it;
some send a request by a byte at a time; some ask again and again and never read an answer. Whoever
is put out comes again. Rounds with and without them alternate. The normal client asks on
a connection that it keeps, and as often on a new one.

    python benchmarks/crowd.py [--idle 500] [--slow 100] [--unread 50] [--rounds 2] [--seconds 20]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import dataclasses
import http.client
import json
import math
import multiprocessing
import resource
import socket
import statistics
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path

from leftovers import leave_nothing
from service import Service, serving

MODEL = """from runner import serve
from sklearn.datasets import load_iris
from sklearn.svm import SVC
serve(SVC().fit(*load_iris(return_X_y=True)), example=[5.1, 3.5, 1.4, 0.2])
"""
BODY = json.dumps([6.3, 3.3, 6.0, 2.5]).encode()
JSON = {"Content-Type": "application/json"}
HEAD = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
WHOLE = HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
LARGE = b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n"
MOST = 0.100  # seconds of the 99th percentile with the crowd


@dataclasses.dataclass(kw_only=True)
class Waits:
    """Hold what a normal client met: seconds of each answer, and what failed."""

    seconds: list[float] = dataclasses.field(default_factory=list)
    faults: Counter[str] = dataclasses.field(default_factory=Counter)

    def percentile(self, share: int) -> float:
        """Give a percentile of the seconds; without end if hardly anything was answered."""
        if len(self.seconds) < 2:
            return math.inf
        return statistics.quantiles(self.seconds, n=100)[share - 1]


def main() -> None:
    """Alternate the rounds, and exit by 1 if a normal client waits too long or fails."""
    leave_nothing()
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--idle", type=int, default=500)
    options.add_argument("--slow", type=int, default=100)
    options.add_argument("--unread", type=int, default=50, help="who never read an answer")
    options.add_argument("--rounds", type=int, default=2)
    options.add_argument("--seconds", type=float, default=20, help="of each half of a round")
    given = options.parse_args()
    sizes = {"idle": given.idle, "slow": given.slow, "unread": given.unread}
    alone, among = Waits(), Waits()
    with serving("--no-access-log", "--no-standby", cells=(MODEL,)) as service:
        for _ in range(given.rounds):
            ask(service.port, given.seconds, alone)
            before = megabytes(service)
            with crowd(service.port, sizes) as held:
                ask(service.port, given.seconds, among)
                print(f"held {held()}; memory {megabytes(service) - before:+.0f} MB", flush=True)
    for name, waits in {"without them": alone, "among them": among}.items():
        print(
            f"{name:14}{len(waits.seconds):7} answers, {waits.faults.total()} failed "
            f"{dict(waits.faults)}: p50 {1000 * waits.percentile(50):.2f} ms, "
            f"p99 {1000 * waits.percentile(99):.2f} ms, "
            f"slowest {1000 * max(waits.seconds, default=math.inf):.1f} ms"
        )
    if among.percentile(99) > MOST or among.faults:
        raise SystemExit(f"more than {1000 * MOST:.0f} ms, or failed")


def ask(port: int, seconds: float, waits: Waits) -> None:
    """Be the normal client for a while."""
    kept = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        _time(kept, waits)
        new = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        _time(new, waits)
        new.close()
        time.sleep(0.002)
    kept.close()


def _time(connection: http.client.HTTPConnection, waits: Waits) -> None:
    began = time.perf_counter()
    try:
        connection.request("POST", "/", BODY, JSON)
        response = connection.getresponse()
        response.read()
    except (OSError, http.client.HTTPException) as error:
        waits.faults[type(error).__name__] += 1
        connection.close()
        return
    if response.status == 200:
        waits.seconds.append(time.perf_counter() - began)
    else:
        waits.faults[str(response.status)] += 1


def megabytes(service: Service) -> float:
    """Sum the resident memory of all the service's processes."""
    pages = 0
    for pid in service.family():
        with contextlib.suppress(OSError):
            pages += int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


@contextlib.contextmanager
def crowd(port: int, sizes: dict[str, int]) -> Iterator[Callable[[], str]]:
    """Run the others in a process of their own; give what says how many there are."""
    ours, theirs = multiprocessing.Pipe()
    spawn = multiprocessing.get_context("spawn")
    process = spawn.Process(target=_run_crowd, args=(port, sizes, theirs), daemon=True)
    process.start()

    def held() -> str:
        ours.send("held")
        return str(ours.recv()) if ours.poll(30) else "no answer"

    try:
        if not ours.poll(60):
            raise SystemExit("the others could not all connect within 60 s")
        ours.recv()
        yield held
    finally:
        process.kill()
        process.join()


def _run_crowd(port: int, sizes: dict[str, int], parent: Connection) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    asyncio.run(_crowd(port, sizes, parent))


async def _crowd(port: int, sizes: dict[str, int], parent: Connection) -> None:
    held: Counter[str] = Counter()
    opened: Counter[str] = Counter()

    async def again_and_again(kind: str, number: int) -> None:
        while True:
            with contextlib.suppress(OSError), socket.socket() as client:
                client.setblocking(False)
                client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                await asyncio.get_running_loop().sock_connect(client, ("127.0.0.1", port))
                opened[kind] += 1
                held[kind] += 1
                try:
                    await KINDS[kind](client, number)
                finally:
                    held[kind] -= 1
            await asyncio.sleep(0.1)

    tasks = [
        asyncio.create_task(again_and_again(kind, number))
        for kind, size in sizes.items()
        for number in range(size)
    ]
    is_said = False
    while tasks:
        await asyncio.sleep(0.05)
        if not is_said and all(opened[kind] >= size for kind, size in sizes.items()):
            is_said = True
            parent.send("all have connected")
        if parent.poll():
            parent.recv()
            parent.send(", ".join(f"{held[kind]} of {opened[kind]} {kind}" for kind in sizes))


async def _idle(client: socket.socket, number: int) -> None:
    loop = asyncio.get_running_loop()
    if number % 2:
        await loop.sock_sendall(client, WHOLE)
    while await loop.sock_recv(client, 65536):
        pass


async def _slow(client: socket.socket, number: int) -> None:
    """Send a head (by bytes, or whole) and a body by a byte at a time."""
    loop = asyncio.get_running_loop()
    at_once = len(WHOLE) - len(BODY) if number % 2 else 0
    await loop.sock_sendall(client, WHOLE[:at_once])
    for byte in WHOLE[at_once:]:
        await loop.sock_sendall(client, bytes([byte]))
        await asyncio.sleep(1)
    await loop.sock_recv(client, 65536)


async def _unread(client: socket.socket, number: int) -> None:
    """Ask for what is large or for predictions, until nothing more is taken, and wait."""
    loop = asyncio.get_running_loop()
    while True:
        await loop.sock_sendall(client, (LARGE if number % 2 else WHOLE) * 100)


KINDS: dict[str, Callable[[socket.socket, int], Awaitable[None]]] = {
    "idle": _idle,
    "slow": _slow,
    "unread": _unread,
}

if __name__ == "__main__":
    main()
