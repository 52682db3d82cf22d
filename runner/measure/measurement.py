"""Hold what was measured, and write and read it as JSON."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import msgspec

from runner.errors import ConfigurationError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Memory:
    """Hold bytes of all processes together (PSS: what several share is counted once).

    Attributes:
        start: The most until it was ready.
        rest: Once it was ready, before it was asked anything.
        load: The most while it was asked.
    """

    start: int
    rest: int
    load: int

    @property
    def peak(self) -> int:
        """The most of all."""
        return max(self.start, self.rest, self.load)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Load:
    """Hold what was asked, and how it was answered.

    Attributes:
        request: What was asked, as ``POST /``.
        concurrency: Clients that asked at a time, without a pause.
        seconds: How long.
        requests: How many were answered.
        failed: How many of these by an error, or not at all.
        rate: Requests in a second.
        cores: CPU seconds of the service in a second.
        latency: Seconds until an answer, by quantile: ``p50``, ``p95``, ``p99``, ``max``.
    """

    request: str
    concurrency: int
    seconds: float
    requests: int
    failed: int
    rate: float
    cores: float
    latency: dict[str, float]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Measurement:
    """Hold what was measured of a service.

    Attributes:
        notebook: Its file.
        notebook_sha256: Of the file's bytes.
        options: Of `runner serve`.
        measured_at: When, by ISO 8601.
        machine: On what: its cores, its architecture, Python, and how busy it was before.
        start_seconds: From the start of the process until it was ready.
        start_cpu_seconds: What that took of the CPU.
        memory: What it held.
        load: How it answered.
    """

    notebook: str
    notebook_sha256: str
    options: list[str]
    measured_at: str
    machine: dict[str, Any]
    start_seconds: float
    start_cpu_seconds: float
    memory: Memory
    load: Load

    @property
    def was_busy(self) -> bool:
        """Tell whether others took part of the machine, so that all was slower than it is."""
        return bool(self.machine.get("load_average", 0) > self.machine.get("cores", 1))

    def to_json(self) -> str:
        """Write it."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2).decode() + "\n"

    def to_text(self) -> str:
        """Show it to a person."""
        load, memory = self.load, self.memory
        quantiles = (f"{name} {value * 1e3:.1f} ms" for name, value in load.latency.items())
        lines = {
            "ready": f"after {self.start_seconds:.1f} s, {self.start_cpu_seconds:.1f} s of CPU",
            "memory": f"{_mega(memory.rest)} at rest, {_mega(memory.load)} under load,"
            f" {_mega(memory.start)} at most while it started",
            "load": f"{load.request} by {load.concurrency} at a time for {load.seconds:.0f} s:"
            f" {load.rate:.0f} a second, {load.failed} of {load.requests} failed",
            "CPU": f"{load.cores:.2f} cores under load",
            "latency": ", ".join(quantiles),
        }
        return "\n".join(f"{name:9}{said}" for name, said in lines.items())


def _mega(count: int) -> str:
    return f"{count / 1e6:.0f} MB"


def read(path: Path) -> Measurement:
    """Read one from a file.

    Raises:
        ConfigurationError: There is none in it.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=Measurement)
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}") from error
    except msgspec.MsgspecError as error:
        raise ConfigurationError(
            f"{path}: no measurement: {error}",
            hint="`runner measure NOTEBOOK --out FILE` writes one",
        ) from error
