"""Let an app of ours know of the workers that serve it, and be asked by them.

Any other ASGI or WSGI app is served as it is, and asked nothing: `of` gives in its place
one that has no wishes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from typing import Any

from runner.access.gate import USUAL_PATHS, Gate
from runner.access.settings import Opened
from runner.config import PAGE_PATH
from runner.liveness.readiness import Readiness
from runner.rehearsal.choice import SAFE
from runner.traffic.counters import Counters


class AppProtocol:
    """Be an app of ours; what is said here holds for one that has no wishes.

    Attributes:
        paths_to_open: What is at each path that may be asked without a key, if that is wanted.
        has_authors_pages: What it shows a browser may hold scripts and styles of its own.
        needs_process: A worker that runs it must be a process, since it may have to be killed.
        offers: Where its page for people is, and its documentation, by ``page`` and ``docs``.
        takes_websockets: It knows WebSockets; else an upgrade to one is not taken up.
        can_be_busy: Whether ``is_busy`` can ever hold.
        on_busy_changed: Set by the server; to be called in its loop when ``is_busy`` changes, and
            whenever a request ends while it holds.
        can_accept: A thread of it can accept: see ``accept_beside``.
        has_others: Set by the server: other workers accept what this one leaves.
        gate: Set by the server: lets its requests in, and counts them.
        is_draining: Set by the server when it begins to end.
        readiness: Set by the server, likewise: what there is to tell who asks for it.
        counters: By which it counts its requests itself; None: the server is to count them.
    """

    paths_to_open: Mapping[str, Opened] = USUAL_PATHS
    has_authors_pages = True
    needs_process = False
    offers: Mapping[str, str] = {"page": PAGE_PATH}
    takes_websockets = False
    can_be_busy = has_others = can_accept = False
    on_busy_changed: Callable[[], None] = staticmethod(lambda: None)
    is_draining = False
    readiness = Readiness.READY
    gate: Gate
    counters: Counters | None = None

    @property
    def is_busy(self) -> bool:
        """Tell that a further request would have to wait for one that is being answered."""
        return False

    @property
    def is_spent(self) -> bool:
        """Tell that the worker must be replaced; asked every half second."""
        return False

    def run_beside(self, serve: Callable[[], None]) -> None:
        """Let a loop serve: in the thread that calls, unless the app is to be called in that."""
        serve()

    def accept_beside(self, server: Any, listener: Any, acceptor: Any) -> Any:
        """Have a thread of the app accept, in turn with the loop.

        Args:
            server: A `runner.http.connection.Owner`.
            listener: Gives the connections.
            acceptor: The loop's `runner.http.acceptor.Acceptor`.

        Returns:
            A `runner.http.thread_acceptor.ThreadAcceptor`.
        """
        raise NotImplementedError

    def uncounted(self) -> contextlib.AbstractContextManager[object]:
        """Forget, at its end, what was counted meanwhile: no client has asked it."""
        return contextlib.nullcontext()

    def is_safe(self, method: str, path: str) -> bool:
        """Tell whether a recorded request, played once more, changes nothing, as far as is known.

        Args:
            method: In capitals.
            path: As it was sent.
        """
        return method in SAFE

    def return_memory(self) -> None:
        """Give memory that is not used any more back to the system; asked every second."""

    def prepare(self, slots: int) -> None:
        """Make what the workers share, before they are forked.

        Args:
            slots: How many workers there may be at a time.
        """

    def count_unrecorded(self, count: int) -> None:
        """Count requests that the request log could not take; called in the worker's loop."""

    def take_slot(self, slot: int) -> None:
        """Become the worker of a slot; called in the worker, before it serves."""

    def protocol(self, server: Any) -> Any:
        """Make what speaks with one client of an ASGI server.

        Args:
            server: A `runner.http.connection.Owner`.

        Returns:
            A `runner.http.connection.Connection`, or None if a plain one will do.
        """


def of(app: Any) -> AppProtocol:
    """Give the app itself if it is of ours, else one that has no wishes."""
    return app if isinstance(app, AppProtocol) else _Stranger()


class _Stranger(AppProtocol):
    takes_websockets = True
