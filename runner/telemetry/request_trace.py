"""Know which request is being answered, wherever something of it is logged.

Who asks may say to which trace its request belongs, by ``traceparent``. What is not written as
the recommendation has it is ignored. Source: W3C Trace Context, 2 to 3.2.
"""

from __future__ import annotations

import contextvars
import os
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from runner.telemetry.raised import Raised, raised_by

if TYPE_CHECKING:
    from runner.telemetry.spans import Span

TRACEPARENT = b"traceparent"
_IDS = rb"(?!0{32})[0-9a-f]{32}+-(?!0{16})[0-9a-f]{16}+-[0-9a-f]{2}+"
VALUE = rb"00-" + _IDS
"""Matches it in the version that there is."""
_VALUE = re.compile(rb"%b|(?!00|ff)[0-9a-f]{2}-%b(?:-.*)?" % (VALUE, _IDS))

_LINES = re.compile(rb"\r\n(?i:traceparent):([^\r\n]*+)(?=\r\n)")

Result = TypeVar("Result")


class RequestTrace:
    """Name one request.

    Args:
        traceparent: What it came with, if that is valid.

    Attributes:
        traceparent: Likewise; empty if there is none.
        trace_id: Of the trace that it belongs to, in 32 hexadecimal digits; empty if to none.
        span: Its span, if spans are made.
        failure_id: By which the log has its failure; empty if none was noted.
    """

    __slots__ = ("_id", "_raised", "failure_id", "span", "trace_id", "traceparent")

    _raised: Raised  # of few: it is not there before something was raised

    def __init__(self, traceparent: bytes = b"") -> None:
        self.traceparent = traceparent
        self.trace_id = traceparent[3:35].decode("ascii") if traceparent else ""
        self.span: Span | None = None
        self._id = self.failure_id = ""

    @property
    def id(self) -> str:
        """Give the request's own name, which is made when it is first asked for."""
        if not self._id:
            [self._id] = new_ids(1)
        return self._id

    def take_id(self, name: str) -> None:
        """Give it a name that was made for it, unless it has one."""
        self._id = self._id or name

    @property
    def raised(self) -> Raised | None:
        """What was raised as it was answered; None if nothing was, as far as it was told."""
        return getattr(self, "_raised", None)

    @raised.setter
    def raised(self, raised: Raised) -> None:
        self._raised = raised

    def note(self, error: BaseException) -> None:
        """Note what was raised, unless something is noted."""
        self.raised = self.raised or raised_by(error)

    def fail(self, failure_id: str, raised: Raised) -> None:
        """Note that it has failed, whatever is answered."""
        self.failure_id, self._raised = failure_id, raised

    def fields(self) -> list[tuple[bytes, bytes]]:
        """Give the header by which a client gets back what it said, if it said anything."""
        return [(TRACEPARENT, self.traceparent)] if self.traceparent else []

    def echo(self) -> bytes:
        """Write that as a line of a head."""
        return b"traceparent: %b\r\n" % self.traceparent if self.traceparent else b""

    def enter(self) -> None:
        """Have all that is done from now on in this context be done for this request."""
        current.set(self)
        if self.span is not None:
            self.span.attach()

    def run(self, act: Callable[..., Result], *args: Any) -> Result:
        """Do something for this request, in any thread."""
        token = current.set(self)
        try:
            return act(*args) if self.span is None else self.span.run(act, *args)
        finally:
            current.reset(token)


current: contextvars.ContextVar[RequestTrace | None] = contextvars.ContextVar(
    "runner_request", default=None
)
"""The request that is answered here; None if there is none, or many at once."""


def new_ids(count: int) -> list[str]:
    """Name things that have no names of their own.

    All at once, for the interpreter is left to another thread each time that the system is asked.
    """
    drawn = os.urandom(8 * count).hex()
    return [drawn[begin : begin + 16] for begin in range(0, 16 * count, 16)]


def trace_of(fields: Iterable[tuple[bytes, bytes]]) -> RequestTrace:
    """Read what a request's fields say, whose names are in lower case."""
    given = [value for name, value in fields if name == TRACEPARENT]
    return RequestTrace(given[0]) if len(given) == 1 and is_valid(given[0]) else RequestTrace()


def trace_in(head: bytes) -> RequestTrace:
    """Read what a request's head says, as it was sent."""
    return trace_of((TRACEPARENT, value.strip(b" \t")) for value in _LINES.findall(head))


def is_valid(value: bytes) -> bool:
    """Tell whether a ``traceparent`` is one."""
    return _VALUE.fullmatch(value) is not None
