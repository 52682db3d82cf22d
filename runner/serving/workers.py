"""Keep the workers of one run serving: start them, replace those that die, drain them all.

The rules of this file:

1. A worker is the kernel itself, if there is just one that is never replaced, or a process forked
   from it. Both speak by two pipes, in the words of `runner.serving.orders`; the status pipe's end
   is the worker's end, and so is its process's. Either way the app runs in the thread that has
   called the server: so a kernel that serves is watched by a thread of its own.
2. A worker that has been ready and dies is forked again, for ever: requests can end workers, and
   never the service. A crash loop before that fails the run: see `runner.serving.restarts`.
3. A worker drains by itself when it has answered ``max_requests``, outgrown ``max_memory``, or
   its app asks for it.
4. A forked worker that does not turn for ``hang_timeout``, or takes that much longer to start than
   those before it, writes its stacks and is killed. A kernel that serves and does not turn is the
   supervisor's to notice: its question is passed on.
5. A connection that waits for a busy worker is offered to the others: see
   `runner.serving.queue_watch`.
6. Draining has a deadline: whoever still lives then is killed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from typing import IO, Any

from runner import net, processes
from runner.config import Limits
from runner.liveness import stacks
from runner.liveness.heartbeat import Heartbeat
from runner.liveness.readiness import Readiness
from runner.serving import fork_hazards, forking, on_fork
from runner.serving.orders import LEAVES, Order, Report
from runner.serving.queue_watch import QueueWatch
from runner.serving.restarts import Restart, Restarts
from runner.serving.worker import Server, WorkerLoop
from runner.serving.worker_link import WorkerLink

log = logging.getLogger(__name__)

_LONGEST_WAIT = 3600.0
_SHARED = (
    "a connection of %s was opened before the workers were forked, and all of them share it: open"
    " it in each, by a function with `@on_fork` of runner or in the app's start-up"
)


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
        obstacle: Why none can be forked, if its caller knows.
        hears_interrupts: Whether an interrupt of the main thread asks it to stop.
        is_tls: Whether clients speak TLS.
    """

    build: Callable[[int], Server]
    listeners: list[socket.socket]
    limits: Limits
    log_fd: int
    control: Any = None
    needs_processes: bool = False
    obstacle: str = ""
    hears_interrupts: bool = True
    is_tls: bool = False

    def __post_init__(self) -> None:
        self.workers: dict[int, WorkerLink] = {}
        self.is_draining = False
        self._readiness = Readiness.READY
        self.error = ""
        self._accepts = self._is_replaced = False
        self._restarts = Restarts()
        self._deadline = float("inf")
        self._slowest_start = 0.0
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_write, False)
        self._is_overdue = self._is_in_main_thread = False
        self._fault: Exception | None = None
        self._wake_lock = threading.RLock()  # a signal's handler may come while we hold it
        recycles = bool(self.limits.max_requests or self.limits.max_memory)
        wants_forks = len(self.listeners) > 1 or recycles or self.needs_processes
        in_use = fork_hazards.what_no_fork_survives() if wants_forks else ""
        obstacle = self.obstacle or (f"{in_use} is in use" if in_use else "")
        self._forks = wants_forks and not obstacle
        if wants_forks and obstacle:
            self._say(f"{obstacle}, so no worker can be forked: one process serves")
        self._queues = QueueWatch(len(self.listeners))

    def run(self) -> None:
        """Serve until interrupted, or until the supervisor goes away.

        Raises:
            RuntimeError: The app does not start, or its workers keep dying.
        """
        if not self._forks:
            with self._watched() as worker:
                worker.run()
            return
        if not on_fork.are_named():
            for shared in fork_hazards.shared_connections():
                self._say(_SHARED % shared)
        with self._listening():
            self._pools = forking.thread_pools()
            for slot in range(len(self.listeners)):
                self._fork(slot)
            self._watch()

    async def run_on_loop(self) -> None:
        """Serve likewise on the loop that runs, which goes on meanwhile; forked workers do not."""
        if self._forks:
            self.run()
            return
        with self._watched() as worker:
            await worker.run_on_loop()

    @contextlib.contextmanager
    def _listening(self) -> Iterator[None]:
        """Be asked to stop by interrupts, and leave nothing behind."""
        previous = self._listen_to_interrupts()
        processes.freeze_memory()  # what the notebook has made stays
        try:
            yield
        finally:
            self._end(previous)
        if self._fault is not None:
            raise self._fault
        if self.error:
            raise RuntimeError(self.error)

    @contextlib.contextmanager
    def _watched(self) -> Iterator[WorkerLoop]:
        """Give the one worker, to be run by this thread, and watch it from another."""
        with self._listening():
            worker = self._become_worker()
            watching = threading.Thread(target=self._watch_beside, name="watch", daemon=True)
            watching.start()
            try:
                yield worker
            finally:
                watching.join()

    def _watch_beside(self) -> None:
        try:
            self._watch()
        except Exception as error:  # noqa: BLE001 - raised in the thread that serves
            self._fault = error
        finally:
            for worker in self.workers.values():
                worker.close()  # it ends, if it has not
            self.workers.clear()

    def _watch(self) -> None:
        while self.workers or self._restarts:
            self._wait_once()

    def _say(self, notice: str) -> None:
        """Say to whoever looks after the service what is odd about it."""
        if self.control is None:
            log.warning(notice)
        else:
            self.control.send("notice", notice=notice)

    def stop(self) -> None:
        """Begin to drain; callable from a signal's handler and from any thread."""
        with self._wake_lock, contextlib.suppress(OSError):
            if self._wake_write >= 0:
                os.write(self._wake_write, b"!")

    def _listen_to_interrupts(self) -> Any:
        is_main = threading.current_thread() is threading.main_thread()
        self._is_in_main_thread = is_main and self.hears_interrupts
        if not self._is_in_main_thread:
            return None
        return signal.signal(signal.SIGINT, self._take_interrupt)

    def _take_interrupt(self, *_: Any) -> None:
        if self._is_overdue:
            raise KeyboardInterrupt("the app did not end within its time")
        self.stop()

    def _end(self, previous: Any) -> None:
        for worker in list(self.workers.values()):
            if worker.is_process:
                worker.kill()
                os.waitpid(worker.pid, 0)
            worker.close()
        for listener in self.listeners:
            listener.close()
        self._close_wake()
        if previous is not None:
            signal.signal(signal.SIGINT, previous)

    # -- starting

    def _become_worker(self) -> WorkerLoop:
        with contextlib.ExitStack() as opened:
            status_read, status_write = _pipe(opened)
            order_read, order_write = _pipe(opened)
            opened.pop_all()
        self._add(0, os.getpid(), status_read, order_write, None)
        return self._worker_loop(0, status_write, order_read)

    def _fork(self, slot: int) -> None:
        with contextlib.ExitStack() as opened:  # and closed again if no process can be started
            status_read, status_write = _pipe(opened)
            order_read, order_write = _pipe(opened)
            written = opened.enter_context(tempfile.TemporaryFile())

            def become() -> None:
                os.close(status_read)
                os.close(order_write)
                self._forget_siblings()
                stacks.write_when_asked(written.fileno())
                self._worker_loop(slot, status_write, order_read).run()

            pid = forking.fork(become, self.log_fd, self._pools)
            opened.pop_all()
        os.close(status_write)
        os.close(order_read)
        self._add(slot, pid, status_read, order_write, written)

    def _worker_loop(self, slot: int, status: int, order: int) -> WorkerLoop:
        def build() -> Server:
            if self._forks:
                on_fork.call_all()
            return self.build(slot)

        shares_queues = self._forks and len(self.listeners) > 1
        return WorkerLoop(
            build, self.listeners, status, order, self.limits, shares_queues=shares_queues
        )

    def _add(self, slot: int, pid: int, status: int, order: int, written: IO[bytes] | None) -> None:
        self.workers[slot] = WorkerLink(
            slot=slot,
            pid=pid,
            status=status,
            order=order,
            stacks=written,
            heartbeat=Heartbeat(self._start_timeout()),
            since=time.monotonic(),
            ended=processes.open_end(pid) if written is not None else -1,
        )

    def _start_timeout(self) -> float:
        """Give a worker as long as the slowest before it took, and what it may stand still.

        Those before the first that is ready have no timeout of ours.
        """
        if not (self._accepts and self.limits.hang_timeout):
            return 0.0
        return self._slowest_start + self.limits.hang_timeout

    def _forget_siblings(self) -> None:
        """Close, in a child, what is another's: an end held open here hides the end there."""
        for worker in self.workers.values():
            worker.close()
        if self.control is not None:
            self.control.close()
        self._close_wake()

    def _close_wake(self) -> None:
        """Let nobody write to what gets the number of our pipe next."""
        with self._wake_lock:
            closed, self._wake_write = self._wake_write, -1
            os.close(closed)
        os.close(self._wake_read)

    def _restart_due(self, now: float) -> None:
        for restart in self._restarts.take_due(now):
            try:
                self._fork(restart.slot)
            except OSError as error:  # there can be no further process at the moment
                self._restarts.put_off(restart, str(error), now)
            else:
                self._tell_of(restart)

    # -- waiting

    def _wait_once(self) -> None:
        now = time.monotonic()
        watched = {listener.fileno() for listener in self._watched_listeners(now)}
        fds = {fd for worker in self.workers.values() for fd in (worker.status, worker.ended)}
        control = self.control if self.control is not None and self.control.is_open else None
        sources = {
            self._wake_read,
            *(fds - {-1}),
            *watched,
            *([control.fileno()] if control else []),
        }
        readable = processes.readable(sources, self._seconds_until_due(now))
        for worker in list(self.workers.values()):
            if worker.status in readable:
                self._read_status(worker)
            elif worker.ended in readable:  # what it has started may hold its pipes open
                self._worker_ended(worker)
        if control is not None and control.fileno() in readable:
            self._take_orders()
        if self._wake_read in readable:
            os.read(self._wake_read, 64)
            self._drain()
        now = time.monotonic()
        self._restart_due(now)
        if readable & watched or now >= self._queues.look_at():
            self._look_at_queues(now)
        for worker in list(self.workers.values()):
            worker.look(now)
        if now >= self._deadline:
            self._kill_the_rest()

    def _seconds_until_due(self, now: float) -> float:
        due = [worker.due_at(now) for worker in self.workers.values()]
        due += [self._restarts.due_at(), self._deadline, self._queues.look_at()]
        return max(0.0, min(min(due) - now, _LONGEST_WAIT))

    def _watched_listeners(self, now: float) -> list[socket.socket]:
        if not self._shares_queues:
            return []
        return [self.listeners[slot] for slot in self._queues.watched(now)]

    @property
    def _shares_queues(self) -> bool:
        return self._accepts and not self.is_draining and self._forks and len(self.listeners) > 1

    def _look_at_queues(self, now: float) -> None:
        if not self._shares_queues:
            return
        readable = processes.readable({listener.fileno() for listener in self.listeners}, 0.0)
        waiting = [slot for slot, each in enumerate(self.listeners) if each.fileno() in readable]
        accepting = [slot for slot, worker in self.workers.items() if worker.can_accept]
        for asked in self._queues.look(waiting, accepting, now):
            self.workers[asked.worker].send(asked.order, asked.queue)

    def _read_status(self, worker: WorkerLink) -> None:
        reports = worker.receive()
        if not reports:
            self._worker_ended(worker)
        for report in reports:
            self._take_report(worker, report)

    def _take_report(self, worker: WorkerLink, report: Report) -> None:
        now = time.monotonic()
        match report:
            case Report.READY:
                self._worker_ready(worker)
            case Report.LEAVING | Report.HAS_ANSWERED | Report.HAS_GROWN:
                worker.is_leaving, worker.leaves = True, LEAVES[report]
                worker.ends_at = now + self._longest_drain()
            case Report.FREE | Report.BUSY:
                self._queues.turns(worker.slot, now, is_busy=report is Report.BUSY)
                if worker.fault and not worker.is_leaving:  # it can end in peace
                    worker.send(Order.GIVE_WAY)
                    worker.is_leaving, worker.ends_at = True, now + self._longest_drain()
                if not worker.is_process and self.control is not None:
                    self.control.send("turns")
            case Report.TOOK | Report.TOOK_NONE:
                self._queues.took(worker.slot, now, has_taken=report is Report.TOOK)

    def _worker_ready(self, worker: WorkerLink) -> None:
        self._slowest_start = max(self._slowest_start, time.monotonic() - worker.since)
        worker.become_ready(self.limits.hang_timeout)
        if self._accepts and not self.is_draining:
            worker.send(Order.ACCEPT, worker.slot)
            if self._readiness:
                worker.send(Order.SHOW, self._readiness)
        elif all(each.is_ready for each in self.workers.values()):
            self._all_ready()

    def _all_ready(self) -> None:
        if self.control is None:
            self._accept()
        else:
            self.control.send("ready")

    def _accept(self) -> None:
        self._accepts = True
        for worker in self.workers.values():
            queues = [worker.slot] if self._forks else range(len(self.listeners))
            for queue in queues:
                worker.send(Order.ACCEPT, queue)
        if self.control is not None:
            self.control.send("serving", workers=[each.pid for each in self.workers.values()])

    def _take_orders(self) -> None:
        for order in self.control.receive():
            match order.get("do"):
                case "accept":
                    self._accept()
                case "ping":
                    self._pass_ping_on()
                case "give way":
                    self._is_replaced = True
                case "show":
                    self._show(Readiness(order["readiness"]))
        if not self.control.is_open:
            log.warning("the supervisor is gone")
            self._drain()

    def _show(self, readiness: Readiness) -> None:
        """Have the workers tell it, also those that are forked from now on."""
        self._readiness = readiness
        for worker in self.workers.values():
            worker.send(Order.SHOW, readiness)

    def _pass_ping_on(self) -> None:
        """Answer the supervisor for ourselves, or have the thread answer that serves."""
        for worker in self.workers.values():
            if not worker.is_process and not self.is_draining:
                worker.send(Order.SAY)
                return
        self.control.send("turns")

    # -- ending

    def _worker_ended(self, worker: WorkerLink) -> None:
        reason, where = worker.how_ended(), worker.where()
        worker.close()
        del self.workers[worker.slot]
        self._queues.forget(worker.slot)
        if self.is_draining:
            self.error = self.error or worker.failure
            return
        if not self._accepts or not self._forks:
            self._fail(reason)
            return
        if why_not := self._restarts.worker_ended(worker, reason, where, time.monotonic()):
            self._fail(why_not)

    def _tell_of(self, restart: Restart) -> None:
        facts = {"reason": restart.reason, "stacks": restart.stacks}
        if self.control is not None:
            pid = self.workers[restart.slot].pid
            self.control.send("worker", slot=restart.slot, pid=pid, **facts)
            return
        where = f"; it was at:\n{restart.stacks}" if restart.stacks else ""
        with contextlib.suppress(OSError):
            os.write(self.log_fd, f"{restart.reason}{where}\n".encode(errors="replace"))

    def _fail(self, reason: str) -> None:
        self.error = reason
        if self.control is not None:
            self.control.send("failed", reason=reason)
        self._drain()

    def _drain(self) -> None:
        if self.is_draining:
            return
        self.is_draining = True
        self._restarts.clear()
        self._deadline = time.monotonic() + self._longest_drain()
        for listener in self.listeners:
            if self.control is None:  # else the supervisor knows whether another run takes it
                net.admit_nobody(listener)
            listener.close()
        for worker in self.workers.values():
            worker.send(Order.GIVE_WAY if self._is_replaced else Order.DRAIN)

    def _longest_drain(self) -> float:
        return self.limits.linger + self.limits.drain_timeout + 1

    def _kill_the_rest(self) -> None:
        for worker in list(self.workers.values()):
            if worker.is_process:
                worker.kill()
            else:  # a thread cannot be killed; the main one can be interrupted
                del self.workers[worker.slot]
                self._is_overdue = True
                if self._is_in_main_thread:
                    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        self._deadline = float("inf")


def _pipe(opened: contextlib.ExitStack) -> tuple[int, int]:
    read, write = os.pipe()
    opened.callback(os.close, read)
    opened.callback(os.close, write)
    return read, write
