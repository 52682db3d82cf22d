"""Every error the command line reports, with the exit code on the class.

RunnerError                 1  anything unforeseen
├── ConfigurationError      2  the command, a parameter or a file is wrong; no retry mends it
├── NotebookError           3  a cell raised, or a notebook that should serve ended
├── KernelDiedError         4  the kernel's process ended under the run
├── NotReadyError           5  nothing was ready to serve in time
├── CrashLoopError          6  it dies again and again before it serves
├── FindingsError           7  the doctor found what would break
├── RehearsalError          8  a new version does not answer as it should
└── InterruptedRunError     128 + the signal's number
"""

from __future__ import annotations

import signal
from collections.abc import Sequence


class RunnerError(Exception):
    """Report a failure in one line and, where there is one, a hint.

    Args:
        message: What is wrong, and which file or name.
        hint: What to do about it; empty when the message says it all.
    """

    exit_code = 1
    meaning = "unforeseen error"

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class ConfigurationError(RunnerError):
    """Report a mistake that was found before any kernel started."""

    exit_code = 2
    meaning = "the command, a parameter or a file is wrong"


class NotebookError(RunnerError):
    """Report that the notebook itself failed."""

    exit_code = 3
    meaning = "a cell of the notebook failed, or nothing in it serves"


NOTHING_SERVES = (
    "nothing in it serves; what could: `from runner import serve`, then `serve(model)`,"
    " `serve(predict)` or `serve(app)` in the last cell; a server's own call; or an ASGI or WSGI"
    " app left behind as `app`"
)
"""What is said of a notebook that has nothing to serve, before it is run and after."""


class NothingServesError(NotebookError):
    """Report that all cells have run, and nothing serves.

    Args:
        hints: What of the notebook's own could be served.
    """

    def __init__(self, hints: Sequence[str] = ()) -> None:
        found = f" ({'; '.join(hints)})" if hints else ""
        super().__init__(f"{NOTHING_SERVES}{found}")

    def _render_traceback_(self) -> list[str]:
        """Show one line in a notebook: IPython asks for it by this name."""
        return [f"{type(self).__name__}: {self}"]


class KernelDiedError(RunnerError):
    """Report that the kernel ended, or never came up, under the run."""

    exit_code = 4
    meaning = "the kernel died"


class NotReadyError(RunnerError):
    """Report that a run was not ready to serve within the time it had."""

    exit_code = 5
    meaning = "the notebook was not ready to serve in time"


class CrashLoopError(RunnerError):
    """Report that a notebook died again and again before it came to serve."""

    exit_code = 6
    meaning = "the notebook died again and again before it served"


class FindingsError(RunnerError):
    """Report that the doctor found something that would break."""

    exit_code = 7
    meaning = "`runner doctor` found something that would break"


class RehearsalError(RunnerError):
    """Report that a version was kept from serving by what it answers."""

    exit_code = 8
    meaning = "`runner rehearse` found answers that keep the notebook from serving"


class InterruptedRunError(RunnerError):
    """Report that a signal ended a run before its last cell."""

    meaning = "interrupted by a signal (128 + its number)"

    def __init__(self, signum: int, hint: str = "") -> None:
        super().__init__(f"interrupted by {signal.Signals(signum).name}", hint)
        self.exit_code = 128 + signum


EXIT_CODES = (
    ConfigurationError,
    NotebookError,
    KernelDiedError,
    NotReadyError,
    CrashLoopError,
    FindingsError,
    RehearsalError,
)
"""Those whose exit codes tell them apart."""
