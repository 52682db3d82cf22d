"""Be a kernel in a child that was just forked, as if Python had started with it.

It is IPython's own, with two things left out that would write to pages which it shares:

- The command line is not parsed: the parser describes 400 options in 5 MB.
- The debugger's list of the kernel's own modules stays empty; it would touch every module
  there is, which are 8 MB. No debugger reaches a kernel of ours.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from ipykernel import ipkernel
from ipykernel.kernelapp import IPKernelApp
from traitlets.config import Config

from runner.processes import name_process
from runner.run import output_pipe
from runner.run.kernel import KERNEL_OPTIONS

_PR_SET_PDEATHSIG = 1  # from linux/prctl.h


class ForkedKernelApp(IPKernelApp):
    """Launch a kernel whose options are known."""

    def parse_command_line(self, argv: Any = None) -> None:
        """Take the connection file, and what every kernel of ours is told."""
        self.argv = list(argv)
        own = {"connection_file": argv[-1], "parent_handle": os.getppid()}
        self.cli_config = Config({"IPKernelApp": own, **KERNEL_OPTIONS})
        self.update_config(self.cli_config)

    def init_path(self) -> None:
        """Find modules in the working folder, as other kernels do.

        The process we are forked from leaves that folder out, and IPython from 9.7 on would too.
        """
        if "" not in sys.path and not self.ignore_cwd:
            ours = (each for each, path in enumerate(sys.path) if path.endswith("-packages"))
            sys.path.insert(next(ours, 0), "")

    def init_kernel(self) -> None:
        """Make the kernel without a look at every module."""
        with _few_modules():
            super().init_kernel()  # type: ignore[no-untyped-call]  # it has no types


def run_forked_kernel(words: list[str], parent: int, hidden: dict[str, ModuleType]) -> None:
    """Live as a kernel; it ends the interpreter.

    It dies with the run that forked it, reads nothing from it, and draws its own random numbers.

    Args:
        words: The command line after ``python``, which is ``-m ipykernel_launcher -f FILE …``.
        parent: The run's process.
        hidden: Modules that this one must import for itself.
    """
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.environ["JPY_PARENT_PID"] = str(parent)
    for name in hidden:
        del sys.modules[name]
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed()
    name_process(words)
    module, *sys.argv[1:] = words[1:]
    sys.argv[0] = module
    output_pipe.use()
    ForkedKernelApp.launch_instance(argv=words[2:4])


@contextmanager
def _few_modules() -> Iterator[None]:
    class SysWithoutModules(ModuleType):
        modules: dict[str, ModuleType] = {}  # noqa: RUF012 - a stand-in for sys.modules

        def __getattr__(self, name: str) -> Any:
            return getattr(sys, name)

    ipkernel.sys = SysWithoutModules("sys")  # type: ignore[attr-defined]  # it is no public name
    try:
        yield
    finally:
        ipkernel.sys = sys  # type: ignore[attr-defined]  # nor here
