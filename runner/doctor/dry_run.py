"""Execute a notebook up to what serves, by `runner run`, and say which cell fails."""

from __future__ import annotations

import copy
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from runner.doctor.findings import Finding, Rule, Spot
from runner.doctor.names import collect
from runner.doctor.page import Page, cell_names
from runner.doctor.rules_run import CELL_FAILS, KERNEL_DIES, NOT_READY, NOT_RUN
from runner.doctor.serving_calls import ServingCall, serving_calls
from runner.errors import ConfigurationError, KernelDiedError
from runner.notebook import document as notebook

_GRACE = 10.0  # seconds that a run which was told to stop has to close its record
_LINE = re.compile(r"Cell In\[\d+\], line (\d+)")
_ANSI = re.compile(r"\x1b\[[0-9;]*m")


def dry_run(page: Page, deadline: float) -> list[Finding]:
    """Execute what stands before the serving call, in the working folder, as it would be.

    The cells have their usual effects: what they write, they write.

    Args:
        page: The notebook.
        deadline: Seconds that it has.
    """
    with tempfile.TemporaryDirectory(prefix="runner-doctor-") as folder:
        cut = Path(folder) / page.path.name
        out = Path(folder) / "out.ipynb"
        cut.write_text(json.dumps(before_serving(page)), encoding="utf-8")
        code, said = _executed(cut, out, deadline)
        if code == 0:
            return []
        cell, name = _unfinished(out, page)
        reason = _reason(said).replace(str(cut), str(page.path))
        rule, spot = _fault(
            cell, name, code, f"it was not done after {deadline:g} s" if code is None else reason
        )
    return [Finding(file=page.path, rule=rule, spot=spot)]


def before_serving(page: Page) -> dict[str, Any]:
    """Give the notebook without what serves, and without what stands below that."""
    document: dict[str, Any] = json.loads(page.path.read_bytes())
    found = serving_calls(page, collect(cell.tree for cell in page.cells))
    serving = next((call for call in found if call.holds), None)
    if serving is None:
        return document
    last = cell_names(document["cells"]).index(serving.cell.name)
    kept = copy.copy(document["cells"][last])
    kept["source"] = _above(serving)
    return document | {"cells": [*document["cells"][:last], kept]}


def _above(serving: ServingCall) -> str:
    statement = serving.statement
    line = statement.lineno if statement else serving.line
    return "\n".join(serving.cell.source.split("\n")[: line - 1])


def _executed(cut: Path, out: Path, deadline: float) -> tuple[int | None, str]:
    """Run it; the exit code is None if it did not end in time."""
    command = [sys.executable, "-P", "-m", "runner"]
    process = subprocess.Popen(
        [*command, "run", str(cut), str(out), "--log-format", "text"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        return _outcome(process, deadline)
    finally:
        process.kill()
        process.wait()


def _outcome(process: subprocess.Popen[str], deadline: float) -> tuple[int | None, str]:
    try:
        _, said = process.communicate(timeout=deadline)
    except subprocess.TimeoutExpired:
        process.terminate()
    else:
        return process.returncode, said
    try:
        _, said = process.communicate(timeout=_GRACE)
    except subprocess.TimeoutExpired:
        return None, ""
    return None, said


def _fault(
    cell: dict[str, Any], name: str, code: int | None, reason: str
) -> tuple[Rule[Page], Spot]:
    if code is None:
        return NOT_READY, Spot(cell=name, what=reason)
    if code == KernelDiedError.exit_code:
        return KERNEL_DIES, Spot(cell=name, what=reason)
    error = _error(cell)
    if error is None:
        return NOT_RUN, Spot(cell=name, what=reason)
    raised = " ".join(f"{error.get('ename')}: {error.get('evalue')}".split())
    line = _LINE.search(_ANSI.sub("", "\n".join(error.get("traceback", []))))
    what = f"it raises {raised[:300]}"
    return CELL_FAILS, Spot(cell=name, line=int(line[1]) if line else 0, what=what)


def _reason(said: str) -> str:
    """Take what a run has reported last."""
    lines = [line for line in said.splitlines() if line.startswith("runner: ")]
    return lines[-1].removeprefix("runner: ") if lines else "it could not be run"


def _unfinished(out: Path, page: Page) -> tuple[dict[str, Any], str]:
    """Find the cell of the record that failed, or had not ended, and its name.

    papermill gives ids to cells that had none, and puts cells of its own between; so a cell
    is known by its place among the notebook's code cells.
    """
    try:
        cells = notebook.read(out).cells
    except ConfigurationError:  # it never came to write one
        return {}, ""
    code = [cell for cell in cells if cell["cell_type"] == "code" and not _is_injected(cell)]
    known = [cell for cell in page.cells if not _is_injected({"metadata": {"tags": cell.tags}})]
    for cell, own in zip(code, known, strict=False):
        status = cell.get("metadata", {}).get("papermill", {}).get("status")
        if status in ("failed", "running", "interrupted"):
            return cell, own.name
    return {}, ""


def _is_injected(cell: dict[str, Any]) -> bool:
    return any(tag.startswith("injected-") for tag in notebook.tags(cell))


def _error(cell: dict[str, Any]) -> dict[str, Any] | None:
    shown = [output for output in cell.get("outputs", []) if output.get("output_type") == "error"]
    return shown[-1] if shown else None
