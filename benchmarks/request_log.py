"""Measure what recording requests costs, and what a full disk does to a service that records all.

Services of one notebook, off and at several rates, are loaded in turn by wrk, round after round:
each ratio is taken within one round. Then one that records all writes to a file system of 1 MB
that is full, and gets room again; to mount it takes root.

    python benchmarks/request_log.py [--sets 5] [--rounds 4] [--seconds 2]
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
from leftovers import leave_nothing
from service import APP, SERVE, Service, load, serving, until, wrk

MODEL = """
from sklearn.datasets import load_iris
from sklearn.svm import SVC

data = load_iris(as_frame=True)
model = SVC().fit(data.data, data.target)
"""
SERVE_MODEL = "from runner import serve\nserve(model, example=data.data.iloc[0].to_dict())"
BODY = '{"sepal length (cm)": 5.1, "sepal width (cm)": 3.5, "petal length (cm)": 1.4,'
BODY += ' "petal width (cm)": 0.2}'
POST = f"""
wrk.method = "POST"
wrk.body = '{BODY}'
wrk.headers["Content-Type"] = "application/json"
"""
RATES = ("0", "0.01", "1")
WORDS = ("--no-access-log", "--no-standby")


def main() -> None:
    """Run it, and print the figures."""
    leave_nothing()
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--sets", type=int, default=5)
    options.add_argument("--rounds", type=int, default=4)
    options.add_argument("--seconds", type=int, default=2)
    given = options.parse_args()
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(POST)
        script.flush()
        for name, cells, path, words in (
            ("plain predictions", (MODEL, SERVE_MODEL), "/openapi.json", ("-s", script.name)),
            ("an ASGI app", (APP, SERVE), "/", ()),
        ):
            compare(name, cells, path, words, given)
    full_disk()


def compare(
    name: str, cells: tuple[str, ...], path: str, words: tuple[str, ...], given: argparse.Namespace
) -> None:
    """Print what each rate does to throughput, and to a request's processor time, as ratios."""
    rounds = [
        found for _ in range(given.sets) for found in loaded_in_turn(cells, path, words, given)
    ]
    print(f"{name}: {statistics.median(each[0][0] for each in rounds):.0f} req/s when it is off")
    for number, rate in enumerate((*RATES[1:], "0, once more"), start=1):
        throughput, time_each = (
            sorted(found[number][kind] / found[0][kind] for found in rounds) for kind in (0, 1)
        )
        print(
            f"  rate {rate}: throughput {described(throughput)},"
            f" processor time of a request {described(time_each)}"
        )


def loaded_in_turn(
    cells: tuple[str, ...], path: str, words: tuple[str, ...], given: argparse.Namespace
) -> list[list[tuple[float, float]]]:
    """Load services that are started anew: one process may be faster than its like for good."""
    with contextlib.ExitStack() as stack:
        services = [
            stack.enter_context(serving(*WORDS, "--record-requests", rate, cells=cells, path=path))
            for rate in (*RATES, RATES[0])
        ]
        workers = [psutil.Process(each.status()["serving"]["workers"][0]) for each in services]
        return [
            [
                loaded(service.port, worker, given.seconds, words)
                for service, worker in zip(services, workers, strict=True)
            ]
            for _ in range(given.rounds)
        ]


def loaded(
    port: int, worker: psutil.Process, seconds: int, words: tuple[str, ...]
) -> tuple[float, float]:
    """Load a service; give its requests per second, and the worker's seconds for each."""
    before = sum(worker.cpu_times()[:2])
    rate = wrk(port, "/", 32, seconds, *words)
    return rate, (sum(worker.cpu_times()[:2]) - before) / (rate * seconds)


def described(ratios: list[float]) -> str:
    """Give the median of sorted ratios, and the middle half."""
    quarter = len(ratios) // 4
    return f"{statistics.median(ratios):.3f} ({ratios[quarter]:.3f} to {ratios[-1 - quarter]:.3f})"


def full_disk() -> None:
    """Say what clients see of a disk that is full, and what the log says."""
    with serving(*WORDS, "--record-requests", "1") as service:
        folder = service.folder / "runs" / "a" / "requests"
        with small_disk(folder) as is_small:
            if not is_small:
                print("a full disk: no file system can be mounted here")
                return
            with load(service.port, clients=8) as account:
                time.sleep(8)  # it is full after the first of them
                free = disk_free(folder)
                subprocess.run(["mount", "-o", "remount,size=64m", folder], check=True)
                size = recorded(folder)
                until(lambda: recorded(folder) > size, 10)
            print(f"a full disk ({free} bytes free): {account.describe()}")
            print(f"  recorded again: {recorded(folder) - size} bytes more")
            print("  the log: " + "\n           ".join(said_in(service)))


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """Put a file system of 1 MB there, if we may."""
    folder.mkdir(mode=0o700, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m,mode=0700", "none", str(folder)]
    is_mounted = subprocess.run(mount, check=False, stderr=subprocess.DEVNULL).returncode == 0
    try:
        yield is_mounted
    finally:
        if is_mounted:
            subprocess.run(["umount", "-l", folder], check=True)


def disk_free(folder: Path) -> int:
    """Count the bytes that are free."""
    return shutil.disk_usage(folder).free


def recorded(folder: Path) -> int:
    """Count the bytes that are recorded."""
    return sum(path.stat().st_size for path in folder.glob("*.jsonl"))


def said_in(service: Service) -> list[str]:
    """Give what the log says of recording."""
    lines = service.log.read_text().splitlines()
    return [line for line in lines if "recorded" in line]


if __name__ == "__main__":
    main()
