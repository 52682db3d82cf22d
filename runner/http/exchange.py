"""Be one request and its answer, as the connection sees it, whoever gives the answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Mapping
from typing import TYPE_CHECKING, Any

from runner.http.recording import Recording
from runner.http.scope import below_root
from runner.telemetry import span_export, spans

if TYPE_CHECKING:
    from runner.http.connection import Connection
    from runner.http.request_head import RequestHead
    from runner.telemetry.request_trace import RequestTrace


class Exchange:
    """Be one request and its answer.

    The connection calls `start`, `take_body`, `end_body` and `disconnect`; who answers calls the
    connection's `write` and `finish_exchange`, or `cut`.

    Attributes:
        connection: Whose it is.
        keep_alive: The connection goes on when it is answered; may become false until then.
        is_started: Something of the answer was written.
        is_complete: The answer was written, or nobody takes it any more.
        key_name: Of the key that was given; empty if none was needed.
        recordable: What was asked, as long as it may be recorded; None of most.
        status: Of the answer.
        method: Of the request.
        path: What the access log shows.
        root: In front of that, what a proxy has taken off.
        client: Likewise, the address of who asked; empty: that of the other end.
        scheme: Likewise, how; empty: as the connection has it.
        since: When it began, by `time.monotonic`.
        trace: By what it is named in the log and in spans; None as long as nobody asks.
        is_of_app: The app answers it; else we do, or it is no answer but a conversation.
    """

    is_of_app = False
    client = root = scheme = ""
    trace: RequestTrace | None = None

    __slots__ = (
        "connection",
        "is_complete",
        "is_started",
        "keep_alive",
        "key_name",
        "method",
        "path",
        "recordable",
        "since",
        "status",
    )

    def __init__(self, connection: Connection, method: str, path: str, *, keep_alive: bool) -> None:
        self.connection, self.method, self.path = connection, method, path
        self.keep_alive = keep_alive
        self.is_started = self.is_complete = False
        self.status, self.key_name = 0, ""
        self.recordable: RequestHead | None = None
        self.since = time.monotonic()

    def asked_by(self) -> tuple[str, str, str]:
        """Give the client, the root and the scheme for the access log."""
        return self.client, self.root, self.scheme

    def named(self) -> RequestTrace | None:
        """Give what names it where it is told of."""
        return self.trace

    def start(self) -> None:
        """Begin to answer; the body follows."""

    def take_body(self, data: bytes) -> None:
        """Take a piece of the body."""

    def end_body(self) -> None:
        """Note that the body is whole."""

    def owes_word(self) -> bool:
        """Tell that the client may wait for a word of ours before it sends its body."""
        return False

    def leave(self) -> None:
        """Be in flight no longer: it was answered, or nobody takes the answer."""
        self.connection.state.in_flight -= 1

    def begin_span(self, scope: Mapping[str, Any]) -> None:
        """Begin the span of the request, if spans are made.

        Args:
            scope: Of the request, as in ASGI.
        """
        if self.trace is not None and span_export.is_on():
            spans.begin_request(self.trace, scope)

    def end_span(self) -> None:
        """End it, if there is one; the second time nothing happens."""
        if self.trace is not None and self.trace.span is not None:
            self.trace.span.end_answered(self.status)

    @property
    def has_failed(self) -> bool:
        """Tell whether a failure of it was noted, whatever its status is."""
        return self.trace is not None and self.trace.failure_id != ""

    def recorded(self, *, is_whole: bool) -> Recording | None:
        """Give what is to be recorded of one that is recordable; None if nothing is.

        Args:
            is_whole: The answer has come to its end.
        """
        raise NotImplementedError

    def disconnect(self) -> None:
        """Note that nobody takes the answer any more; called once at most."""

    def late(self) -> None:
        """Do what is to be done at a deadline of its own."""

    def announce_end(self, code: int) -> None:
        """Note that the worker ends; ``code`` is for a WebSocket."""
        if not self.is_started:
            self.keep_alive = False

    def ask_to_end(self) -> None:
        """Note that an answer without an end has to find one, now that the linger is over."""
        self.keep_alive = False


class TaskExchange(Exchange):
    """Be a request that a task answers: it is in flight until that ends.

    Args:
        connection: Whose it is.
        scope: What was asked, and by whom.
        keep_alive: The connection goes on afterwards.
    """

    __slots__ = (
        *("_asked_body", "_recording", "_task"),
        *("client", "root", "scheme", "trace"),
    )

    trace: RequestTrace
    _asked_body: bytes | None
    _recording: Recording | None
    _task: asyncio.Task[None]

    def __init__(self, connection: Connection, scope: Any, *, keep_alive: bool) -> None:
        super().__init__(connection, scope["method"], below_root(scope), keep_alive=keep_alive)
        client = scope.get("client")
        self.client, self.root = client[0] if client else "", scope.get("root_path", "")
        self.scheme = scope.get("scheme", "")
        self._asked_body = self._recording = None

    @property
    def recording(self) -> Recording:
        """What is kept of one that is recordable."""
        if self._recording is None:
            self._recording = Recording(self.recordable)  # type: ignore[arg-type] # it is one
            self._recording.body.add(self._asked_body or b"")
        return self._recording

    def keep_body(self, data: bytes) -> None:
        """Keep a piece of the body of a recordable one; most have but one, for which this will do.

        Args:
            data: The piece.
        """
        if self._asked_body is None and self._recording is None:
            self._asked_body = data
        else:
            self.recording.body.add(data)

    @property
    def is_recorded(self) -> bool:
        """Tell whether it is recorded however it ends."""
        return self._recording is not None and self._recording.is_wanted

    def record_answer(
        self, lines: bytes, is_drawn: bool, *, is_endless: bool, may_fail: bool
    ) -> None:
        """Keep of a recordable one what is to be recorded.

        Args:
            lines: The answer's head.
            is_drawn: It is of the share that is recorded; else its status decides.
            is_endless: It is a stream, of which the beginning is kept.
            may_fail: More follows, and may be a failure: what was asked is kept until the end.
        """
        log = self.connection.owner.request_log
        if is_drawn or (log is not None and log.wants_undrawn(self.status)):
            self.recording.begin_answer(lines, is_endless=is_endless)
        elif not (may_fail or self.trace.failure_id):
            self.recordable = self._asked_body = self._recording = None

    def keep_answer(self, data: bytes) -> None:
        """Keep a piece of the answer, if it is recorded."""
        recording = self._recording
        if recording is not None and recording.is_wanted:
            recording.answer.add(data)

    def recorded(self, *, is_whole: bool) -> Recording | None:
        """Give what is kept by now of one that is recorded, or has failed."""
        if not (self.is_recorded or self.has_failed):
            return None
        recording = self.recording
        recording.is_whole, recording.has_failed = is_whole, self.has_failed
        return recording

    def start_task(self, work: Coroutine[None, None, None]) -> None:
        """Begin the task."""
        connection = self.connection
        self._task = task = connection.loop.create_task(work)
        connection.state.tasks.add(task)

    def leave(self) -> None:
        """Be in flight for longer, until the task ends."""
        self.end_span()

    def task_ended(self) -> None:
        """Be in flight no longer; the task says so at its end."""
        super().leave()
        self.connection.state.tasks.discard(self._task)
        del self._task  # that would be a circle, which only the collector ends
