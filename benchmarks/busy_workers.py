"""Keep workers busy by slow calls, and count who waits behind them although another is free.

Each case serves a notebook by two workers. Slow calls are begun that last until they are let go.
Then come 12 short requests, each on a new connection, one after the other: those that are not
answered before the slow calls are let go have waited. Nothing depends on how fast the machine is.

    python benchmarks/busy_workers.py [--only NAME …]
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import http.client
import json
import threading
import time
from collections.abc import Iterator

from leftovers import leave_nothing
from service import Service, serving

ASKED = 12
_PATIENCE = 1.5  # seconds until a short request is given up for waiting
HOLD = """
import asyncio, json, os, time

def hold(name):
    open("began-" + name, "w").close()
    while not (os.path.exists("released") or os.path.exists("released-" + name)):
        time.sleep(0.01)
"""
FUNCTION = """
from runner import serve
def work(name: str) -> int:
    time.sleep(0.005)  # slow enough for a thread
    if name.startswith("slow"):
        hold(name)
    return os.getpid()
"""
AWAITED = """
from runner import serve
async def work(name: str) -> int:
    if name.startswith("slow"):
        open("began-" + name, "w").close()
        while not os.path.exists("released"):
            await asyncio.sleep(0.01)
    return os.getpid()
serve(work)
"""
BLOCKING = AWAITED.replace("await asyncio.sleep", "time.sleep")
WSGI = """
from runner import serve
def app(environ, start_response):
    name = environ["PATH_INFO"][1:]
    if name.startswith("slow"):
        hold(name)
    content = b'{"pid": %d}' % os.getpid()
    start_response("200 OK", [("Content-Length", str(len(content)))])
    return [content]
serve(app)
"""
ASGI = """
from runner import serve
async def app(scope, receive, send):
    name = scope["path"][1:]
    if name.startswith("slow"):
        hold(name)
    content = b'{"pid": %d}' % os.getpid()
    headers = [(b"content-length", b"%d" % len(content))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content})
serve(app)
"""
CELLS = (
    "# GET /\nprint(json.dumps({'pid': os.getpid()}))",
    "# GET /:name\nhold(json.loads(REQUEST)['path']['name'])\nprint('{}')",
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Case:
    """Say what is served, and how many slow calls it has in hand.

    Attributes:
        name: By which it is chosen.
        cells: Behind the one that holds.
        posts: It is asked by a POST.
        slow: Slow calls that are begun.
        waiting: Of them, those that wait behind the others and do not begin.
        frees_one: One worker is let go, with all that waits behind, before the short ones come.
        keeps: The short ones come on connections that were made before.
        waits: Short ones that may wait.
        words: Further options.
    """

    name: str
    cells: tuple[str, ...]
    posts: bool = False
    slow: int = 1
    waiting: int = 0
    frees_one: bool = False
    keeps: bool = False
    waits: int = 0
    words: tuple[str, ...] = ()


def function(threads: int = 1) -> tuple[str, str]:
    """Serve a plain function, and let each worker find that it is slow."""
    return FUNCTION, f'serve(work, threads={threads}, example={{"name": "quick"}})'


CASES = [
    Case(name="annotated cells", cells=CELLS),
    Case(name="WSGI, one at a time", cells=(WSGI,), words=("--max-concurrency", "1")),
    Case(name="WSGI, two at a time", cells=(WSGI,), slow=3, words=("--max-concurrency", "2")),
    Case(name="WSGI", cells=(WSGI,)),
    Case(name="a plain function", cells=function(), posts=True),
    Case(name="a plain function, 2 threads", cells=function(2), posts=True, slow=2),
    Case(name="an async function", cells=(AWAITED,), posts=True),
    Case(name="an async function that blocks", cells=(BLOCKING,), posts=True),
    Case(name="an ASGI app that blocks", cells=(ASGI,)),
    Case(name="cells, when one is free again", cells=CELLS, slow=3, waiting=1, frees_one=True),
    Case(
        name="a function, when one is free again",
        cells=function(),
        posts=True,
        slow=3,
        waiting=1,
        frees_one=True,
    ),
    Case(name="cells, kept connections", cells=CELLS, keeps=True, waits=ASKED),
]


def main() -> None:
    """Show each case, and exit by 1 if more wait than may."""
    leave_nothing()
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--only", nargs="*", default=[], help="names, or their beginnings")
    given = options.parse_args()
    print(f"| two workers | slow calls | of {ASKED} short ones waited | not answered by 200 |")
    print("|---|---|---|---|")
    faults = []
    for case in CASES:
        if given.only and not any(case.name.startswith(name) for name in given.only):
            continue
        waited, failed = measured(case)
        print(f"| {case.name} | {case.slow} | {waited} | {failed} |", flush=True)
        if waited > case.waits or failed:
            faults.append(case.name)
    if faults:
        raise SystemExit("too many waited or failed: " + ", ".join(faults))


def measured(case: Case) -> tuple[int, int]:
    """Give how many waited, and how many were not answered by 200."""
    words = ("--workers", "2", "--no-access-log", "--no-standby", *case.words)
    with serving_case(case, words) as service, contextlib.ExitStack() as open_ones:
        kept = [connected(service, open_ones) for _ in range(ASKED if case.keeps else 0)]
        for connection in kept:
            ask(service, case, connection)
        for _ in range(2 * ASKED if case.posts else 0):  # so that each worker finds it slow
            ask(service, case, None)
        slow = hold(service, case)
        if case.frees_one:
            free_one(service, slow)
        answers = [ask(service, case, kept[number] if kept else None) for number in range(ASKED)]
        (service.folder / "released").touch()
        for each in slow:
            each.join()
    return answers.count("waited"), sum(each not in ("200", "waited") for each in answers)


@contextlib.contextmanager
def serving_case(case: Case, words: tuple[str, ...]) -> Iterator[Service]:
    """Serve it; a function answers nothing but a POST."""
    with serving(*words, cells=(HOLD, *case.cells), path="/readyz" if case.posts else "/") as given:
        yield given


class Slow(threading.Thread):
    """Be one slow call.

    Attributes:
        said: Its name.
    """

    def __init__(self, service: Service, case: Case, number: int) -> None:
        super().__init__()
        self.said = f"slow{number}"
        self._service, self._case = service, case
        self.start()

    def run(self) -> None:
        """Ask."""
        connection = http.client.HTTPConnection("127.0.0.1", self._service.port, timeout=60)
        with contextlib.closing(connection):
            send(connection, self._case, self.said)
            connection.getresponse().read()


def hold(service: Service, case: Case) -> list[Slow]:
    """Begin the slow calls, one after the other; those in hand come first."""
    calls: list[Slow] = []
    for number in range(case.slow):
        calls.append(Slow(service, case, number))
        if number < case.slow - case.waiting:
            began = service.folder / f"began-slow{number}"
            end = time.monotonic() + 20
            while not began.exists() and time.monotonic() < end:
                time.sleep(0.01)
    time.sleep(0.5)
    return calls


def free_one(service: Service, slow: list[Slow]) -> None:
    """Let the first slow call go, and the last, if that has waited behind it."""
    for each in (slow[0], slow[-1]):
        began = service.folder / f"began-{each.said}"
        if began.exists():
            (service.folder / f"released-{each.said}").touch()
            each.join()
            time.sleep(0.2)  # the next one begins


def connected(service: Service, open_ones: contextlib.ExitStack) -> http.client.HTTPConnection:
    """Make a connection that is kept."""
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=_PATIENCE)
    open_ones.callback(connection.close)
    return connection


def send(connection: http.client.HTTPConnection, case: Case, name: str) -> None:
    """Send one request."""
    if case.posts:
        body = json.dumps({"name": name or "quick"})
        connection.request("POST", "/", body, {"Content-Type": "application/json"})
    else:
        connection.request("GET", f"/{name}")


def ask(service: Service, case: Case, kept: http.client.HTTPConnection | None) -> str:
    """Ask for a short answer; give its status, or ``waited``."""
    connection = kept or http.client.HTTPConnection("127.0.0.1", service.port, timeout=_PATIENCE)
    try:
        send(connection, case, "")
        response = connection.getresponse()
        response.read()
        return str(response.status)
    except TimeoutError:
        return "waited"
    except (OSError, http.client.HTTPException) as error:
        return type(error).__name__
    finally:
        if kept is None:
            connection.close()


if __name__ == "__main__":
    main()
