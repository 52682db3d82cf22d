"""Prepare a Python kernel before its first cell, so that it can run for months.

IPython (9.1 and newer) keeps every write of a cell to stdout and stderr in
``history_manager.outputs``, 1 to 2 KB for each printed line, for as long as the kernel
lives: ``InteractiveShell._tee`` patches both streams anew at every cell. It serves the
magic ``%notebook``, which a run has no use for. So the patch is replaced by none, and the
mapping by one that keeps nothing, for an IPython that writes to it in another way.

ipykernel's output channel drops messages when 1,000 wait to be carried; it gets more room.

Asked to shut down, ipykernel (7.4) ends the thread that carries output while the one that was
asked still flushes it: in bad hours every second kernel then waits 10 s for an answer that
nobody gives. So that one is ended first.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from runner.errors import RunnerError
from runner.run.kernel import SEND_QUEUE, run_silently
from runner.run.shadowing import shadow

if TYPE_CHECKING:
    from runner.run.kernel import Kernel

log = logging.getLogger(__name__)

DISCARD_OUTPUTS = """
import collections
import contextlib

from IPython import get_ipython


class DiscardingDict(collections.defaultdict):
    def __contains__(self, number):
        return False

    def __missing__(self, number):
        return []

    def setdefault(self, number, value=None):
        return value


shell = get_ipython()
if hasattr(shell, "_tee"):
    shell._tee = lambda channel: contextlib.nullcontext()
if hasattr(shell.history_manager, "outputs"):
    shell.history_manager.outputs = DiscardingDict(list)
"""

WIDEN_CHANNEL = f"""
from IPython import get_ipython

thread = getattr(get_ipython().kernel, "iopub_thread", None)
if thread is not None:  # its socket may only be touched by itself
    thread.schedule(lambda: setattr(thread.socket, "sndhwm", {SEND_QUEUE}))
"""

END_IN_ORDER = """
import atexit

from IPython import get_ipython


def end_control_first():  # before ipykernel's own, which was registered earlier
    if thread.is_alive():
        thread.stop()
        thread.join(timeout=1)


thread = getattr(get_ipython().kernel, "control_thread", None)
if thread is not None:
    atexit.register(end_control_first)
"""


async def set_up_kernel(kernel: Kernel) -> None:
    """Run the set-up code in a connected kernel, if it is one for Python."""
    if not kernel.is_python:
        return
    parts = (DISCARD_OUTPUTS, WIDEN_CHANNEL, END_IN_ORDER)
    if file := shadow(Path.cwd()):
        log.warning("%s: the notebook imports it instead of the package `runner`", file)
    try:
        await run_silently(kernel, "\n".join(leaving_no_names(part) for part in parts))
    except RunnerError as error:  # a Python kernel without IPython; it has no such history
        log.debug("the set-up did not run: %s", error)


def leaving_no_names(code: str) -> str:
    """Wrap code so that it leaves no names in the notebook's namespace."""
    return f"exec({code!r}, {{}})"
