"""Measure what running points side by side gives: a sweep of 24 runs with -j 1 and with -j 2.

Rounds alternate, because the machine is noisy, and the ratio is of the medians. A sweep is
measured from the command's start to its end, the report included. Both cores are needed for
it: what other programs used of them meanwhile is shown (from /proc/stat), for they slow -j 2
down more than -j 1.

    python benchmarks/sweep.py [--rounds 3] [--notebook notebooks/train.ipynb]
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from leftovers import leave_nothing

GRID = ("gamma=scale,auto,0.1,1", "C=0.1,0.3,1,3,10,30")
JOBS = (1, 2)


def main() -> None:
    """Alternate the rounds and print the medians and their ratio."""
    leave_nothing()
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--notebook", type=Path, default=Path("notebooks/train.ipynb"))
    given = options.parse_args()
    took: dict[int, list[float]] = {jobs: [] for jobs in JOBS}
    for number in range(given.rounds):
        for jobs in JOBS:
            before, ours = busy_seconds(), own_seconds()
            took[jobs].append(seconds_of(given.notebook, jobs))
            used = own_seconds() - ours
            others = (busy_seconds() - before - used) / took[jobs][-1]
            print(
                f"round {number + 1}, -j {jobs}: {took[jobs][-1]:.1f} s,"
                f" {used:.1f} s of processors; others used {others:.1f} cores",
                flush=True,
            )
    one, two = (statistics.median(took[jobs]) for jobs in JOBS)
    print(f"24 runs of {given.notebook} on {os.cpu_count()} cores, medians of {given.rounds}:")
    print(f"-j 1 {one:.1f} s, -j 2 {two:.1f} s; -j 2 / -j 1: {two / one:.2f}")


def busy_seconds() -> float:
    """Count the seconds that the machine's processors have worked, for whomever."""
    user, nice, system = Path("/proc/stat").read_text().split()[1:4]
    return (int(user) + int(nice) + int(system)) / os.sysconf("SC_CLK_TCK")


def own_seconds() -> float:
    """Count those that the processes used which we have waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def seconds_of(notebook: Path, jobs: int) -> float:
    """Sweep a copy of a notebook in a new folder."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(notebook, folder)
        words = ["runner", "sweep", notebook.name, "--jobs", str(jobs)]
        grids = [word for grid in GRID for word in ("--grid", grid)]
        began = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", *words, *grids],
            cwd=folder,
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        return time.perf_counter() - began


if __name__ == "__main__":
    main()
