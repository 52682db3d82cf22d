"""Fork a worker from the warm kernel, and make the child fit to serve.

Each step was earned by a hang or a leak: see `become_worker`.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import random
import signal
import sys
import warnings
from collections.abc import Callable
from typing import Any

from runner import log
from runner.serving.print_forwarding import PrintForwarder, forward_prints

try:
    import threadpoolctl
except ImportError:
    threadpoolctl = None

_PR_SET_PDEATHSIG = 1


def thread_pools() -> Any:
    """Look for the libraries that compute on several threads.

    To be called once, before the first fork: whoever looks later writes to a MB that was shared.
    """
    return None if threadpoolctl is None else threadpoolctl.ThreadpoolController()


def fork(serve: Callable[[], None], log_fd: int, pools: Any) -> int:
    """Fork a child that serves and then ends.

    To be called from the kernel's main thread: the parent-death signal follows the thread
    that forked.

    Args:
        serve: What the child does; it must not return before the worker is done.
        log_fd: Where the child's prints go.
        pools: What `thread_pools` has found.

    Returns:
        The child's process number.
    """
    parent = os.getpid()
    with warnings.catch_warnings():
        # Python 3.12 warns of forks beside threads; what they could break is mended below.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid:
        return pid
    code = 1
    try:  # nothing may climb into the kernel's stack
        with contextlib.closing(_print_to(log_fd)):
            code = _serve_as_child(parent, pools, serve)
            log.flush()
    finally:
        os._exit(code)


def _serve_as_child(parent: int, pools: Any, serve: Callable[[], None]) -> int:
    try:
        become_worker(parent, pools)
        serve()
    except BaseException:  # not even an exit may climb
        logging.getLogger(__name__).exception("worker %d failed", os.getpid())
        return 1
    return 0


def become_worker(parent: int, pools: Any) -> None:
    """Cut a fresh child, which prints to the log already, loose from the kernel.

    - It dies with the kernel, however that dies.
    - It ignores SIGINT, which interrupts the kernel's whole group.
    - It dies of SIGALRM, by which an app may have itself ended if it hangs.
    - It computes on one thread: OpenMP hangs in a child if it was used before the fork.
    - It draws its own random numbers.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    if pools is not None:
        pools.limit(limits=1)
    random.seed()
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed()


def _print_to(fd: int) -> PrintForwarder:
    """Print to the log: ipykernel's streams belong to threads that were not forked.

    They hung one child in four.
    """
    os.dup2(fd, 1)
    os.dup2(fd, 2)
    return forward_prints(fd)
