"""Rules for what only a dry run shows."""

from __future__ import annotations

from runner.doctor.findings import Rule, Severity, nothing
from runner.doctor.page import Page

CELL_FAILS: Rule[Page] = Rule(
    name="cell-fails",
    severity=Severity.ERROR,
    why="the service does not start: its run fails at this cell",
    mend="run the notebook up to this cell in Jupyter, and correct it",
    check=nothing,
)
KERNEL_DIES: Rule[Page] = Rule(
    name="kernel-dies",
    severity=Severity.ERROR,
    why="the service does not start: its kernel ends in this cell",
    mend="give it more memory, or see what ends the process",
    check=nothing,
)
NOT_READY: Rule[Page] = Rule(
    name="not-ready-in-time",
    severity=Severity.ERROR,
    why="a service that starts this slowly is given up by --ready-timeout",
    mend="do the slow work in a notebook that trains, or allow more by --deadline",
    check=nothing,
)
NOT_RUN: Rule[Page] = Rule(
    name="run-impossible",
    severity=Severity.ERROR,
    why="a service that cannot be run does not start",
    mend="see what it says; `runner run` says more",
    check=nothing,
)

RULES = (CELL_FAILS, KERNEL_DIES, NOT_READY, NOT_RUN)
