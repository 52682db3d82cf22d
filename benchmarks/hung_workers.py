"""Let a worker hang in every way, under load, and see who notices, how soon, and who pays.

Each case serves a notebook, asks it all the time by short requests, half of them on kept
connections, and then has one worker hang. Shown are: the seconds until another has taken its
place; how many of the others were answered until then and how many failed; the longest wait of one
on a new connection and of one on a kept connection; how often ``/readyz`` was answered by 200, and
how often not at all within a second; and whether the log says where it hung.

    python benchmarks/hung_workers.py [--only NAME …] [--hang-timeout 3]
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import http.client
import os
import re
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from leftovers import leave_nothing
from service import Account, Request, Service, load, serving

HANGS = """
import asyncio, collections, ctypes, itertools, json, os, time

def in_python():
    while True:
        time.sleep(1)

def in_c():
    collections.deque(itertools.repeat(0), maxlen=0)  # holds Python's lock, and computes for ever

def hang(how):
    open("hung", "w").close()
    {"python": in_python, "c": in_c}[how]()
"""
FUNCTION = """
from runner import serve
def work(what: str) -> int:
    if what in ("python", "c"):
        hang(what)
    if what == "slow":
        time.sleep(0.02)
    return os.getpid()
"""
ASGI = """
from runner import serve
async def app(scope, receive, send):
    if scope["path"] in ("/python", "/c"):
        hang(scope["path"][1:])
    headers = [(b"content-length", b"8")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b'{"a": 1}'})
"""
WSGI = """
from runner import serve
def app(environ, start_response):
    if environ["PATH_INFO"] in ("/python", "/c"):
        hang(environ["PATH_INFO"][1:])
    start_response("200 OK", [("Content-Length", "8")])
    return [b'{"a": 1}']
"""
CELLS = ("# GET /\nprint('{\"a\": 1}')", "# GET /python\nhang('python')", "# GET /c\nhang('c')")
# A worker that is forked anew hangs as it starts, once.
AT_START = """
from runner import serve
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        if os.path.exists("hung") and not os.path.exists("hung-at-start"):
            open("hung-at-start", "w").close()
            in_python()
        raise RuntimeError("no lifespan")
    if scope["path"] == "/die":
        open("hung", "w").close()
        os._exit(1)
    headers = [(b"content-length", b"8")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b'{"a": 1}'})
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Case:
    """Say what is served, and how one of its workers comes to hang.

    Attributes:
        name: By which it is chosen.
        cells: Behind the one with the ways to hang.
        path: What is asked to make it hang; empty: by a signal.
        what: What is POSTed to make it hang.
        stops: Which process gets a SIGSTOP: ``worker`` or ``kernel``.
        body: What the load POSTs; else it is a GET.
        workers: How many.
        words: Further options.
        replaces: Whether a successor is expected.
        times: How many have to be replaced.
    """

    name: str
    cells: tuple[str, ...]
    path: str = "/"
    what: str = ""
    stops: str = ""
    body: str | None = None
    workers: int = 2
    words: tuple[str, ...] = ()
    replaces: bool = True
    times: int = 1


PREDICT = (FUNCTION, "serve(work)")
ASKED = '{"what": "quick"}'
CASES = [
    Case(name="predict, for ever", cells=PREDICT, what="python", body=ASKED),
    Case(name="predict, SIGSTOP", cells=PREDICT, stops="worker", body=ASKED),
    Case(name="predict, endless C", cells=PREDICT, what="c", body=ASKED),
    Case(
        name="predict in a thread, for ever",
        cells=PREDICT,
        what="python",
        body='{"what": "slow"}',
        words=("--predict-timeout", "3"),
    ),
    Case(
        name="predict in a thread, endless C",
        cells=PREDICT,
        what="c",
        body='{"what": "slow"}',
        words=("--predict-timeout", "3"),
    ),
    Case(name="ASGI, its loop", cells=(ASGI, "serve(app)"), path="/python"),
    Case(name="ASGI, endless C", cells=(ASGI, "serve(app)"), path="/c"),
    Case(name="WSGI, endless C", cells=(WSGI, "serve(app)"), path="/c"),
    Case(name="WSGI, a thread", cells=(WSGI, "serve(app)"), path="/python", replaces=False),
    Case(
        name="a cell, for ever",  # it is interrupted
        cells=CELLS,
        path="/python",
        words=("--cell-timeout", "3"),
        replaces=False,
    ),
    Case(name="a cell, endless C", cells=CELLS, path="/c", words=("--cell-timeout", "60")),
    Case(name="one worker, for ever", cells=PREDICT, what="python", body=ASKED, workers=1),
    Case(name="one worker, SIGSTOP", cells=PREDICT, stops="worker", body=ASKED, workers=1),
    Case(name="one worker, endless C", cells=PREDICT, what="c", body=ASKED, workers=1),
    Case(name="the kernel of two, SIGSTOP", cells=PREDICT, stops="kernel", body=ASKED),
    Case(name="as it starts", cells=(AT_START, "serve(app)"), path="/die", times=2),
    Case(
        name="without a timeout",
        cells=PREDICT,
        what="python",
        body=ASKED,
        words=("--hang-timeout", "0"),
        replaces=False,
    ),
]
REPLACED = re.compile(r"took over slot|served after")
_AT_ONCE = 0.1
_MOST_WAIT = 1.0  # seconds of a short request on a new connection, while another worker is free


@dataclasses.dataclass(kw_only=True)
class Seen:
    """Hold what happened from the hang to the end of the watching.

    Attributes:
        began: When it hung.
        replaced: Seconds until the last that was expected; None if it did not come.
        others: The requests of the load that began before that and were not over at the hang.
        ready: How ``/readyz`` was answered meanwhile.
        victim: What became of the request that hung.
        says_where: The log has the stacks.
    """

    began: float
    replaced: float | None
    others: list[Request]
    ready: Counter[str]
    victim: str
    says_where: bool


def main() -> None:
    """Show each case, and exit by 1 if one does not come out as it should."""
    leave_nothing()
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--only", nargs="*", default=[], help="names, or their beginnings")
    options.add_argument("--hang-timeout", type=float, default=3)
    given = options.parse_args()
    print("| hangs | replaced after | answered | failed | longest: new, kept | /readyz | where |")
    print("|---|---|---|---|---|---|---|")
    faults = []
    for case in CASES:
        if not given.only or any(case.name.startswith(name) for name in given.only):
            seen = watch(case, given.hang_timeout)
            print(row(case, seen), flush=True)
            faults += [f"{case.name}: {fault}" for fault in faults_of(case, seen)]
    if faults:
        raise SystemExit("\n".join(faults))


def watch(case: Case, timeout: float) -> Seen:
    """Have one worker hang, and see what happens."""
    words = ("--hang-timeout", f"{timeout:g}", "--workers", str(case.workers), "--no-access-log")
    with serving(*words, *case.words, cells=(HANGS, *case.cells)) as service:
        stopped = [process(service, case)] if case.stops else []
        with load(service.port, 6, pause=0.02, body=case.body) as account:
            time.sleep(1)
            before = len(log_of(service))
            with probing(service.port) as ready:
                began = time.monotonic()
                victim = Victim(service.port, case, stopped)
                replaced = await_replaced(service, case, before, 4 * timeout + 4)
                end = time.monotonic()
            time.sleep(0.5)  # who waited is answered by the successor
        victim.join()
        said = log_of(service)[before:]
        for pid in stopped:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
    says_where = "in in_python" in said or "in in_c" in said
    return Seen(
        began=began,
        replaced=None if replaced is None else replaced - began,
        others=concerned(account, began, end),
        ready=ready,
        victim=victim.said,
        says_where=says_where or bool(case.stops and "  File" in said),
    )


def process(service: Service, case: Case) -> int:
    """Give the process that is to be stopped."""
    worker = int(service.status()["serving"]["workers"][0])
    if case.stops == "worker":
        return worker
    # Source: proc_pid_stat(5); its fourth field is the parent.
    return int(Path(f"/proc/{worker}/stat").read_text().rpartition(")")[2].split()[1])


def await_replaced(service: Service, case: Case, before: int, within: float) -> float | None:
    """Give the moment when as many as expected had been replaced; None if they were not."""
    end = time.monotonic() + (within if case.replaces else within / 2)
    while time.monotonic() < end:
        if len(REPLACED.findall(log_of(service)[before:])) >= case.times:
            return time.monotonic()
        time.sleep(0.02)
    return None


def log_of(service: Service) -> str:
    """Give all that the service has said."""
    return service.log.read_text(errors="replace")


def concerned(account: Account, began: float, end: float) -> list[Request]:
    """Give the requests that were not over when it hung, nor begun after the end."""
    return [each for each in account.requests if each.ended >= began and each.began <= end]


class Victim(threading.Thread):
    """Ask what makes a worker hang, or stop it."""

    def __init__(self, port: int, case: Case, stopped: list[int]) -> None:
        super().__init__()
        self.said = "stopped"
        self._port, self._case = port, case
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        if not stopped:
            self.start()

    def run(self) -> None:
        """Ask."""
        case = self._case
        body = f'{{"what": "{case.what}"}}' if case.what else None
        self.said = ask(self._port, case.path, body, timeout=20)

    def join(self, timeout: float | None = None) -> None:
        """Wait, if it was begun."""
        if self.ident is not None:
            super().join(timeout)


def ask(port: int, path: str, body: str | None = None, *, timeout: float) -> str:
    """Ask on a new connection; give the status, or how it failed."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        headers = {"Content-Type": "application/json"} if body else {}
        connection.request("POST" if body else "GET", path, body, headers)
        return str(connection.getresponse().status)
    except (OSError, http.client.HTTPException) as error:
        return type(error).__name__
    finally:
        connection.close()


@contextlib.contextmanager
def probing(port: int) -> Iterator[Counter[str]]:
    """Probe readiness as Kubernetes does, but ten times a second."""
    found: Counter[str] = Counter()
    is_over = threading.Event()

    def probe() -> None:
        while not is_over.wait(0.1):
            found[ask(port, "/readyz", timeout=1)] += 1

    thread = threading.Thread(target=probe)
    thread.start()
    try:
        yield found
    finally:
        is_over.set()
        thread.join()


def row(case: Case, seen: Seen) -> str:
    """Write the line of the table."""
    answered = sum(not each.fault for each in seen.others)
    faults = Counter(f"{each.fault}{' (kept)' * each.keeps}" for each in seen.others if each.fault)
    replaced = "never" if seen.replaced is None else f"{seen.replaced:.1f} s"
    waits = f"{longest(seen, keeps=False):.2f} s, {longest(seen, keeps=True):.2f} s"
    cells = [
        f"{case.name}, {case.workers} worker(s)",
        f"{replaced}; it: {seen.victim}",
        str(answered),
        ", ".join(f"{count} {name}" for name, count in sorted(faults.items())) or "0",
        waits,
        ", ".join(f"{count} {name}" for name, count in sorted(seen.ready.items())),
        "yes" if seen.says_where else "no",
    ]
    return f"| {' | '.join(cells)} |"


def longest(seen: Seen, *, keeps: bool) -> float:
    """Give the longest wait of a request, answered or not."""
    waits = [each.ended - each.began for each in seen.others if each.keeps is keeps]
    return max(waits, default=0.0)


def faults_of(case: Case, seen: Seen) -> Iterator[str]:
    """Say what should not be so."""
    if (seen.replaced is not None) is not case.replaces:
        yield "not replaced" if case.replaces else "replaced"
    # Others may have been accepted by the one that hung, before it did.
    new = [each for each in seen.others if not each.keeps and each.began > seen.began + _AT_ONCE]
    if any(each.fault for each in new):
        yield "requests on new connections failed"
    if case.workers > 1 and case.stops != "kernel":
        late = [each for each in new if each.ended - each.began > _MOST_WAIT]
        if late:
            yield f"{len(late)} requests on new connections waited"


if __name__ == "__main__":
    main()
