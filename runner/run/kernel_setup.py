"""Prepare a Python kernel before its first cell, so that it can run for months.

IPython (9.1 and newer) keeps every write of a cell to stdout and stderr in
``history_manager.outputs``, 1 to 2 KB for each printed line, for as long as the kernel
lives: ``InteractiveShell._tee`` patches both streams anew at every cell. It serves the
magic ``%notebook``, which a run has no use for. So the patch is replaced by none, and the
mapping by one that keeps nothing, for an IPython that writes to it in another way.

ipykernel's output channel drops messages when 1,000 wait to be carried; it gets more room. And what
it sends for each cell is counted, so that what is lost can be told from what was never sent: a
result's message has a number before it turns out to be empty.

Asked to shut down, ipykernel (7.4) ends the thread that carries output while the one that was
asked still flushes it: in bad hours every second kernel then waits 10 s for an answer that
nobody gives. So that one is ended first.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from runner.errors import RunnerError
from runner.run.kernel import SEND_QUEUE, run_silently
from runner.run.shadowing import shadow

if TYPE_CHECKING:
    from runner.run.kernel import Kernel

log = logging.getLogger(__name__)

_ANSWER_WAIT = 2.0

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
if hasattr(shell.history_manager, "enabled"):  # where the kernel's options did not say so
    shell.history_manager.enabled = False
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

COUNT_SENT = """
import collections

from IPython import get_ipython


def make_counting(kernel):
    send, sent = kernel.session.send, collections.OrderedDict()
    channels = (kernel.iopub_socket, kernel.iopub_thread)

    def counting(stream, *words, **options):
        message = send(stream, *words, **options)
        if message and any(stream is channel for channel in channels):
            parent = message["parent_header"].get("msg_id", "")
            sent[parent] = sent.pop(parent, 0) + 1
            while len(sent) > MOST_PARENTS:
                sent.popitem(last=False)
        return message

    counting.sent = sent
    return counting


MOST_PARENTS = 64
kernel = get_ipython().kernel
if hasattr(kernel, "iopub_thread"):
    kernel.session.send = make_counting(kernel)
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
    parts = (DISCARD_OUTPUTS, WIDEN_CHANNEL, COUNT_SENT, END_IN_ORDER)
    if file := shadow(Path.cwd()):
        log.warning("%s: the notebook imports it instead of the package `runner`", file)
    try:
        await run_silently(kernel, "\n".join(leaving_no_names(part) for part in parts))
    except RunnerError as error:  # a Python kernel without IPython; it has no such history
        log.debug("the set-up did not run: %s", error)


async def messages_sent(kernel: Kernel, cell: str) -> int:
    """Ask a kernel that was set up how many messages it has sent for a cell; 0 if it cannot say.

    Args:
        kernel: The kernel, while no cell runs and nobody else waits for its answers.
        cell: The id of the request to execute it.
    """
    return await _number(
        kernel, f"__import__('IPython').get_ipython().kernel.session.send.sent[{cell!r}]"
    )


async def line_left(kernel: Kernel) -> int:
    """Ask a Python kernel at which line of a cell the last error has left it; 0 if it cannot say.

    IPython shows no traceback of an exit, of a magic that refuses its words, and of a group.

    Args:
        kernel: The kernel, likewise.
    """
    return await _number(kernel, f"({_LINE_LEFT})(__import__('sys').last_traceback)")


_LINE_LEFT = (
    "lambda raised: next(line for frame, line in __import__('traceback').walk_tb(raised)"
    " if frame.f_globals is __import__('IPython').get_ipython().user_global_ns)"
)


async def _number(kernel: Kernel, expression: str) -> int:
    """Have a kernel evaluate what gives a number; 0 if it gives none."""
    asked = kernel.client.execute(
        "",
        silent=True,
        store_history=False,
        stop_on_error=False,
        user_expressions={"number": expression},
    )
    try:
        reply = await asyncio.wait_for(kernel.answer_to(asked), _ANSWER_WAIT)
        return int(reply["user_expressions"]["number"]["data"]["text/plain"])
    except (TimeoutError, KeyError, TypeError, ValueError):
        return 0


def leaving_no_names(code: str) -> str:
    """Wrap code so that it leaves no names in the notebook's namespace."""
    return f"exec({code!r}, {{}})"
