"""The error tree and its exit codes."""

from __future__ import annotations

import signal

from runner import errors


def test_exit_codes_are_distinct() -> None:
    """An exit code names one kind of failure."""
    kinds = (
        errors.RunnerError,
        errors.ConfigurationError,
        errors.NotebookError,
        errors.KernelDiedError,
        errors.NotReadyError,
        errors.CrashLoopError,
    )
    assert [kind.exit_code for kind in kinds] == [1, 2, 3, 4, 5, 6]


def test_an_interrupted_run_exits_as_shells_expect() -> None:
    """A run that a signal ended exits with 128 + the signal's number."""
    assert errors.InterruptedRunError(signal.SIGINT).exit_code == 130
    assert str(errors.InterruptedRunError(signal.SIGTERM)) == "interrupted by SIGTERM"
