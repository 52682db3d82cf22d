"""Have `runner serve` serve a notebook once, and say what it found in the doctor's words."""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from runner.doctor.findings import Breach, Finding, Rule
from runner.doctor.notebook_file import CodeCell, NotebookFile
from runner.doctor.rules_run import (
    CELL_FAILS,
    CELL_NEVER_RUNS,
    KERNEL_DIES,
    NOT_READY,
    NOTHING_IS_SERVED,
    SERVE_REFUSES,
)
from runner.errors import NOTHING_SERVES, ConfigurationError, KernelDiedError, NotReadyError
from runner.notebook import document as notebooks
from runner.record import failures
from runner.run.private_folder import PrivateFolder

_GRACE = 30.0  # seconds that a service has to start and to stop, besides its deadline
_SAYS_NOTHING = "its process ended with code"

Step = tuple[CodeCell, dict[str, Any]]


def dry_run(notebook: NotebookFile, deadline: float) -> list[Finding]:
    """Serve a notebook in the working folder, on a free port, until it is ready.

    The cells have their usual effects: what they write, they write. Records stay apart.

    Args:
        notebook: What to serve.
        deadline: Seconds that it has until it serves.
    """
    with contextlib.closing(PrivateFolder()) as folder:
        out = folder.path / "out.ipynb"
        ended, said = _served(notebook.path, out, deadline)
        steps = list(_steps(out, notebook))
    found = list(_never_run(steps)) if ended == 0 else [_fault(steps, ended, said, deadline)]
    return [Finding(file=notebook.path, rule=rule, breach=breach) for rule, breach in found]


def _served(path: Path, out: Path, deadline: float) -> tuple[int | None, str]:
    """Serve it; give the exit code, which is None if it had to be killed, and the last words."""
    words = [sys.executable, "-P", "-m", "runner", "serve", str(path), str(out), "--trial"]
    words += ["--host", "127.0.0.1", "--port", "0", "--workers", "1", "--no-reload"]
    words += ["--ready-timeout", str(deadline)]
    words += ["--log-level", "info", "--log-format", "text"]
    process = subprocess.Popen(
        words,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        _, said = process.communicate(timeout=deadline + _GRACE)
    except subprocess.TimeoutExpired:
        return None, ""
    finally:
        process.kill()
        process.wait()
    return process.returncode, _last_words(said, path)


def _last_words(said: str, path: Path) -> str:
    """Take what the supervisor has reported last, or what the run itself said, if that is more."""
    reported = re.findall(r"^runner: (.*)", said, re.MULTILINE) or ["it ended without a word"]
    logged = re.findall(r"ERROR +run failed: (.*)", said)
    last = str(reported[-1]).removeprefix(f"{path}: ")
    return str(logged[-1]) if logged and _SAYS_NOTHING in last else last


def _steps(out: Path, notebook: NotebookFile) -> Iterator[Step]:
    """Give each code cell with what the record has of it.

    papermill gives ids to cells that had none, and puts cells of its own between; so a cell
    is known by its place among the notebook's code cells.
    """
    try:
        cells = notebooks.read(out).cells
    except ConfigurationError:  # it never came to write one
        return
    ran = [cell for cell in cells if cell["cell_type"] == "code" and not _is_injected(cell)]
    own = [cell for cell in notebook.cells if not any(map(_is_of_injected, cell.tags))]
    yield from zip(own, ran, strict=False)


def _is_injected(cell: dict[str, Any]) -> bool:
    return any(map(_is_of_injected, notebooks.tags(cell)))


def _is_of_injected(tag: str) -> bool:
    return tag.startswith("injected-")


def _state(record: dict[str, Any]) -> str:
    return str(record.get("metadata", {}).get("papermill", {}).get("status", ""))


def _never_run(steps: list[Step]) -> Iterator[tuple[Rule[Any], Breach]]:
    for cell, record in steps:
        if _state(record) == "pending" and cell.source.strip():
            yield CELL_NEVER_RUNS, cell.breach("it had not run when the notebook served")


def _fault(
    steps: list[Step], ended: int | None, said: str, deadline: float
) -> tuple[Rule[Any], Breach]:
    """Say why it did not serve, and in which cell that was."""
    states = ("failed", "running", "interrupted")
    unfinished = [step for step in steps if _state(step[1]) in states][:1]
    if ended in (None, NotReadyError.exit_code):
        return NOT_READY, _breach(unfinished, f"it did not serve within {deadline:g} s")
    if ended == KernelDiedError.exit_code:
        return KERNEL_DIES, _breach(unfinished, said)
    if NOTHING_SERVES in said:
        return NOTHING_IS_SERVED, Breach(what=said)
    for cell, record in unfinished:
        if error := _error(record):
            raised = " ".join(f"{error.get('ename')}: {error.get('evalue')}".split())
            return CELL_FAILS, cell.breach(f"it raises {raised[:300]}", _line(error, cell))
    return SERVE_REFUSES, _breach(unfinished, said)


def _breach(unfinished: list[Step], what: str) -> Breach:
    return unfinished[0][0].breach(what) if unfinished else Breach(what=what)


def _error(record: dict[str, Any]) -> dict[str, Any] | None:
    shown = [output for output in record.get("outputs", []) if output.get("output_type") == "error"]
    return shown[-1] if shown else None


def _line(error: dict[str, Any], cell: CodeCell) -> int:
    return failures.line_of(cell.source, error.get("traceback", []))
