"""Run one sweep on a real Slurm of two nodes: by an array of shards, and by dask-jobqueue.

The controller and both nodes are hosts of their own. They share a folder, as clusters do, but not
/tmp. Each point of the sweep has to have one whole record, and nothing may be left running; in the
second of the two arrays a node's power is cut in the middle, and the same command goes on.

    python benchmarks/engines/slurm.py [--shards 6] [--only array,cut,dask]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.append(str(Path(__file__).parent.parent))

from docker_engines import ROOT
from hosts import Host, Process, move_in, scratch, until

RUNNER = f"{sys.executable} -m runner"
GRID = ("--grid", "gamma=scale,auto", "--grid", "C=0.1,0.2,0.5,1,2,5,10,20,50,100,200,500")
POINTS = 24
_SETTINGS = """
ClusterName=engines
SlurmctldHost=head({head})
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile=/run/slurmctld.pid
SlurmdPidFile=/run/slurmd.pid
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
ReturnToService=2
SlurmdTimeout=20
SchedulerParameters=sched_interval=2
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
{nodes}
PartitionName=all Nodes=node1,node2 Default=YES MaxTime=INFINITE State=UP
"""
# What `runner sweep --on slurm` submits: as ~/.config/dask/jobqueue.yaml would say it.
_JOBQUEUE = """
jobqueue:
  slurm:
    cores: 1
    processes: 1
    memory: 2GB
    walltime: "00:30:00"
    python: {python}
"""


class Slurm:
    """A controller and two nodes of one processor each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "state").mkdir()
        self.head = Host(10, "head")
        self.nodes = {f"node{number}": Host(10 + number, f"node{number}") for number in (1, 2)}
        settings, key = folder / "slurm.conf", folder / "munge.key"
        nodes = [
            f"NodeName={name} NodeAddr={host.address} CPUs=1 RealMemory=4000"
            for name, host in self.nodes.items()
        ]
        settings.write_text(
            _SETTINGS.format(folder=folder, head=self.head.address, nodes="\n".join(nodes))
        )
        key.write_bytes(os.urandom(128))
        key.chmod(0o400)
        dask = folder / "dask.yaml"
        dask.write_text(_JOBQUEUE.format(python=sys.executable))
        self.env = {"SLURM_CONF": str(settings), "DASK_CONFIG": str(dask)}
        self._started: list[Process] = []
        for host in (self.head, *self.nodes.values()):
            self.prepare(host)
        self._start(self.head, "slurmctld", "-D")
        for name in self.nodes:
            self.start_node(name)
        until(lambda: self.idle() == 2, 60, f"both nodes are idle; see {folder}", every=0.5)

    def prepare(self, host: Host) -> None:
        """Give a host what all of them have: a /run of its own, and munge."""
        host.run("mount", "-t", "tmpfs", "none", "/run")
        host.run("mkdir", "-m", "0755", "/run/munge")
        files = ("--log-file=/run/munge/log", "--seed-file=/run/munge/seed")
        self._start(
            host, "munged", "--foreground", "--force", f"--key-file={self.folder}/munge.key", *files
        )

    def start_node(self, name: str) -> None:
        """Start the daemon of a node."""
        self._start(self.nodes[name], "slurmd", "-D", "-N", name)

    def _start(self, host: Host, *words: str) -> None:
        log = self.folder / f"{host.name}-{words[0]}.log"
        self._started.append(host.start(*words, log=log, env=self.env))

    def run(self, *words: str, seconds: float = 60, folder: Path = Path("/")) -> str:
        """Run a command on the head, in a folder."""
        line = ("env", "--chdir", str(folder), *words)
        return self.head.run(*line, seconds=seconds, env=os.environ | self.env).strip()

    def idle(self) -> int:
        """Count the nodes that wait for work."""
        with contextlib.suppress(SystemExit):
            states = self.run("sinfo", "--noheader", "--Node", "--format", "%T").split()
            return states.count("idle")
        return 0

    def jobs(self) -> list[str]:
        """List the jobs that wait or run."""
        return self.run("squeue", "--noheader", "--array", "--format", "%i %T").splitlines()

    def left(self) -> list[str]:
        """List the processes of runner on all hosts."""
        found = []
        for host in (self.head, *self.nodes.values()):
            with contextlib.suppress(SystemExit):  # none, or the host is off
                found += host.run(
                    "pgrep", "--list-full", "-f", "-m runner|ipykernel|dask"
                ).splitlines()
        return found

    def end(self) -> None:
        """Cut the power of all."""
        for host in (self.head, *self.nodes.values()):
            host.kill()


@contextlib.contextmanager
def cluster() -> Iterator[Slurm]:
    """Start a cluster, and end it."""
    with scratch() as folder:
        slurm = Slurm(folder)
        try:
            yield slurm
        finally:
            slurm.end()


def project(slurm: Slurm, name: str) -> Path:
    """Lay out a project in the shared folder."""
    folder = slurm.folder / name
    folder.mkdir()
    shutil.copy(ROOT / "notebooks/train.ipynb", folder)
    return folder


def wrong(slurm: Slurm, folder: Path) -> list[str]:
    """Say which points have no whole record, or more than one, and what is left."""
    points = sorted((folder / "runs/sweeps").glob("*/points/*"))
    said = [f"{len(points)} points instead of {POINTS}"] if len(points) != POINTS else []
    for point in points:
        records = list(point.rglob("out.ipynb"))
        if len(records) != 1:
            said.append(f"{point.name}: {len(records)} records")
            continue
        facts = json.loads(records[0].read_text())["metadata"]["runner"]
        if facts.get("status") != "completed":
            said.append(f"{point.name}: {facts.get('status')}")
    return said + [f"left: {each}" for each in slurm.left()]


def main() -> None:
    """Sweep in each way, and exit by 1 if anything was wrong."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--shards", type=int, default=6)
    options.add_argument("--only", default="array,cut,dask")
    given = options.parse_args()
    move_in()
    ways = {"array": array, "cut": cut, "dask": by_dask}
    good = True
    for name in given.only.split(","):
        with cluster() as slurm:
            folder = project(slurm, name)
            began = time.monotonic()
            ways[name](slurm, folder, given.shards)
            took = time.monotonic() - began
            said = wrong(slurm, folder)
            print(
                f"{name}: {POINTS} points in {took:.0f} s; {said or 'nothing was wrong'}",
                flush=True,
            )
            good &= not said
    raise SystemExit(not good)


def submit(slurm: Slurm, folder: Path, shards: int) -> None:
    """Submit the sweep as an array: each task takes its share of the points by itself."""
    line = f"{RUNNER} sweep train.ipynb {' '.join(GRID)}"
    words = ("sbatch", f"--array=0-{shards - 1}", "--output=%A-%a.log", "--wrap", line)
    slurm.run(*words, folder=folder)


def gather(slurm: Slurm, folder: Path) -> None:
    """Write the report of what there is."""
    slurm.run(*RUNNER.split(), "sweep", "train.ipynb", *GRID, "--report-only", folder=folder)


def array(slurm: Slurm, folder: Path, shards: int) -> None:
    """Sweep by an array of shards."""
    submit(slurm, folder, shards)
    until(lambda: not slurm.jobs(), 600, "the array has ended", every=1)
    gather(slurm, folder)


def cut(slurm: Slurm, folder: Path, shards: int) -> None:
    """Sweep likewise, and cut a node's power once some points have completed."""
    submit(slurm, folder, shards)
    until(lambda: len(list(folder.rglob("out.ipynb"))) > POINTS // 4, 300, "some points", every=0.2)
    slurm.nodes["node2"].kill()
    slurm.nodes["node2"] = Host(12, "node2")
    slurm.prepare(slurm.nodes["node2"])
    slurm.start_node("node2")
    until(lambda: not slurm.jobs(), 600, "the array has ended", every=1)
    gather(slurm, folder)


def by_dask(slurm: Slurm, folder: Path, shards: int) -> None:
    """Sweep by two workers that dask-jobqueue submits, and that end with the sweep."""
    words = ("sweep", "train.ipynb", *GRID, "--on", "slurm", "--jobs", "2")
    slurm.run(*RUNNER.split(), *words, folder=folder, seconds=900)
    until(lambda: not slurm.jobs(), 60, "no job is left", every=1)


if __name__ == "__main__":
    main()
