"""A bucket to which replicas have written, on a real S3 server."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from s3_server import S3Server, s3_server

from support import reserved_port
from support.records import cell, display, document, write, write_sweep
from support.standin_service import kept_version, record_of

RUN, OLDER = "20261130T000002-host-0002", "20261130T000001-host-0001"
_SERVING = {"status": "running", "ready": "2026-11-30T00:00:01+00:00", "run": RUN, "pid": 1}
_SERVING |= {"saved": "2026-11-30T00:00:02+00:00", "process_start": "1"}
_POINTS = {f"a={a}": ({"a": a}, a / 10) for a in (1, 2, 3)}


@contextlib.contextmanager
def bucket_of_replicas(folder: Path) -> Iterator[S3Server]:
    """Start a server with what two replicas, a run and a sweep leave below ``runs``."""
    _write(folder / "written/runs")
    with s3_server(folder / "s3", reserved_port) as server:
        for file in (folder / "written").rglob("*.ipynb"):
            server.put(file.relative_to(folder / "written").as_posix(), file.read_bytes())
        yield server


def _write(runs: Path) -> None:
    _write_replica(runs, "host-1", traffic={"requests": 4321, "errors": 7})
    _write_replica(runs, "host-2")
    for number in (1, 2):
        shown = cell(f"x = {number}", outputs=[display(text_plain=f"seen {number}")])
        found = document([shown], parameters={"C": number}, metrics={"accuracy": number / 10})
        write(runs / f"host-1/train/{number}.ipynb", found)
    write_sweep(runs / "sweeps/train", _POINTS)


def _write_replica(runs: Path, host: str, **facts: Any) -> None:
    folder = runs / host / "iris"
    for run, model in ((OLDER, "model = 1"), (RUN, "model = 2")):
        kept_version(folder, run, "import a", model)
    for name in (RUN, "out"):
        record_of(folder, name, notebook="serve.ipynb", host=host, **_SERVING, **facts)
