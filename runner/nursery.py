"""Fork runs, and their kernels, from one process that has imported what all of them need.

A run and its kernel consist for the greater part of imported modules; forked, they share
these with each other and with the standby. The supervisor speaks to us by a socket, one
message for each question, and gets the answers in the order of its questions:

    fork      with the read end of the run's orders; answered by its process's number
    reap PID  asked when that process has ended; answered by its exit code

The rules of this file:

1. Nothing here runs code of the user's, and no thread is started before a fork, but by
   libraries that see to it themselves: OpenBLAS ends its threads, and Arrow's allocator restarts
   its own.
2. What a kernel needs is imported first, then what only its run does, which is hidden from it:
   a notebook finds imported no more than in a kernel that Python started.
3. A run is our child, so nobody else has its number before we reap it, which is when the
   supervisor has ended all that it left. If we die, the runs live on.
4. If packages were installed since we imported ours, we begin anew by exec, under the same
   number and with the same children, before we fork again.
5. The end of the socket is the end of the supervisor, and ours. The runs see it for themselves.
"""

from __future__ import annotations

import contextlib
import functools
import os
import select
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from runner import ahead, notebook, offspring
from runner.config import variable
from runner.errors import RunnerError

_LONGEST = 64


def main() -> None:
    """Be ``python -m runner.nursery SOCKET NOTEBOOK``; then whatever was forked."""
    fd, path = int(sys.argv[1]), Path(sys.argv[2])
    installed = ahead.installed_at()
    # What lies in the working folder must not be taken for an installed package.
    if sys.path[0] in ("", str(Path.cwd())):
        del sys.path[0]
    kernel_name = _prepared_kernel(path)
    hidden = ahead.for_run(path)
    ahead.settle()
    with socket.socket(fileno=fd) as ears:
        become = _tend(ears, installed)
    if become is not None:
        become(path, kernel_name, hidden)


def _prepared_kernel(path: Path) -> str:
    """Import what the notebook's kernel needs; give its name, or none if it is to be spawned."""
    with contextlib.suppress(RunnerError):  # it may be whole when a run is to begin
        document = notebook.read(path)
        if ahead.is_ours(document.kernel_name):
            ahead.for_kernel(document)
            return document.kernel_name
    return ""


Become = Callable[[Path, str, dict[str, ModuleType]], None]


def _tend(ears: socket.socket, installed: list[tuple[str, int]]) -> Become | None:
    """Answer until the supervisor hangs up; in a forked child, say at once what to be."""
    while True:
        select.select([ears], [], [])
        if ahead.installed_at() != installed:
            _begin_anew(ears)
        message, fds, _, _ = socket.recv_fds(ears, _LONGEST, 1)
        match message.split():
            case [b"fork"]:
                if not (answer := offspring.fork()):
                    return functools.partial(_be_run, fds[0])
                os.close(fds[0])
            case [b"reap", pid]:
                answer = os.waitstatus_to_exitcode(os.waitpid(int(pid), 0)[1])
            case _:
                return None
        with contextlib.suppress(OSError):
            ears.send(str(answer).encode())


def _begin_anew(ears: socket.socket) -> None:
    ears.set_inheritable(True)
    os.execv(sys.executable, sys.orig_argv)  # noqa: S606 - our own command line


def _be_run(orders: int, path: Path, kernel_name: str, hidden: dict[str, ModuleType]) -> None:
    """Be a run: fork our kernel while there is no thread, and then live as any run does."""
    from runner import child

    os.dup2(orders, 0)
    os.close(orders)
    offspring.name_process(["-m", "runner.child", str(path)])
    child.quieten_debugger()
    if kernel_name:
        _be_run_or_kernel(path, kernel_name, hidden)
    else:
        child.live(path, child.SUPERVISED)


def _be_run_or_kernel(path: Path, name: str, hidden: dict[str, ModuleType]) -> None:
    from runner import child, kernel

    (folder, words), us = kernel.plan(name), os.getpid()
    if not (pid := offspring.fork()):
        from runner import kernel_app  # ipykernel is there only with such a kernel

        os.environ[variable("log-fd")] = str(os.dup(2))
        kernel_app.become(words, us, hidden)
        return
    process = offspring.Offspring(pid, [sys.executable, *words])
    adopted = kernel.Kernel.adopt(name, folder, process)
    child.live(path, child.SUPERVISED, adopted, name)


if __name__ == "__main__":
    main()
