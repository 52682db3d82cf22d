"""Ask an app something by ourselves, without a socket, a log or a count.

So its example is tried before it is called ready, and so are recorded requests played to it.
"""

from __future__ import annotations

import asyncio
import time
import urllib.parse
from typing import Any, Protocol

from runner.http.problems import note_handled
from runner.rehearsal.answer import Answer
from runner.telemetry.statuses import is_failure

_NOTE = "runner.http.note"

MOST_ANSWER = 16_777_216


class Asked(Protocol):
    """Be a request."""

    @property
    def method(self) -> str:
        """In capitals."""

    @property
    def path(self) -> str:
        """As it is sent, without the query."""

    @property
    def query(self) -> str:
        """Likewise."""

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """Names in lower case, and values, but for the body's length."""

    @property
    def body(self) -> bytes:
        """What is sent."""


def note_cause(scope: Any, cause: BaseException | None) -> None:
    """Tell ourselves, if it was us who asked, of which exception no client may know.

    Args:
        scope: The request's.
        cause: What lies behind a failure; None for none.
    """
    note = scope.get("extensions", {}).get(_NOTE)
    if note is not None:
        note["cause"] = cause


async def ask(  # noqa: PLR0913 - half of them have defaults
    app: Any,
    asked: Asked,
    state: dict[str, Any],
    *,
    within: float,
    takes_all: bool = True,
    scheme: str = "http",
) -> Answer:
    """Ask an app, in a task of its own, as a client's request is.

    Args:
        app: An ASGI app that has started.
        asked: The request.
        state: Of its lifespan.
        within: Seconds that it has.
        takes_all: Else the app is told behind the first piece that its client has gone.
        scheme: How clients come to it.
    """
    note: dict[str, Any] = {}
    scope = scope_of(asked) | {"state": state.copy(), "scheme": scheme}
    scope["extensions"] = {_NOTE: note}
    answer, began = _Exchange(asked.body, takes_all=takes_all), time.monotonic()
    task = asyncio.ensure_future(_called(app, scope, answer))
    try:
        done, _ = await asyncio.wait({task}, timeout=within)
    finally:
        task.cancel()
    if not done:
        await asyncio.sleep(0)  # it hears that, and may hang all the same: nobody waits for it
    return Answer(
        status=answer.status if done else 0,
        body=bytes(answer.body),
        error=(_raised_in(task) if done else None) or note.get("cause"),
        late_after=None if done else within,
        seconds=time.monotonic() - began,
    )


def _raised_in(task: asyncio.Task[BaseException | None]) -> BaseException | None:
    """Give what the app has raised, which may be that it cancels itself."""
    return asyncio.CancelledError() if task.cancelled() else task.result()


async def _called(app: Any, scope: dict[str, Any], answer: _Exchange) -> BaseException | None:
    try:
        await app(scope, answer.receive, answer.send)
    except asyncio.CancelledError:
        raise
    except BaseException as error:  # noqa: BLE001 - an app may raise anything; who asks decides
        return error
    return None


class _Exchange:
    """Be the two ends that the app has."""

    def __init__(self, body: bytes, *, takes_all: bool) -> None:
        self.status, self.body = 0, bytearray()
        self._most = MOST_ANSWER if takes_all else 0
        self._request: bytes | None = body
        self._is_over = asyncio.Event()

    async def receive(self) -> dict[str, Any]:
        if self._request is not None:
            body, self._request = self._request, None
            return {"type": "http.request", "body": body, "more_body": False}
        await self._is_over.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            if is_failure(self.status):
                note_handled()
        elif message["type"] == "http.response.body":
            if len(self.body) <= self._most:  # else the app goes on though its client has gone
                self.body += message.get("body", b"")
            if not message.get("more_body", False) or len(self.body) > self._most:
                self._is_over.set()


def scope_of(asked: Asked) -> dict[str, Any]:
    """Give the scope of a request as if a client on this machine had sent it."""
    length = {"content-length": str(len(asked.body))} if asked.body else {}
    headers = {"host": "localhost", **dict(asked.headers), **length}
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": asked.method,
        "path": urllib.parse.unquote(asked.path),
        "raw_path": asked.path.encode(),
        "query_string": asked.query.encode(),
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 0),
        "server": ("127.0.0.1", 0),
    }
