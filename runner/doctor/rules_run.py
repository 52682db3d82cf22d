"""Rules for what only a dry run shows."""

from __future__ import annotations

from runner.doctor.findings import Rule, Severity, nothing
from runner.doctor.notebook_file import NotebookFile

CELL_FAILS: Rule[NotebookFile] = Rule(
    name="cell-fails",
    severity=Severity.ERROR,
    why="the service does not start: its run fails at this cell",
    mend="run the notebook up to this cell in Jupyter, and correct it",
    check=nothing,
)
KERNEL_DIES: Rule[NotebookFile] = Rule(
    name="kernel-dies",
    severity=Severity.ERROR,
    why="the service does not start: its kernel ends in this cell",
    mend="give it more memory, or see what ends the process",
    check=nothing,
)
NOT_READY: Rule[NotebookFile] = Rule(
    name="not-ready-in-time",
    severity=Severity.ERROR,
    why="a service that starts this slowly is given up by --ready-timeout",
    mend="do the slow work in a notebook that trains, or allow more by --deadline",
    check=nothing,
)
NOTHING_IS_SERVED: Rule[NotebookFile] = Rule(
    name="nothing-served",
    severity=Severity.ERROR,
    why="`runner serve` refuses it; `runner run` executes such a notebook",
    mend="end it with what serves, or leave it out of the dry run",
    check=nothing,
)
SERVE_REFUSES: Rule[NotebookFile] = Rule(
    name="serve-refuses",
    severity=Severity.ERROR,
    why="`runner serve` ends with these words",
    mend="see what it says; `runner serve` on it says more",
    check=nothing,
)
CELL_NEVER_RUNS: Rule[NotebookFile] = Rule(
    name="cell-never-runs",
    severity=Severity.WARNING,
    why="a cell above it serves until the service is stopped; then nothing more is run",
    mend="move it above the cell that serves, or delete it",
    check=nothing,
)

RULES = (CELL_FAILS, KERNEL_DIES, NOT_READY, NOTHING_IS_SERVED, SERVE_REFUSES, CELL_NEVER_RUNS)
