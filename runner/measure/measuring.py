"""Serve a notebook, ask it, and hold what that took."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import hashlib
import json
import os
import platform
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

from runner import net
from runner.errors import ConfigurationError, NotebookError, NotReadyError
from runner.measure import asked, load, process_tree
from runner.measure.measurement import Load, Measurement, Memory
from runner.measure.process_tree import MemoryWatch
from runner.rehearsal.cases import Case
from runner.run.private_folder import PrivateFolder

_POLL = 0.02
_SETTLES = 1.0  # seconds after which a service that was just ready is at rest
_ENDS_WITHIN = 60.0
_WARM_UP = 0.5  # seconds of asking that do not count: what is imported or compiled at the first
_BOUND = re.compile(r"bound (https?)://127\.0\.0\.1:(\d+)")
_LAST_BYTES = 65_536


@dataclasses.dataclass(frozen=True, kw_only=True)
class Task:
    """Say what to measure, and how.

    Attributes:
        notebook: The file.
        options: Of `runner serve`.
        requests: File of what is asked; None: the notebook's own example.
        headers: Sent with each request.
        concurrency: Clients at a time.
        seconds: For how long they ask.
        ready_seconds: That it has until it serves.
        ready_path: Which answers 200 then.
    """

    notebook: Path
    options: tuple[str, ...] = ()
    requests: Path | None = None
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    concurrency: int = 8
    seconds: float = 10.0
    ready_seconds: float = 120.0
    ready_path: str = "/readyz"


def measure(task: Task) -> Measurement:
    """Measure it; whatever was started has ended then.

    Raises:
        ConfigurationError: There is nothing to ask, or nothing to serve.
        NotebookError: It fails, or its answers do.
        NotReadyError: It does not serve in time.
    """
    digest = hashlib.sha256(_bytes_of(task.notebook)).hexdigest()
    machine = _machine()  # before it has something to do by us
    begun = time.monotonic()
    with _served(task) as service, contextlib.closing(MemoryWatch(service.process.pid)) as watch:
        port = service.wait_ready(begun + task.ready_seconds)
        start_seconds = time.monotonic() - begun
        start_cpu, at_start = process_tree.cpu_seconds(service.process.pid), watch.take_peak()
        time.sleep(_SETTLES)
        at_rest = process_tree.memory(service.process.pid)
        cases = asked.requests_for(task.notebook, task.requests, port)
        watch.take_peak()
        answered = _load(task, service, port, cases)
        under_load = watch.take_peak()
    return Measurement(
        notebook=str(task.notebook),
        notebook_sha256=digest,
        options=[*task.options],
        measured_at=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        machine=machine,
        start_seconds=round(start_seconds, 3),
        start_cpu_seconds=round(start_cpu, 3),
        memory=Memory(start=at_start, rest=at_rest, load=under_load),
        load=answered,
    )


class _Service:
    """Be a service that was started, and is not known to be ready.

    Args:
        task: What was started.
        process: Its supervisor.
        log: What that says.
    """

    def __init__(self, task: Task, process: subprocess.Popen[bytes], log: Path) -> None:
        self._task, self.process, self._log = task, process, log

    def wait_ready(self, deadline: float) -> int:
        """Wait until it serves, and give its port.

        Raises:
            ConfigurationError: It speaks TLS.
            NotebookError: It has ended.
            NotReadyError: The time is over.
        """
        while time.monotonic() < deadline:
            self.check()
            if (port := self._port()) and self._is_ready(port):
                return port
            time.sleep(_POLL)
        raise NotReadyError(
            f"{self._task.notebook}: not ready within {self._task.ready_seconds:g} s: {self.said()}"
        )

    def check(self) -> None:
        """Make sure that it lives.

        Raises:
            NotebookError: It does not.
        """
        if self.process.poll() is not None:
            raise NotebookError(f"{self._task.notebook}: {self.said()}")

    def said(self) -> str:
        """Give the last error that it has logged, or else the last line."""
        with self._log.open("rb") as file:
            file.seek(max(0, self._log.stat().st_size - _LAST_BYTES))
            lines = file.read().decode(errors="replace").splitlines()
        events = [each for line in lines if (each := _event(line))]
        errors = [each["event"] for each in events if each.get("level") == "error"]
        return str((errors or lines or ["it said nothing"])[-1])

    def _port(self) -> int:
        with self._log.open(errors="replace") as file:
            bound = _BOUND.search(file.read(_LAST_BYTES))
        if bound and bound[1] == "https":
            raise ConfigurationError("with TLS nothing is measured: leave it out here")
        return int(bound[2]) if bound else 0

    def _is_ready(self, port: int) -> bool:
        path = self._task.ready_path
        return net.http_status("127.0.0.1", port, _ENDS_WITHIN, path) == 200


def _load(task: Task, service: _Service, port: int, cases: list[Case]) -> Load:
    """Ask it, and count."""
    how = {"concurrency": task.concurrency}
    load.ask(port, cases, task.headers, seconds=_WARM_UP, **how)
    cpu, begun = process_tree.cpu_seconds(service.process.pid), time.monotonic()
    answers = load.ask(port, cases, task.headers, seconds=task.seconds, **how)
    seconds = time.monotonic() - begun
    cpu = process_tree.cpu_seconds(service.process.pid) - cpu
    service.check()
    if not answers.latencies:
        raise NotebookError(
            f"{task.notebook}: no request was answered as it should: {answers.last_fault}",
            hint="--requests FILE says what to ask, --header NAME VALUE what to send with it",
        )
    latencies, count = sorted(answers.latencies), len(answers.latencies)
    quantiles = {f"p{part}": latencies[count * part // 100] for part in (50, 95, 99)}
    return Load(
        request=cases[0].said if len(cases) == 1 else f"{len(cases)} requests in turn",
        concurrency=task.concurrency,
        seconds=round(seconds, 3),
        requests=count + answers.failed,
        failed=answers.failed,
        rate=round(count / seconds, 1),
        cores=round(cpu / seconds, 3),
        latency={name: round(value, 6) for name, value in quantiles.items()}
        | {"max": round(latencies[-1], 6)},
    )


@contextlib.contextmanager
def _served(task: Task) -> Iterator[_Service]:
    """Start it on a free port, and end it with all that came from it."""
    with contextlib.closing(PrivateFolder()) as folder:
        log = folder.path / "log"
        with log.open("wb") as file:
            process = _start(task, folder.path / "runs", file)
        try:
            yield _Service(task, process, log)
        finally:
            _end(process)


def _start(task: Task, runs: Path, log: IO[bytes]) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-P", "-m", "runner", "serve"]
    # Records of its own: the notebook may be served from here at this moment.
    words += ["--no-standby", *task.options, "--runs", str(runs)]
    words += ["--host", "127.0.0.1", "--port", "0", "--log-level", "info", "--log-format", "json"]
    words += ["--", str(task.notebook)]
    return subprocess.Popen(
        words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    ours = process_tree.pids(process.pid)
    process.terminate()
    try:
        process.wait(_ENDS_WITHIN)
    except subprocess.TimeoutExpired:
        for pid in ours:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()


def _event(line: str) -> dict[str, str]:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) and "event" in found else {}


def _bytes_of(notebook: Path) -> bytes:
    try:
        return notebook.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{notebook}: {error.strerror}") from error


def _machine() -> dict[str, str | int | float]:
    return {
        "cores": len(os.sched_getaffinity(0)),
        "architecture": platform.machine(),
        "python": platform.python_version(),
        "load_average": round(os.getloadavg()[0], 2),
    }
