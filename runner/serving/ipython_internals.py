"""Use of IPython and ipykernel what is not promised, within the kernel; nobody else here does.

Tried on IPython 9.1 to 9.18 and ipykernel 6.30 to 7.4; `tests/contract` names what is gone. What
prepares a kernel before its first cell stands in `runner.run.kernel_setup`, and what makes one
of a forked process in `runner.run.forked_kernel`.
"""

from __future__ import annotations

import sys
import types


def code_that_runs_cells() -> types.CodeType | None:
    """Give the code whose frame stands right above a cell's; None where there is no IPython."""
    module = sys.modules.get("IPython.core.interactiveshell")
    return None if module is None else module.InteractiveShell.run_code.__code__


def is_within_a_cell() -> bool:
    """Tell whether a cell has called what runs now, in this thread; in a script, always."""
    runs_cells = code_that_runs_cells()
    if runs_cells is None:
        return True
    frame: types.FrameType | None = sys._getframe()  # noqa: SLF001 - public in all but its name
    while frame is not None and frame.f_code is not runs_cells:
        frame = frame.f_back
    return frame is not None


def real_stderr() -> int:
    """Give the file that was stderr as the process began: ipykernel reads descriptor 2 itself."""
    original = getattr(sys.stderr, "_original_stdstream_copy", None)
    return int(original) if original is not None else 2
