"""Name how far a run is, or how it has ended, as its record says it."""

from __future__ import annotations

import enum


class RunStatus(enum.StrEnum):
    """Name the states of a run."""

    RUNNING = "running"
    DRAINING = "draining"
    COMPLETED = "completed"
    FAILED = "failed"
    STOPPED = "stopped"
    KERNEL_DIED = "kernel-died"
    KILLED = "killed"  # which others have noted, for it could not


OPEN = (RunStatus.RUNNING, RunStatus.DRAINING)
"""States of a run that goes on."""

ENDED_WELL = (RunStatus.COMPLETED, RunStatus.STOPPED)

FAILED_BY_ITSELF = (RunStatus.FAILED, RunStatus.KERNEL_DIED)
"""States of a run that would end so again."""

ENDED_BADLY = (*FAILED_BY_ITSELF, RunStatus.KILLED)
