"""Keep the workers of one run serving: start them, replace those that die, drain them all.

The rules of this file:

1. A worker is a thread of the kernel, if there is just one that is never replaced, or a
   process forked from the kernel. Both speak by two pipes: on the order pipe it is told
   to accept (``A``) and to drain (``D``, or the pipe's end); on the status pipe it says
   that it is ready (``R``) or why it is not (``F`` and a reason); the pipe's end is its end.
2. A worker that has accepted and dies is forked again at once. Five that die within ten
   seconds are a crash loop: the run fails. Not so if the app says that its workers may have
   to be killed (``needs_process``): then any request can end one, and none the service.
3. A worker drains by itself when it has answered ``max_requests`` or outgrown ``max_memory``.
4. Draining has a deadline: whoever still lives then is killed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import logging
import os
import select
import signal
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

from runner import net, processes
from runner.config import Limits
from runner.serving import forking
from runner.serving.worker import Server, WorkerLoop

log = logging.getLogger(__name__)

_CRASHES, _CRASH_WINDOW = 5, 10.0


@dataclasses.dataclass(kw_only=True)
class Worker:
    """Hold the kernel's ends of one worker's pipes.

    Attributes:
        slot: Its number, which is its listener's.
        pid: Its process, which is ours if it is a thread.
        status: Where it says how it is.
        order: Where it is told what to do.
    """

    slot: int
    pid: int
    status: int
    order: int
    is_ready: bool = False
    failure: str = ""

    @property
    def is_process(self) -> bool:
        """Tell a forked worker from a thread."""
        return self.pid != os.getpid()

    def send_order(self, what: bytes) -> None:
        """Give an order; a dead worker does not mind."""
        with contextlib.suppress(OSError):
            os.write(self.order, what)

    def close(self) -> None:
        """Give up the pipes."""
        os.close(self.status)
        os.close(self.order)


@dataclasses.dataclass(kw_only=True)
class WorkerPool:
    """Run the workers of one ``serve`` call from the kernel's main thread.

    Attributes:
        build: Makes the server of a slot; called in each worker.
        listeners: One for each worker.
        limits: The bounds of each.
        log_fd: Where forked workers print.
        control: The supervisor's connection, if there is one.
        needs_processes: Whether workers are forked even if one thread would do.
    """

    build: Callable[[int], Server]
    listeners: list[socket.socket]
    limits: Limits
    log_fd: int
    control: Any = None
    needs_processes: bool = False

    def __post_init__(self) -> None:
        self.workers: dict[int, Worker] = {}
        self.is_draining = False
        self.error = ""
        self._accepts = self._is_replaced = False
        self._crashes: list[float] = []
        self._deadline = float("inf")
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_write, False)
        recycles = bool(self.limits.max_requests or self.limits.max_memory)
        wants_forks = len(self.listeners) > 1 or recycles or self.needs_processes
        self._forks = wants_forks and forking.can_fork()
        if len(self.listeners) > 1 and not self._forks:
            log.warning("CUDA is in use, so no worker can be forked: one thread serves")
            self.listeners = self.listeners[:1]

    def run(self) -> None:
        """Serve until interrupted, or until the supervisor goes away.

        Raises:
            RuntimeError: The app does not start, or its workers keep dying.
        """
        previous = self._listen_to_interrupts()
        self._pools = forking.thread_pools() if self._forks else None
        processes.freeze_memory()  # what the notebook has made stays
        try:
            for slot in range(len(self.listeners)):
                self._start(slot)
            while self.workers:
                self._wait_once()
        finally:
            self._end(previous)
        if self.error:
            raise RuntimeError(self.error)

    def stop(self) -> None:
        """Begin to drain; callable from a signal's handler and from any thread."""
        with contextlib.suppress(OSError):
            os.write(self._wake_write, b"!")

    def _listen_to_interrupts(self) -> Any:
        if threading.current_thread() is not threading.main_thread():
            return None
        return signal.signal(signal.SIGINT, lambda *_: self.stop())

    def _end(self, previous: Any) -> None:
        for worker in list(self.workers.values()):
            if worker.is_process:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(worker.pid, signal.SIGKILL)
                os.waitpid(worker.pid, 0)
            worker.close()
        for listener in self.listeners:
            listener.close()
        os.close(self._wake_read)
        os.close(self._wake_write)
        if previous is not None:
            signal.signal(signal.SIGINT, previous)

    # -- starting

    def _start(self, slot: int) -> None:
        status_read, status_write = os.pipe()
        order_read, order_write = os.pipe()
        listener = self.listeners[slot]

        def work() -> None:
            build = functools.partial(self.build, slot)
            WorkerLoop(build, listener, status_write, order_read, self.limits).run()

        if self._forks:

            def become() -> None:
                os.close(status_read)
                os.close(order_write)
                self._forget_siblings(slot)
                work()

            pid = forking.fork(become, self.log_fd, self._pools)
            os.close(status_write)
            os.close(order_read)
        else:
            pid = os.getpid()
            threading.Thread(target=work, name=f"worker-{slot}", daemon=True).start()
        self.workers[slot] = Worker(slot=slot, pid=pid, status=status_read, order=order_write)

    def _forget_siblings(self, slot: int) -> None:
        """Close, in a child, what is another's: an end held open here hides the end there."""
        for other, listener in enumerate(self.listeners):
            if other != slot:
                listener.close()
        for worker in self.workers.values():
            worker.close()
        if self.control is not None:
            self.control.close()
        os.close(self._wake_read)
        os.close(self._wake_write)

    # -- waiting

    def _wait_once(self) -> None:
        watched: list[Any] = [self._wake_read, *(each.status for each in self.workers.values())]
        if self.control is not None and self.control.is_open:
            watched.append(self.control)
        timeout = max(0.0, min(self._deadline - time.monotonic(), 3600.0))
        readable, _, _ = select.select(watched, [], [], timeout)
        for worker in list(self.workers.values()):
            if worker.status in readable:
                self._read_status(worker)
        if self.control in readable:
            self._take_orders()
        if self._wake_read in readable:
            os.read(self._wake_read, 64)
            self._drain()
        if time.monotonic() >= self._deadline:
            self._kill_the_rest()

    def _read_status(self, worker: Worker) -> None:
        status = os.read(worker.status, 65536)
        if not status:
            self._worker_ended(worker)
        elif status.startswith(b"R"):
            worker.is_ready = True
            if self._accepts and not self.is_draining:
                worker.send_order(b"A")
            elif all(each.is_ready for each in self.workers.values()):
                self._all_ready()
        else:
            worker.failure = status[1:].decode(errors="replace")

    def _all_ready(self) -> None:
        if self.control is None:
            self._accept()
        else:
            self.control.send("ready")

    def _accept(self) -> None:
        self._accepts = True
        for worker in self.workers.values():
            worker.send_order(b"A")
        if self.control is not None:
            self.control.send("serving", workers=[each.pid for each in self.workers.values()])

    def _take_orders(self) -> None:
        for order in self.control.receive():
            if order.get("do") == "accept":
                self._accept()
            elif order.get("do") == "give way":
                self._is_replaced = True
        if not self.control.is_open:
            log.warning("the supervisor is gone")
            self._drain()

    # -- ending

    def _worker_ended(self, worker: Worker) -> None:
        reason = _how_ended(worker)
        worker.close()
        del self.workers[worker.slot]
        if self.is_draining:
            self.error = self.error or worker.failure
            return
        if not self._accepts or not self._forks:
            self._fail(worker.failure or reason)
            return
        is_crash = not reason.endswith("exited with code 0")
        is_expected = self.needs_processes and worker.is_ready
        if is_crash and not is_expected and self._is_crash_loop():
            self._fail(f"{_CRASHES} workers died within {_CRASH_WINDOW:g} s; the last: {reason}")
            return
        self._start(worker.slot)
        if self.control is not None:
            new = self.workers[worker.slot].pid
            self.control.send("worker", slot=worker.slot, pid=new, reason=reason)

    def _is_crash_loop(self) -> bool:
        now = time.monotonic()
        self._crashes = [then for then in self._crashes if now - then < _CRASH_WINDOW] + [now]
        return len(self._crashes) >= _CRASHES

    def _fail(self, reason: str) -> None:
        self.error = reason
        if self.control is not None:
            self.control.send("failed", reason=reason)
        self._drain()

    def _drain(self) -> None:
        if self.is_draining:
            return
        self.is_draining = True
        self._deadline = time.monotonic() + self.limits.linger + self.limits.drain_timeout + 1
        for listener in self.listeners:
            if self.control is None:  # else the supervisor knows whether another run takes it
                net.admit_nobody(listener)
            listener.close()
        for worker in self.workers.values():
            worker.send_order(b"G" if self._is_replaced else b"D")

    def _kill_the_rest(self) -> None:
        for worker in list(self.workers.values()):
            if worker.is_process:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(worker.pid, signal.SIGKILL)
            else:  # a thread cannot be killed; it ends with the kernel
                del self.workers[worker.slot]
        self._deadline = float("inf")


def _how_ended(worker: Worker) -> str:
    if not worker.is_process:
        return "the serving thread ended"
    _, status = os.waitpid(worker.pid, 0)
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        return f"worker {worker.pid} was killed by {signal.Signals(-code).name}"
    return f"worker {worker.pid} exited with code {code}"
