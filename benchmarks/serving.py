"""Measure a supervised service: throughput, split, memory, deaths, swaps, a long run.

Needs wrk (Debian's package). Ratios are of alternated rounds, because the machine is noisy.

    python benchmarks/serving.py [--requests 1000000] [--rounds 5] [--only NAME ...]
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

from leftovers import leave_nothing
from service import APP, SERVE, Account, Service, free_port, load, serving, wrk

MODEL = (
    "import numpy as np\nimport sklearn.svm\nMODEL = np.random.default_rng(0).random(12_500_000)"
)


def main() -> None:
    """Run the parts that were asked for."""
    leave_nothing()
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--requests", type=int, default=1_000_000)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--only", nargs="*", default=list(PARTS), choices=list(PARTS))
    given = options.parse_args()
    print(f"{os.cpu_count()} cores, Python {sys.version.split()[0]}, {time.strftime('%Y-%m-%d')}")
    for name in given.only:
        print(f"\n== {name}")
        PARTS[name](given)


def throughput(given: argparse.Namespace) -> None:
    """Compare one worker with the same app under plain uvicorn."""
    with (
        tempfile.TemporaryDirectory() as folder,
        serving("--no-access-log", "--no-standby") as ours,
    ):
        (Path(folder) / "script.py").write_text(APP)
        ports = {"uvicorn, no access log": free_port(), "uvicorn, as it comes": free_port()}
        plain = [
            subprocess.Popen(
                [sys.executable, "-m", "uvicorn", "script:app", "--port", str(port), *words],
                cwd=folder,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            for port, words in zip(ports.values(), (["--no-access-log"], []), strict=True)
        ]
        with serving("--no-standby") as logging:
            ports |= {"runner, no access log": ours.port, "runner, as it comes": logging.port}
            time.sleep(1)
            rates: dict[str, list[float]] = {name: [] for name in ports}
            for _ in range(given.rounds):
                for name, port in ports.items():
                    rates[name].append(wrk(port, seconds=2))
        for process in plain:
            process.kill()
            process.wait()
    medians = {name: statistics.median(found) for name, found in rates.items()}
    for name, rate in medians.items():
        print(f"{name:24}{rate:10.0f} req/s")
    for kind in ("no access log", "as it comes"):
        print(f"ratio, {kind}: {medians[f'runner, {kind}'] / medians[f'uvicorn, {kind}']:.3f}")


def workers(given: argparse.Namespace) -> None:
    """Compare two workers with one at 2 ms of computing each, and see how the load splits."""
    with serving("--no-standby") as one, serving("--no-standby", "--workers", "2") as two:
        rates: dict[int, list[float]] = {one.port: [], two.port: []}
        for _ in range(given.rounds):
            for port, found in rates.items():
                found.append(wrk(port, "/work", seconds=2))
        ratio = statistics.median(rates[two.port]) / statistics.median(rates[one.port])
        pids: Counter[int] = Counter()
        clients = [threading.Thread(target=count, args=(two, pids)) for _ in range(32)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
    share = min(pids.values()) / pids.total()
    print(f"two workers / one at 2 ms of computing: {ratio:.2f}")
    print(f"the smaller share at 32 connections: {100 * share:.0f} %")


def count(service: Service, pids: Counter[int]) -> None:
    """Count which process answers one kept connection."""
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=20)
    for _ in range(20):
        connection.request("GET", "/work")
        pids[json.loads(connection.getresponse().read())["pid"]] += 1
    connection.close()


def memory(given: argparse.Namespace) -> None:
    """Weigh four workers on a model of 100 MB against four kernels."""
    with serving("--no-standby", "--workers", "4", cells=(MODEL, APP, SERVE)) as four:
        for _ in range(100):
            four.ask()
        shared = pss(four)
    separate = 0.0
    for _ in range(2):
        with serving("--no-standby", cells=(MODEL, APP, SERVE)) as one:
            one.ask()
            separate += 2 * pss(one)
    print(f"PSS of kernels and workers with 100 MB of data: 4 workers {shared:.0f} MB")
    print(f"4 kernels of one worker: {separate:.0f} MB")


def pss(service: Service) -> float:
    """Weigh the kernel and its workers, in MB; what is shared counts once."""
    total = 0
    for pid, words in service.family().items():
        if "ipykernel" in words:
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
            total += int(re.findall(r"^Pss:\s+(\d+)", text, re.MULTILINE)[0])
    return total / 1000


def deaths(given: argparse.Namespace) -> None:
    """Kill workers under load, then kernels; time the return and count the lost."""
    with serving("--workers", "2") as service, load(service.port, 8) as account:
        time.sleep(1)
        kills = [kill_worker(service) for _ in range(4 * given.rounds)]
    report_kills(kills, account)
    times = []
    for _ in range(given.rounds):  # a service of its own each: repeated deaths wait longer
        with serving(cells=("import sklearn.svm, time", APP, SERVE)) as service:
            until_standby(service)
            kernel = next(p for p, w in service.family().items() if serves(service, p, w))
            os.kill(kernel, signal.SIGKILL)
            began = time.monotonic()
            while service.ask() is None:
                pass
            times.append(time.monotonic() - began)
    print(
        f"a killed kernel's successor answers after {statistics.median(times):.2f} s (median), "
        f"slowest {max(times):.2f} s"
    )


def kill_worker(service: Service) -> tuple[float, set[int], int]:
    """Kill one of the two workers; give when, who lived before, and the victim."""
    before = set(service.status()["serving"]["workers"])
    victim = next(iter(before))
    began = time.monotonic()
    os.kill(victim, signal.SIGKILL)
    time.sleep(2.5)  # not a crash loop
    return began, before, victim


def report_kills(kills: list[tuple[float, set[int], int]], account: Account) -> None:
    """Say when successors answered, whether the others paused, and who was lost."""
    backs, pauses, quiet, losses, innocent = [], [], [], [], 0
    for began, before, victim in kills:
        seen = [r for r in account.requests if began - 0.5 < r.ended < began + 2]
        backs.append(min(r.ended for r in seen if r.answer.get("pid", victim) not in before))
        others = sorted(r.ended for r in seen if r.answer.get("pid") in before - {victim})
        pauses.append(longest_pause(others, began))
        quiet.append(longest_pause(others, began + 1))
        lost = [r for r in seen if r.fault]
        losses.append(len(lost))
        innocent += sum(r.began > began + 0.05 for r in lost)
    waits = [back - began for back, (began, _, _) in zip(backs, kills, strict=True)]
    print(f"{len(kills)} killed workers under load: {account.describe()}")
    print(
        f"  successor answers: median {statistics.median(waits):.3f} s, slowest {max(waits):.3f} s"
    )
    print(
        f"  the other worker's longest pause in the second after the kill: median "
        f"{statistics.median(pauses):.3f} s, and {max(pauses):.3f} s at most; in the next second: "
        f"{statistics.median(quiet):.3f} s and {max(quiet):.3f} s"
    )
    print(
        f"  lost for each kill: {statistics.mean(losses):.1f}, at most {max(losses)} of 8 clients"
    )
    print(f"  of those begun later than 0.05 s after the kill: {innocent}")


def longest_pause(answered: list[float], since: float) -> float:
    """Give the longest time without an answer in the second from ``since``."""
    within = [moment for moment in answered if since <= moment <= since + 1]
    return max((later - sooner for sooner, later in itertools.pairwise(within)), default=1.0)


def serves(service: Service, pid: int, words: str) -> bool:
    """Tell the kernel that serves from the one that waits."""
    answer = service.ask()
    return bool(answer) and answer["pid"] == pid  # type: ignore[index] # not None then


def until_standby(service: Service) -> None:
    """Wait until a standby is there and warm."""
    deadline = time.monotonic() + 30
    while not service.status().get("standby") and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(3)


def swaps(given: argparse.Namespace) -> None:
    """Save a notebook that imports scikit-learn, with a standby waiting; time the new answer."""
    cells = ("import sklearn.svm", APP, SERVE)
    with serving("--reload", cells=cells) as service:
        times = []
        for number in range(given.rounds):
            until_standby(service)
            edited = APP.replace('"val": 0', f'"val": {number + 1}')
            began = time.monotonic()
            service.save(cells[0], edited, SERVE)
            while (service.ask() or {}).get("val") != number + 1:
                time.sleep(0.005)
            times.append(time.monotonic() - began)
        print(
            f"from save to the new answer: median {statistics.median(times):.2f} s, "
            f"slowest {max(times):.2f} s"
        )


def terminate(given: argparse.Namespace) -> None:
    """SIGTERM under load: whoever was let in is answered."""
    with serving("--workers", "2") as service:
        bad: Counter[str] = Counter()
        good: Counter[str] = Counter()
        clients = [threading.Thread(target=press, args=(service, good, bad)) for _ in range(8)]
        for client in clients:
            client.start()
        time.sleep(2)
        began = time.monotonic()
        code = service.end()
        took = time.monotonic() - began
        for client in clients:
            client.join()
        left = [p for p, w in service.family().items() if p != service.process.pid]
        print(f"exit code {code} after {took:.2f} s, {len(left)} processes left")
        print(f"{good.total()} answered, in flight and lost: {bad.total()} {dict(bad)}")


def press(service: Service, good: Counter[str], bad: Counter[str]) -> None:
    """Ask until nobody listens; what fails after the request was sent is lost."""
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=10)
        try:
            connection.connect()
        except OSError:
            return
        try:
            connection.request("GET", "/")
            good[str(connection.getresponse().status)] += 1
        except (OSError, http.client.HTTPException) as error:
            bad[type(error).__name__] += 1
        finally:
            connection.close()


def long_run(given: argparse.Namespace) -> None:
    """Answer very many requests with the access log on; weigh the record and the processes."""
    with serving("--no-standby") as service:
        done = 0
        for target in (given.requests // 10, given.requests):
            while done < target:
                done += int(wrk(service.port, seconds=5) * 5)
            record = service.folder / "runs/a/out.ipynb"
            weights = {kind: rss(service, kind) for kind in ("runner.spawn.child", "ipykernel")}
            print(
                f"after {done} requests: out.ipynb {record.stat().st_size} bytes, RSS run "
                f"{weights['runner.spawn.child']:.1f} MB, kernel {weights['ipykernel']:.1f} MB"
            )


def rss(service: Service, kind: str) -> float:
    """Weigh the processes of a kind, in MB."""
    total = 0
    for pid, words in service.family().items():
        if kind in words:
            text = Path(f"/proc/{pid}/status").read_text()
            total += int(re.findall(r"^VmRSS:\s+(\d+)", text, re.MULTILINE)[0])
    return total / 1000


PARTS = {
    "throughput": throughput,
    "workers": workers,
    "memory": memory,
    "deaths": deaths,
    "swaps": swaps,
    "terminate": terminate,
    "long_run": long_run,
}

if __name__ == "__main__":
    main()
