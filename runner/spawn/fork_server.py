"""Fork runs, and their kernels, from one process that has imported what all of them need.

A run and its kernel consist for the greater part of imported modules; forked, they share
these with each other and with the standby. The supervisor, or a sweep, speaks to us by a
socket, one message for each question, and gets the answers in the order of its questions:

    fork NOTEBOOK  with the read end of the run's orders and, if its log is to go to a file
                   of its own, with that; answered by its process's number. Behind a NUL may
                   stand the folder in which it is to run, else that is ours
    reap PID       asked when that process has ended; answered by its exit code

The rules of this file:

1. Nothing here runs code of the user's, and no thread is started before a fork, but by
   libraries that see to it themselves: OpenBLAS ends its threads, and Arrow's allocator restarts
   its own.
2. What a kernel needs is imported first, then what only its run does, which is hidden from it:
   a notebook finds imported no more than in a kernel that Python started.
3. A run is our child, so nobody else has its number before we reap it, which is when
   all that it left was ended. If we die, the runs live on.
4. If packages were installed since we imported ours, we begin anew by exec, under the same
   number and with the same children, before we fork again.
5. The end of the socket is the end of who asks, and ours. The runs see it for themselves.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import importlib
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from runner import processes
from runner.config import variable
from runner.errors import RunnerError
from runner.notebook import document as notebook
from runner.spawn import preload

if TYPE_CHECKING:
    from runner.spawn.child import Task

_LONGEST = 16_384  # of a message; a path has 4,096 bytes at most
_MOST_FILES = 2  # that come with one


def main() -> None:
    """Be ``python -m runner.spawn.fork_server SOCKET NOTEBOOK KIND FOLDER``; then what was forked.

    The notebook is one that the runs will execute. Their kind is the name of the module within
    ours whose ``TASK`` says what they are for: ``child``, ``sweep.point_run``. They begin in the
    folder that has this path by then.
    """
    fd, path, module = int(sys.argv[1]), Path(sys.argv[2]), f"runner.{sys.argv[3]}"
    installed = preload.installed_at()
    gc.disable()  # else it looks over all that is imported again and again
    kernel_name = _prepared_kernel(path)
    hidden = preload.for_run(path, module)
    processes.freeze_memory()
    gc.enable()
    with socket.socket(fileno=fd) as connection:
        become = _tend(connection, installed)
    if become is not None:
        become(module, kernel_name, hidden)


def _prepared_kernel(path: Path) -> str:
    """Import what the notebook's kernel needs; give its name, or none if it is to be spawned."""
    with contextlib.suppress(RunnerError):  # it may be whole when a run is to begin
        document = notebook.read(path)
        if preload.is_ours(document.kernel_name):
            preload.for_kernel(document)
            return document.kernel_name
    return ""


Become = Callable[[str, str, dict[str, ModuleType]], None]


def _tend(connection: socket.socket, installed: list[tuple[str, int]]) -> Become | None:
    """Answer until who asks hangs up; in a forked child, say at once what to be."""
    while True:
        processes.readable([connection.fileno()], None)
        if preload.installed_at() != installed:
            _begin_anew(connection)
        message, fds, _, _ = socket.recv_fds(connection, _LONGEST, _MOST_FILES)
        match message.split(b" ", 1):
            case [b"fork", words]:
                if not (answer := processes.fork()):
                    path, *folder = map(os.fsdecode, words.split(b"\0"))
                    _go_to([*sys.argv[4:], *folder])  # none if an earlier release has started us
                    return functools.partial(_be_run, Path(path), fds)
                for fd in fds:
                    os.close(fd)
            case [b"reap", pid]:
                answer = os.waitstatus_to_exitcode(os.waitpid(int(pid), 0)[1])
            case _:
                return None
        with contextlib.suppress(OSError):
            connection.send(str(answer).encode())


def _go_to(folders: list[str]) -> None:
    """Go to the last of some folders that is there."""
    for folder in folders:
        with contextlib.suppress(OSError):
            os.chdir(folder)


def _begin_anew(connection: socket.socket) -> None:
    connection.set_inheritable(True)
    os.execv(sys.executable, sys.orig_argv)  # noqa: S606 - our own command line


def _be_run(
    path: Path, fds: list[int], module: str, kernel_name: str, hidden: dict[str, ModuleType]
) -> None:
    """Be a run: fork our kernel while there is no thread, and then live as any run does."""
    from runner.spawn import child

    for fd, ours in zip(fds, (0, 2), strict=False):  # its orders, its log
        os.dup2(fd, ours)
        os.close(fd)
    processes.name_process(["-m", module, str(path)])
    child.quieten_debugger()
    task: Task = importlib.import_module(module).TASK
    if kernel_name:
        _be_run_or_kernel(path, task, kernel_name, hidden)
    else:
        child.run_task(path, task)


def _be_run_or_kernel(path: Path, task: Task, name: str, hidden: dict[str, ModuleType]) -> None:
    from runner.run import kernel
    from runner.spawn import child

    (folder, words), us = kernel.prepare_fork(name), os.getpid()
    if not (pid := processes.fork()):
        folder.forget()  # it is the run's, whose end frees it
        from runner.run import forked_kernel  # ipykernel is there only with such a kernel

        os.environ[variable("log-fd")] = str(os.dup(2))
        forked_kernel.run_forked_kernel(words, us, hidden)
        return
    process = processes.ForkedChild(pid, [sys.executable, *words])
    adopted = kernel.Kernel.from_fork(name, folder, process)
    child.run_task(path, task, adopted, name)


if __name__ == "__main__":
    main()
