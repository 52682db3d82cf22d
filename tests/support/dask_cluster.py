"""A dask scheduler and workers as processes of this machine, each as good as a node."""

from __future__ import annotations

import re
import signal
import sys
from pathlib import Path
from typing import Any, Self

import psutil

from support import Service, until

_SCHEDULER = [sys.executable, "-m", "distributed.cli.dask_scheduler"]
_WORKER = [sys.executable, "-m", "distributed.cli.dask_worker"]


class Cluster:
    """Own a scheduler and its workers.

    Args:
        folder: Where they work.
        workers: How many.
        threads: Of each.
    """

    def __init__(self, folder: Path, workers: int, threads: int = 1) -> None:
        self.folder, self._threads = folder, str(threads)
        words = ("--host", "127.0.0.1", "--port", "0", "--no-dashboard")
        self.scheduler = Service(*words, cwd=folder, program=_SCHEDULER)
        self.workers: list[Service] = []
        self.address = until(self._address, 60)
        for _ in range(workers):
            self.add_worker()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for service in (*self.workers, self.scheduler):
            service.end()

    @property
    def place(self) -> str:
        """What ``--on`` is to be."""
        return self.address.replace("tcp://", "dask://")

    def add_worker(self) -> Service:
        """Start one more worker, and wait until the scheduler knows it."""
        folder = self.folder / f"worker-{len(self.workers)}"
        folder.mkdir()
        words = ("--host", "127.0.0.1", "--nthreads", self._threads, "--no-nanny", "--no-dashboard")
        local = ("--memory-limit", "0", "--local-directory", str(folder))
        worker = Service(self.address, *words, *local, cwd=folder, program=_WORKER)
        self.workers.append(worker)
        until(lambda: "Registered to" in worker.said(), 60)
        return worker

    def runs(self) -> list[psutil.Process]:
        """The runs of points on all workers."""
        return [each for worker in self.workers for each in runs_of(worker)]

    def said(self) -> str:
        """All that dask has logged."""
        return "".join(service.said() for service in (self.scheduler, *self.workers))

    def kill(self, worker: Service) -> None:
        """End a worker's process alone, as the system does when memory is short."""
        worker.process.send_signal(signal.SIGKILL)
        worker.process.wait(timeout=10)

    def _address(self) -> Any:
        assert self.scheduler.process.poll() is None, self.scheduler.said()
        found = re.search(r"Scheduler at:\s+(tcp://\S+)", self.scheduler.said())
        return found and found[1]


def runs_of(worker: Service) -> list[psutil.Process]:
    """The runs of points on a worker."""
    return [each for each in worker.family() if "runner.sweep.point_run" in _words_of(each)]


def _words_of(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []
