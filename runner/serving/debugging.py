"""Call what a notebook serves within its own kernel, so that a failure can be looked into.

The notebooks that `runner debug` writes do so: they `begin`, run the cells up to the one that
serves, which hands over its app, and `ask` that app what was recorded. What the app raises is
raised in the cell, where a debugger finds it.

No socket is opened, and nothing is logged or counted as a request.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import io
import json
import logging
import time
from collections.abc import Iterator, Mapping
from typing import Any

from runner.http import asking
from runner.http.lifespan import Lifespan
from runner.http.problems import NotedFailureError, note_handled
from runner.http.wsgi_environ import environ_of
from runner.rehearsal.cases import Case
from runner.serving.app_kind import kind_of
from runner.serving.nested_loops import (
    let_asyncio_run_nest,
    outside_of_running_loop,
    stand_in_for_nest_asyncio,
)
from runner.serving.servable import is_app, servable_in
from runner.serving.servers import adopt_when_imported
from runner.telemetry.request_trace import RequestTrace, current
from runner.telemetry.statuses import is_failure

_NAMES = ("app", "application", "_")
_WITHIN = 3_600.0  # seconds: who looks into it with a debugger takes their time
_APP_WITHIN = 5.0  # seconds that a thread of the notebook has to call its server
_LOOK_EVERY = 0.05
_LONGEST_SHOWN = 10_000

_is_begun: list[bool] = []
_apps: list[Any] = []
_states: dict[int, dict[str, Any]] = {}


class FailedAnswerError(Exception):
    """The app answered that it failed, and raised nothing that could be seen."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Request:
    """Be what is asked.

    Attributes:
        method: In capitals.
        path: As it is sent, without the query.
        query: Likewise.
        headers: By their names in lower case.
        body: What is sent.
    """

    method: str = "GET"
    path: str = "/"
    query: str = ""
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    body: str | bytes = b""

    def sent(self) -> Case:
        """Give it as it goes out."""
        return Case(
            name="",
            method=self.method,
            path=self.path,
            query=self.query,
            headers=tuple(self.headers.items()),
            body=self.body.encode() if isinstance(self.body, str) else self.body,
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Answer:
    """Be what was answered.

    Attributes:
        status: Of the answer.
        body: All of it.
        seconds: What it took.
    """

    status: int
    body: bytes
    seconds: float

    def json(self) -> Any:
        """Read the body as JSON."""
        return json.loads(self.body)

    def __repr__(self) -> str:
        text = self.body.decode(errors="replace")[:_LONGEST_SHOWN]
        return f"answered {self.status} after {self.seconds * 1000:.1f} ms\n{text}"


def begin() -> None:
    """Have servers hand over their apps from now on, instead of serving them."""
    if not _is_begun:
        _is_begun.append(True)
        adopt_when_imported(_take)
        let_asyncio_run_nest()
        stand_in_for_nest_asyncio()


def takes(app: Any) -> bool:
    """Take the app of a call of `runner.serve`; tell whether that is done."""
    if _is_begun:
        _apps.append(app)
        print("its app was kept, to be asked below")  # noqa: T201 - seen in the cell
    return bool(_is_begun)


def _take(app: Any, *_: Any, **__: Any) -> None:
    """Take the app of a server's own call."""
    takes(app)


async def ask(request: Request, names: Mapping[str, Any]) -> Answer:
    """Ask the app that a server was last called with, or that the cells have left.

    Args:
        request: What.
        names: The notebook's own.

    Raises:
        BaseException: Whatever the app raises, or catches or logs as it answers that it failed.
        FailedAnswerError: It answers so without a word.
        RuntimeError: There is no app, or it does not start.
    """
    app, sent, trace = await _app(names), request.sent(), _KeepingTrace()
    token = current.set(trace)
    try:
        with _logged_errors() as logged:
            answer = await _asked(app, sent) if kind_of(app) == "asgi" else _called(app, sent)
    finally:
        current.reset(token)
    errors = [*trace.caught, *logged]
    if (is_failure(answer.status) or trace.failure_id) and errors:
        raise errors[-1]
    if is_failure(answer.status):
        raise FailedAnswerError(str(answer))
    return answer


async def _app(names: Mapping[str, Any]) -> Any:
    until = time.monotonic() + _APP_WITHIN
    while not (found := [*_apps[-1:], *_left_in(names)]):
        if time.monotonic() >= until:
            hints = "; ".join(servable_in(names))
            raise RuntimeError(
                "no cell above has called a server that is known, nor left an `app`"
                + (f"; {hints}" if hints else "")
            )
        await asyncio.sleep(_LOOK_EVERY)
    return found[0]


def _left_in(names: Mapping[str, Any]) -> list[Any]:
    return [names[name] for name in _NAMES if is_app(names.get(name))]


async def _asked(app: Any, sent: Case) -> Answer:
    if id(app) not in _states:
        state: dict[str, Any] = {}
        await Lifespan(app, state).start_up()
        _states[id(app)] = state
    answer = await asking.ask(app, sent, _states[id(app)], within=_WITHIN)
    if answer.error is not None and not isinstance(answer.error, NotedFailureError):
        raise answer.error
    return Answer(status=answer.status, body=answer.body, seconds=answer.seconds)


def _called(app: Any, sent: Case) -> Answer:
    """Call a WSGI app in this thread, which has whatever the cells have opened."""
    began, statuses, pieces = time.monotonic(), list[str](), list[bytes]()

    def start_response(status: str, _: Any, exc_info: Any = None) -> Any:
        statuses.append(status)
        if is_failure(int(status.split(maxsplit=1)[0])):
            note_handled(exc_info[1] if exc_info else None)
        return pieces.append

    scope = asking.scope_of(sent) | {"scheme": "http", "extensions": {}}
    with outside_of_running_loop():
        result = app(environ_of(scope, io.BytesIO(sent.body), len(sent.body)), start_response)
        try:
            pieces += result
        finally:
            if close := getattr(result, "close", None):
                close()
    status = int(statuses[-1].split()[0])
    return Answer(status=status, body=b"".join(pieces), seconds=time.monotonic() - began)


class _KeepingTrace(RequestTrace):
    """Keep the errors themselves that an app has caught, the newest last."""

    def __init__(self) -> None:
        super().__init__()
        self.caught: list[BaseException] = []

    def note(self, error: BaseException) -> None:
        """Keep it."""
        self.caught.append(error)


@contextlib.contextmanager
def _logged_errors() -> Iterator[list[BaseException]]:
    """Collect what is logged with an error meanwhile: many frameworks do so, and answer 500."""
    found: list[BaseException] = []

    class Errors(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.exc_info and record.exc_info[1] is not None:
                found.append(record.exc_info[1])

    handler, root = Errors(logging.ERROR), logging.getLogger()
    root.addHandler(handler)
    try:
        yield found
    finally:
        root.removeHandler(handler)
