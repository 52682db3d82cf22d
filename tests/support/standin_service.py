"""A service's folder without the service: a supervisor's answers, kept versions and records."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output, writes

from runner.record.ledger import Ledger
from runner.supervise.control import ControlServer

Said = dict[str, dict[str, Any]]


def status_of(folder: Path, run: str, **facts: Any) -> dict[str, Any]:
    """What a supervisor says whose run serves."""
    serving = {
        "run": run,
        "state": "serving",
        "cause": "edited",
        "since": "2026-11-30T00:00:00.000+00:00",
        "workers": [1],
        "notices": [],
        "rehearsal": None,
        "record": str(folder / f"{run}.ipynb"),
    }
    traffic = {
        "requests": 1234,
        "errors": 5,
        "refused": 6,
        "in_flight": 1,
        "waiting": 0,
        "per_second": 20.5,
        "p50": 0.0021,
        "p99": 0.034,
        "memory": 234_000_000,
    }
    said = {"ok": True, "phase": "up", "pid": 1, "uptime": 3.0, "address": "127.0.0.1:8000"}
    said |= {"notebook": "/a.ipynb", "serving": serving, "candidate": None, "standby": None}
    said |= {"restarts": 0, "restarts_in": None, "failure": None, "save_fault": "", "good": []}
    return {**said, "traffic": traffic, **facts}


@contextlib.contextmanager
def supervisors(said: dict[Path, Callable[[str], dict[str, Any]]]) -> Iterator[None]:
    """Answer in some folders as supervisors do.

    Args:
        said: Gives each folder's answer to a question, which may have a version behind it; it may
            take its time.
    """
    opened, ended = threading.Event(), threading.Event()

    async def answer() -> None:
        servers = []
        for folder, each in said.items():

            async def reply(question: str, each: Any = each, version: str = "") -> dict[str, Any]:
                asked = f"{question} {version}".rstrip()
                found: dict[str, Any] = await asyncio.to_thread(each, asked)
                return found

            servers.append(ControlServer(folder, 5.0, reply))
            await servers[-1].open()
        opened.set()
        await asyncio.to_thread(ended.wait)
        for server in servers:
            await server.close()

    thread = threading.Thread(target=lambda: asyncio.run(answer()))
    thread.start()
    assert opened.wait(30)
    try:
        yield
    finally:
        ended.set()
        thread.join(30)


def kept_version(service: Path, run: str, *sources: str, title: str = "A") -> Path:
    """A notebook that has served."""
    cells = [new_code_cell(source, id=f"cell-{place}") for place, source in enumerate(sources)]
    document = new_notebook(cells=[new_markdown_cell(f"# {title}", id="title"), *cells])
    path = service / "sources" / f"{run}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(writes(document))
    Ledger(path.parent).add(path.name)
    return path


def record_of(service: Path, run: str, /, traceback: str = "", **facts: Any) -> Path:
    """The record of a run, in which a cell may have failed."""
    outputs = [
        new_output("error", ename="E", evalue="e", traceback=[traceback])
        for _ in range(bool(traceback))
    ]
    cell = new_code_cell("1 / 0", id="cell-0", outputs=outputs)
    document = new_notebook(cells=[cell], metadata={"runner": {"status": "stopped", **facts}})
    service.mkdir(parents=True, exist_ok=True)
    path = service / f"{run}.ipynb"
    path.write_text(writes(document))
    Ledger(service).add(path.name)
    return path


def recorded_failure(service: Path, number: int, **fields: Any) -> None:
    """A request that was answered by 500, as the log has it."""
    said = {
        "id": f"{number:032x}",
        "time": "2026-11-30T00:00:00+00:00",
        "run": "20261130T000000-host-0001",
        "method": "POST",
        "path": "/predict",
        "status": 500,
        "ms": 1.5,
        "body": '{"x": 1}',
        "answer": '{"title": "Internal Server Error"}',
    }
    folder = service / "requests"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "a.jsonl").open("a") as file:
        file.write(json.dumps({**said, **fields}) + "\n")
