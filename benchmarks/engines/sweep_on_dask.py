"""Sweep 24 points on two dask nodes that share no disk, kill what can be killed, and compare.

The driver and the scheduler are on this host, the nodes on two others with addresses and a /tmp of
their own, on which the driver's folder is empty. Four sweeps are disturbed when a quarter of the
points is done: a worker, a nanny and the driver get kill -9, a link is cut for a minute. Each has
to leave exactly one completed record for each point, and nothing running. Then sweeps by
``-j 2`` and on the nodes alternate: the ratio is that of the medians, the processor time that of
all processes, the scheduler's included.

    sudo python benchmarks/engines/sweep_on_dask.py [--rounds 3] [--only worker,nanny,driver,link]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from hosts import SWITCH, Host, move_in, scratch, until

ROOT = Path(__file__).resolve().parent.parent.parent
GRID = ("--grid", "gamma=scale,auto,0.1,1", "--grid", "C=0.1,0.3,1,3,10,30")
POINTS = 24
ADDRESS = f"tcp://{SWITCH}:8786"
ON_NODES = ("--on", f"dask://{SWITCH}:8786")
CUT_FOR = 60.0
TICKS = os.sysconf("SC_CLK_TCK")


class Node:
    """One node: a host with a dask worker and its nanny, started again when it has ended."""

    def __init__(self, number: int, folder: Path) -> None:
        self.host = Host(10 + number, f"node{number}")
        self.host.run("mount", "-t", "tmpfs", "none", str(folder))
        self.log = folder.parent / f"node{number}.log"
        self._start()

    def keep(self) -> None:
        """Be its systemd."""
        if self.process.ended() is not None:
            self._start()

    def worker_pid(self) -> int:
        """Give the worker's process, which the nanny has started."""
        return next(pid for pid in below(self.process.pid) if "spawn_main" in words_of(pid))

    def _start(self) -> None:
        words = (sys.executable, "-m", "distributed.cli.dask_worker", ADDRESS)
        own = ("--host", self.host.address, "--nthreads", "1", "--no-dashboard")
        self.process = self.host.start(
            *words, *own, "--memory-limit", "0", log=self.log, folder=Path("/tmp")
        )


class Cluster:
    """A scheduler on this host, and two nodes."""

    def __init__(self, folder: Path) -> None:
        words = (sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", SWITCH)
        with (folder.parent / "scheduler.log").open("wb") as log:
            self.scheduler = subprocess.Popen(
                [*words, "--port", "8786", "--no-dashboard"], stdout=log, stderr=log
            )
        self.nodes = [Node(number, folder) for number in (1, 2)]
        until(self._is_up, 120, "two nodes that know the scheduler")

    def _is_up(self) -> bool:
        return all("Registered to" in node.log.read_text() for node in self.nodes)

    def seconds(self) -> float:
        """Count the processor time of all its processes, and of those that they have waited for."""
        roots = (self.scheduler.pid, *(node.process.pid for node in self.nodes))
        pids = {pid for root in roots for pid in (root, *below(root))}
        return sum(map(seconds_of, pids))


def below(pid: int) -> list[int]:
    """List the processes below one."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in map(int, task.read_text().split()):
                found += [child, *below(child)]
    return found


def words_of(pid: int) -> str:
    """Give a process's command line."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    return ""


def seconds_of(pid: int) -> float:
    """Count the time of a process and of those it has waited for. Source: proc_pid_stat(5)."""
    with contextlib.suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:15])) / TICKS
    return 0.0


class Sweep:
    """One sweep of a copy of the notebook, in a new folder."""

    def __init__(self, folder: Path, *where: str) -> None:
        self.folder = folder
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "notebooks").mkdir(parents=True)
        shutil.copy(ROOT / "notebooks/train.ipynb", folder / "notebooks")
        self._where = where
        self.start()

    def start(self) -> None:
        """Start it, or go on."""
        words = [sys.executable, "-m", "runner", "sweep", "notebooks/train.ipynb", *GRID]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*words, *self._where], cwd=self.folder, stdout=log, stderr=log
            )

    def records(self) -> dict[str, str]:
        """Give the state of each point that has a record."""
        found = {}
        for path in (self.folder / "runs/sweeps/train/points").glob("*/out.ipynb"):
            with contextlib.suppress(ValueError, OSError):
                facts = json.loads(path.read_text())["metadata"]["runner"]
                found[path.parent.name] = str(facts["status"])
        return found

    def reach(self, points: int) -> None:
        """Wait until some points have a record."""
        until(lambda: len(self.records()) >= points, 600, f"{points} records")

    def wait(self) -> None:
        """Wait for its end; it has to end well."""
        if self.process.wait(1200):
            raise SystemExit((self.folder / "log").read_text())

    def check(self) -> None:
        """See that each point has exactly one record, and that nothing runs any more."""
        kept = list((self.folder / "runs/sweeps/train/points").glob("*/*.ipynb"))
        states = self.records()
        if (len(kept), len(states), set(states.values())) != (POINTS, POINTS, {"completed"}):
            raise SystemExit(f"{len(kept)} records of {POINTS} points: {states}")
        until(lambda: not runs(), 30, "no run left")


def runs() -> list[int]:
    """List the runs of points, and their kernels, on all hosts."""
    pids = [int(path.name) for path in Path("/proc").glob("[0-9]*")]
    return [pid for pid in pids if "sweep.point_run" in words_of(pid).partition(" -f ")[0]]


def kill_worker(cluster: Cluster, sweep: Sweep) -> None:
    """End a worker, which its nanny starts anew."""
    os.kill(cluster.nodes[0].worker_pid(), signal.SIGKILL)


def kill_nanny(cluster: Cluster, sweep: Sweep) -> None:
    """End a nanny, with which its worker ends."""
    cluster.nodes[0].process.end(signal.SIGKILL)


def kill_driver(cluster: Cluster, sweep: Sweep) -> None:
    """End the driver, and give the same command again."""
    sweep.process.kill()
    sweep.process.wait()
    sweep.start()


def cut_link(cluster: Cluster, sweep: Sweep) -> None:
    """Pull out a node's cable for a minute."""
    cluster.nodes[0].host.link("down")
    time.sleep(CUT_FOR)
    cluster.nodes[0].host.link("up")


FAULTS: dict[str, Callable[[Cluster, Sweep], None]] = {
    "worker": kill_worker,
    "nanny": kill_nanny,
    "driver": kill_driver,
    "link": cut_link,
}


def disturbed(cluster: Cluster, folder: Path, fault: str) -> None:
    """Disturb a sweep, and say what came of it."""
    began = time.monotonic()
    sweep = Sweep(folder, *ON_NODES)
    sweep.reach(POINTS // 4)
    FAULTS[fault](cluster, sweep)
    sweep.wait()
    took = time.monotonic() - began
    sweep.check()
    told = f"{fault}: {POINTS} points, one completed record each, nothing runs; {took:.1f} s"
    print(told, flush=True)
    until(lambda: all_nodes_are_known(cluster), 120, "both nodes")


def all_nodes_are_known(cluster: Cluster) -> bool:
    """Tell whether both nodes have a worker; whose connection is cut ends soon."""
    for node in cluster.nodes:
        node.keep()
    code = (
        f"from distributed import Client\nwith Client({ADDRESS!r}) as client:\n"
        "    print(len(client.nthreads()))"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    return said.stdout.strip() == "2"


def measured(cluster: Cluster, folder: Path, *where: str) -> tuple[float, float]:
    """Run a sweep; give its seconds, and those of the processors."""
    before = cluster.seconds() + own_seconds()
    began = time.monotonic()
    sweep = Sweep(folder, *where)
    sweep.wait()
    took = time.monotonic() - began
    sweep.check()
    return took, cluster.seconds() + own_seconds() - before


def own_seconds() -> float:
    """Count the processor time of what we have waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def compare(cluster: Cluster, folder: Path, rounds: int) -> None:
    """Alternate sweeps here and on the nodes."""
    local, remote = [], []
    for number in range(1, rounds + 1):
        local.append(measured(cluster, folder, "-j", "2"))
        remote.append(measured(cluster, folder, *ON_NODES))
        print(
            f"round {number}: -j 2 {local[-1][0]:.1f} s ({local[-1][1]:.1f} s of processors),"
            f" on two nodes {remote[-1][0]:.1f} s ({remote[-1][1]:.1f} s)",
            flush=True,
        )
    here, there = (statistics.median(took for took, _ in found) for found in (local, remote))
    more = statistics.median(used for _, used in remote) - statistics.median(
        used for _, used in local
    )
    print(
        f"medians: -j 2 {here:.1f} s, on two nodes {there:.1f} s, {there / here:.2f} times;"
        f" {1000 * more / POINTS:+.0f} ms of processors a point"
    )


@contextlib.contextmanager
def opened() -> Iterator[tuple[Cluster, Path]]:
    """Have a cluster, and the driver's folder, which is empty on the nodes."""
    with scratch() as place:
        folder = place / "driver"
        folder.mkdir()
        cluster = Cluster(folder)
        try:
            yield cluster, folder / "work"
        finally:
            cluster.scheduler.terminate()
            for node in cluster.nodes:
                node.host.kill()


def main() -> None:
    """Be the command."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--only", default=",".join(FAULTS), help="the faults, or none")
    given = options.parse_args()
    move_in()
    with opened() as (cluster, folder):
        for fault in filter(None, given.only.split(",")):
            disturbed(cluster, folder, fault)
        if given.rounds:
            compare(cluster, folder, given.rounds)


if __name__ == "__main__":
    main()
