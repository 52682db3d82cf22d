"""Start a service as systemd would, and look at what belongs to it: processes, records, files."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import psutil
from checked_client import cells_of, version_of
from service import free_port, notebook_of

from runner.errors import RunnerError
from runner.supervise import control

MARK = "RUNNER_WATCHED_SERVICE"
OPEN = ("running", "draining")
# What a service keeps in its folder below runs/, besides records.
KEPT = {".ledger", ".notebook", ".lock", ".control", ".out.ipynb.lock", "sources"}


class WatchedService:
    """One service in a folder of its own, with a temporary folder of its own."""

    def __init__(self, folder: Path, workers: int, *words: str) -> None:
        self.folder, self.workers = folder, workers
        self.runs, self.temporary = folder / "runs/a", folder / "tmp"
        self.temporary.mkdir()
        self.port, self.mark = free_port(), uuid.uuid4().hex
        self.log = folder / "log"
        self._words = [*words, "--workers", str(workers), "--port", str(self.port)]
        self.version = 0
        self.save(0)
        self.start()

    def start(self) -> None:
        """Start the supervisor; its log goes on."""
        line = [sys.executable, "-m", "runner", "serve", "a.ipynb", *self._words]
        environ = os.environ | {MARK: self.mark, "TMPDIR": str(self.temporary)}
        with self.log.open("ab") as log:
            self.supervisor = psutil.Popen(
                line,
                cwd=self.folder,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def save(self, version: int) -> None:
        """Save a version in one step, as Jupyter does."""
        self.version = version
        partial = self.folder / "a.tmp"
        partial.write_text(notebook_of(cells_of(version)))
        partial.replace(self.folder / "a.ipynb")

    def stop(self) -> int:
        """Ask it to end, and give its exit code."""
        self.supervisor.send_signal(signal.SIGTERM)
        return int(self.supervisor.wait(60))

    def end(self) -> None:
        """Kill what is left."""
        for process in self.family():
            with contextlib.suppress(psutil.Error):
                process.kill()

    def status(self) -> dict[str, Any]:
        """Ask the supervisor what it says of itself; empty if it does not answer."""
        with contextlib.suppress(RunnerError, OSError):
            return control.ask(self.runs, "status")
        return {}

    def answered_by(self) -> int | None:
        """Give the version that answers now, or None."""
        return version_of(self.port)

    def family(self) -> list[psutil.Process]:
        """Give every living process that inherited our mark, whoever its parent is now."""
        return [process for process in psutil.process_iter() if self._is_ours(process)]

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            is_dead = process.status() == psutil.STATUS_ZOMBIE
            return not is_dead and process.environ().get(MARK) == self.mark
        except psutil.Error:
            return False

    def by_role(self) -> dict[str, list[psutil.Process]]:
        """Give the family by what each is; an orphan is below nobody whom the supervisor knows."""
        family, status = self.family(), self.status()
        # Who came of a fork server that has died is still known.
        runs = {(status.get(name) or {}).get("pid") for name in ("serving", "candidate")}
        standby = (status.get("standby") or {}).get("pid")
        roots = {self.supervisor.pid, standby, *runs}
        found: dict[str, list[psutil.Process]] = {}
        for process in family:
            with contextlib.suppress(psutil.Error):
                line = [process, *process.parents()]
                is_known = bool(roots & {each.pid for each in line})
                role = self._role(line, standby) if is_known else "orphan"
                found.setdefault(role, []).append(process)
        return found

    def _role(self, line: list[psutil.Process], standby: int | None) -> str:
        """Say what a process is, given with those above it."""
        if line[0].pid == self.supervisor.pid:
            return "supervisor"
        words, above = (" ".join(each.cmdline()) for each in line[:2])
        if standby in {each.pid for each in line}:
            return "standby"
        if "runner.spawn.fork_server" in words:
            return "fork server"
        if "ipykernel_launcher" in words:
            return "worker" if "ipykernel_launcher" in above else "kernel"
        return "run"

    def unsettled(self) -> str:
        """Say what is not yet as it is when nothing happens; empty if all is."""
        status = self.status()
        if not status:
            return "the supervisor does not answer"
        if not status["serving"] or status["serving"]["state"] != "serving":
            return f"what serves is {status['serving']}"
        for name in ("candidate", "restarts_in"):
            if status[name] is not None:
                return f"{name} is {status[name]}"
        counts = {role: len(found) for role, found in self.by_role().items()}
        forked = {"worker": self.workers} if self.workers > 1 else {}
        counts.pop("fork server", None)  # one that died is missed by the next run only
        wanted = {"supervisor": 1, "run": 1, "kernel": 1, "standby": 2} | forked
        return "" if counts == wanted else f"its processes are {counts}"

    def records(self) -> Iterator[tuple[Path, Any]]:
        """Read every record; it may go while we look."""
        for path in sorted(self.runs.glob("*.ipynb")):
            with contextlib.suppress(FileNotFoundError):
                yield path, json.loads(path.read_text())

    def record_faults(self) -> list[str]:
        """Say what is not valid or not true in the records of a service that has settled."""
        found, serving = [], (self.status().get("serving") or {}).get("run")
        for path, record in self.records():
            name, facts = path.name, record["metadata"].get("runner", {})
            with contextlib.suppress(nbformat.ValidationError):
                nbformat.validate(record)
                name = ""
            if name:
                found.append(f"{name} is not valid")
            is_open, is_serving = facts.get("status") in OPEN, facts.get("run") == serving
            if is_open != is_serving:
                found.append(f"{path.name} is {facts.get('status')}, and {serving} serves")
            running = [cell for cell in record["cells"] if _status(cell) == "running"]
            if running and not is_open:
                found.append(f"{path.name} has ended, and a cell of it is running")
        return found

    def record_of(self, pid: int) -> dict[str, Any]:
        """Give what the record of a run's process says of it; empty if it has none."""
        for _, record in self.records():
            facts = record["metadata"].get("runner", {})
            if facts.get("pid") == pid:
                return dict(facts)
        return {}

    def left_files(self) -> list[str]:
        """Name what lies in the temporary folder, and what is no record in that of the records."""
        left = [str(path.relative_to(self.folder)) for path in self.temporary.iterdir()]
        return left + [
            str(path.relative_to(self.folder))
            for path in self.runs.iterdir()
            if path.suffix != ".ipynb" and path.name not in KEPT
        ]


def _status(cell: dict[str, Any]) -> Any:
    return cell["metadata"].get("papermill", {}).get("status")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Weight:
    """Hold what a service takes of the machine, all its processes together.

    Attributes:
        memory: Proportional set size, in MB.
        descriptors: Open files.
        threads: Of all processes.
        processes: How many.
        files: In its folders, the temporary one too.
    """

    memory: float
    descriptors: int
    threads: int
    processes: int
    files: int


def weigh(service: WatchedService) -> Weight:
    """Add up what its processes take now; one that ends meanwhile does not count."""
    memory, descriptors, threads, processes = 0.0, 0, 0, 0
    for process in service.family():
        with contextlib.suppress(psutil.Error):
            memory += process.memory_full_info().pss / 1e6
            descriptors += process.num_fds()
            threads += process.num_threads()
            processes += 1
    files = sum(len(names) for _, _, names in os.walk(service.folder))
    return Weight(
        memory=memory, descriptors=descriptors, threads=threads, processes=processes, files=files
    )


def waited(is_true: Callable[[], Any], seconds: float) -> float | None:
    """Wait for something; give the seconds it took, or None if it did not come."""
    began = time.monotonic()
    while not is_true():
        if time.monotonic() - began > seconds:
            return None
        time.sleep(0.02)
    return time.monotonic() - began
