"""Let a notebook that serves on sockets of its own serve on the supervisor's.

For servers whose calls nobody takes over: aiohttp, tornado, a loop around ``accept``.

The rules of this file:

1. A ``bind`` to a fixed TCP port is put off until ``listen``. The port of the first socket
   that listens is the service's: the supervisor's listener takes the place of the socket's
   file, and of every later one for that port. Another port is bound as it was asked for;
   so are port 0, those that packages open beside a service, such as for metrics, and all of a
   notebook that has taken ``runner.serve``.
2. It is ready when all cells that will run have run: until then nothing is accepted, for a later
   cell may fail. There is no example to answer.
3. The listener is also that of the runs before and after: neither the length of its queue nor
   its end is the notebook's to decide.
4. Where requests are to be let in or not, the supervisor does that, and passes them on to a
   listener that only this machine reaches, in the place of its own.
5. What a notebook does in one process, several workers cannot share.
"""

from __future__ import annotations

import errno
import functools
import os
import socket
import sys
import threading
import time
import weakref
from collections.abc import Callable
from types import FrameType
from typing import Any

from runner import processes
from runner.serving import model_versions
from runner.serving.cell_end import called, frames_of_cell
from runner.serving.claim import Claim
from runner.serving.completion import Completion
from runner.serving.supervisor_link import SupervisorLink

NOTICE = (
    "it serves on sockets of its own, as it is: in one process, and with its own limits,"
    " health paths and way to end"
)
_NEVER_THE_SERVICE = {
    "debugpy",
    "distributed",
    "multiprocessing",
    "prometheus_client",
    "ray",
    "tensorboard",
}
_LONG = 3600.0
_BACKLOG = 2048
_LOOK_EVERY, _PAUSE = 0.05, 0.001

ONE_PROCESS = (
    "the notebook serves on sockets of its own, which one process accepts from: leave out --workers"
)


class OwnSockets:
    """Stand between a notebook and its listening sockets.

    Args:
        claim: Decides whether the first of them is the service.
        completion: Tells when the cells have run.
        is_called_by_cell: Tells whether a cell waits, in the main thread, for the running call.

    Attributes:
        other_ports: Those on which sockets listen that are no service.
        opener: What the notebook had called when the service's began to listen, if that runs still.
    """

    def __init__(
        self, claim: Claim, completion: Completion, is_called_by_cell: Callable[[], bool]
    ) -> None:
        self.other_ports: set[int] = set()
        self.opener: FrameType | None = None
        self._claim, self._completion = claim, completion
        self._is_called_by_cell = is_called_by_cell
        self._control: SupervisorLink | None = None
        self._control_lock = threading.Lock()
        self._requested: weakref.WeakKeyDictionary[socket.socket, tuple[Any, ...]] = (
            weakref.WeakKeyDictionary()
        )
        self._shared: weakref.WeakKeyDictionary[socket.socket, tuple[Any, ...]] = (
            weakref.WeakKeyDictionary()
        )
        self._port = 0
        self._claimed: set[str] = set()
        self._listener: socket.socket | None = None
        self._pid = os.getpid()
        self._originals = {name: getattr(socket.socket, name) for name in _METHODS}

    def patch(self) -> None:
        """Take part in what every socket of this process does."""
        for name in _METHODS:
            ours = getattr(self, f"_{name}")

            @functools.wraps(self._originals[name])
            def call(own: socket.socket, *words: Any, _ours: Any = ours) -> Any:
                return _ours(own, *words)

            setattr(socket.socket, name, call)

    def unpatch(self) -> None:
        """Leave sockets to Python again: something else is the service."""
        for name, method in self._originals.items():
            setattr(socket.socket, name, method)
        for own, address in list(self._requested.items()):  # those that do not listen yet
            self._originals["bind"](own, address)
        self._requested.clear()

    @property
    def is_listening(self) -> bool:
        """Tell whether a socket of the notebook takes connections."""
        return any(own.fileno() >= 0 for own in list(self._shared))

    @property
    def have_the_claim(self) -> bool:
        """Tell whether they are the service, be it that the first of them is only about to listen.

        Until the supervisor has answered it does not.
        """
        return self._claim.holder in self._claimed

    def _bind(self, own: socket.socket, address: Any) -> None:
        if self._is_candidate(own, address):
            self._requested[own] = address
        else:
            self._originals["bind"](own, address)

    def _is_candidate(self, own: socket.socket, address: Any) -> bool:
        return (
            own.family in (socket.AF_INET, socket.AF_INET6)
            and own.type == socket.SOCK_STREAM
            and bool(address[1])
            and os.getpid() == self._pid  # else the notebook has forked
            and not _has_taken_serve()
            and not _is_never_the_service(sys._getframe(3))  # noqa: SLF001 - public in all but its name
        )

    def _getsockname(self, own: socket.socket) -> Any:
        """Tell the port that was asked for, by which servers know themselves."""
        asked = self._requested.get(own) or self._shared.get(own)
        return self._originals["getsockname"](own) if asked is None else _numeric(own, asked)

    def _shutdown(self, own: socket.socket, how: int) -> None:
        if own not in self._shared:
            self._originals["shutdown"](own, how)

    def _listen(self, own: socket.socket, *backlog: int) -> None:
        address = self._requested.pop(own, None)
        if own in self._shared:
            return
        if address is not None and (address[1] == self._port or self._takes(address)):
            self._share(own, address)
            return
        if address is not None:
            self._originals["bind"](own, address)
        self._originals["listen"](own, *backlog)
        if own.family in (socket.AF_INET, socket.AF_INET6):
            self.other_ports.add(self._originals["getsockname"](own)[1])

    def _accept(self, own: socket.socket) -> Any:
        """Accept nothing before the cells have run; a cell that accepts by itself is the last."""
        if own in self._shared and not self._completion.is_reached:
            if own.gettimeout() == 0:
                time.sleep(_PAUSE)  # what waits there is another's, and will be gone
                raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
            if self._is_called_by_cell():
                self.become_ready()
            self._wait_until_ready(own.gettimeout())
        return self._originals["accept"](own)

    def _wait_until_ready(self, timeout: float | None) -> None:
        """Wait as long as the socket does for a client: whoever accepts may look after a flag."""
        until = float("inf") if timeout is None else time.monotonic() + timeout
        while not self._completion.is_reached:
            if time.monotonic() >= until:
                raise TimeoutError("timed out")
            time.sleep(_LOOK_EVERY)

    def become_ready(self) -> None:
        """Accept from now on: all cells that will run have run."""
        self._completion.reach()
        with self._control_lock:  # a cell may accept as another thread finds that it stays
            control, self._control, self.opener = self._control, None, None
        if control is not None:
            control.send("ready")
            threading.Thread(
                target=_answer_supervisor, args=[control], name="own-sockets", daemon=True
            ).start()

    def _takes(self, address: tuple[Any, ...]) -> bool:
        holder = f"a socket on port {address[1]}"
        self._claimed.add(holder)  # first: another thread looks whose the claim is
        return self._claim.take(holder)

    def _share(self, own: socket.socket, address: tuple[Any, ...]) -> None:
        """Put the supervisor's listener in the place of a socket's file.

        Raises:
            RuntimeError: There are several listeners.
        """
        if self._listener is None:
            self._control = self._greet(address)
            if threading.current_thread() is threading.main_thread():
                self.opener = called(frames_of_cell(None))
        assert self._listener is not None  # noqa: S101 - it came with the greeting
        os.dup2(self._listener.fileno(), own.fileno(), inheritable=False)
        own.settimeout(own.gettimeout())  # whether it blocks belongs to the file, not the object
        self._shared[own] = address
        if self._completion.is_reached:
            self.become_ready()

    def _greet(self, address: tuple[Any, ...]) -> SupervisorLink:
        control = SupervisorLink.connect()
        if control is None:
            raise ConnectionError("there is no supervisor to serve under")
        host = f"[{address[0]}]" if ":" in address[0] else address[0] or "*"
        requested = f"{host}:{address[1]}"
        print(f"the supervisor decides on the address; the socket asked for {requested}")  # noqa: T201 - seen in the cell
        notices = [*model_versions.notices(), NOTICE]
        control.send("hello", pid=os.getpid(), kind="sockets", notices=notices, requested=requested)
        self._listener, *others = control.receive_listeners()
        if others:
            control.send("failed", reason=ONE_PROCESS)
            raise RuntimeError(ONE_PROCESS)
        if control.passes_on:
            self._listener.close()
            self._listener = _private_listener()
            host, port = self._originals["getsockname"](self._listener)
            control.send("listens", host=host, port=port)
        self._port = address[1]
        return control


_METHODS = ("bind", "listen", "accept", "getsockname", "shutdown")


def _private_listener() -> socket.socket:
    """Listen where the supervisor connects to; past the methods that take over what listens."""
    listener = socket.socket()
    socket.SocketType.bind(listener, ("127.0.0.1", 0))
    socket.SocketType.listen(listener, _BACKLOG)
    return listener


def _answer_supervisor(control: SupervisorLink) -> None:
    """Answer the supervisor for as long as it is there."""
    while control.is_open:
        if processes.readable([control.fileno()], _LONG):
            for order in control.receive():
                if order.get("do") == "accept":
                    control.send("serving", workers=[os.getpid()])
                elif order.get("do") == "ping":
                    control.send("turns")


def _numeric(own: socket.socket, address: tuple[Any, ...]) -> tuple[Any, ...]:
    """Give an address as the system does: numbers instead of names."""
    try:
        return socket.getaddrinfo(
            address[0] or None, address[1], own.family, own.type, flags=socket.AI_PASSIVE
        )[0][4]
    except OSError:
        return address


def _has_taken_serve() -> bool:
    """Tell whether the notebook has `serve` of this package, so that its sockets are its own.

    It need not have called it yet; and it may have the package instead.
    """
    module = sys.modules.get("runner.serving.serve")
    found = [sys.modules.get("runner"), module, getattr(module, "serve", None)]
    values = list(vars(sys.modules["__main__"]).values())
    return any(value is each for value in values for each in found if each is not None)


def _is_never_the_service(frame: FrameType | None) -> bool:
    """Tell whether a package that never is the service makes the call, rather than a cell."""
    while frame is not None and frame.f_globals.get("__name__") != "__main__":
        if str(frame.f_globals.get("__name__", "")).partition(".")[0] in _NEVER_THE_SERVICE:
            return True
        frame = frame.f_back
    return False
