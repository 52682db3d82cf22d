"""Serve a notebook's annotated cells: an ASGI app that runs them one at a time.

`register` stands in for a cell's execution, `serve_registered` for the cell that serves:
see `runner.notebook.annotations`, which puts them in.
"""

from __future__ import annotations

import asyncio
import functools
import json
import os
from typing import Any

from runner.cells.capture import Capture
from runner.cells.execution import Endpoint, InterruptedCellError
from runner.cells.request import Incoming
from runner.cells.response import JSON, Reply, plain, problem
from runner.cells.routes import Found, Routes, swagger
from runner.cells.serial_thread import CellThread
from runner.config import Limits
from runner.http.app_protocol import AppProtocol

_SPEC = "/_api/spec/swagger.json"
_MOST_PRINTED = 64 * 1024 * 1024
_GRACE = 1.0


class CellApp(AppProtocol):
    """Be the ASGI app of one notebook."""

    needs_process = True  # a cell that cannot be ended is killed

    def __init__(self, *, cell_timeout: float, grace: float = _GRACE, most: int = _MOST_PRINTED):
        self.title = ""
        self._cell_timeout, self._grace = cell_timeout, grace
        self._capture = Capture(most)
        self._endpoints: dict[tuple[str, str], Endpoint] = {}
        self._routes: Routes[Endpoint] = Routes()
        self._home = os.getpid()
        self._turns: CellThread[Reply] | None = None
        self._cells_loop: asyncio.AbstractEventLoop | None = None

    @property
    def is_spent(self) -> bool:
        """Tell that the worker must be replaced: a cell in it cannot be ended."""
        return self._turns is not None and self._turns.is_stuck

    def add(self, verb: str, path: str, source: str, *, is_info: bool = False) -> None:
        """Have a cell answer requests.

        Raises:
            SyntaxError: It is no valid code.
            ValueError: The path is no valid one.
        """
        known = self._endpoints.get((verb, path))
        endpoint = known or Endpoint(name=f"{verb} {path}")
        endpoint.add(source, is_info=is_info)
        self._endpoints[verb, path] = endpoint
        if not is_info:
            self._routes.add(verb, path, endpoint)

    def served(self) -> list[str]:
        """List what is served: verbs and path of each."""
        return [f"{' '.join(verbs)} {path}" for path, verbs in self._routes.paths()]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request."""
        if scope["type"] == "lifespan":
            await _live(receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close"})
        else:
            reply = await self._reply(scope, receive)
            if reply is not None:
                await _send(reply, send, has_body=scope["method"] != "HEAD")

    async def _reply(self, scope: Any, receive: Any) -> Reply | None:
        verb, path = scope["method"], (scope.get("raw_path") or b"/").decode("latin-1")
        found = self._routes.find(verb, path)
        if found.target is None:
            return self._own_reply(verb, path, found)
        body = await _body(receive)
        if body is None:  # the client went away
            return None
        incoming = Incoming(
            query=scope["query_string"],
            parameters=found.parameters,
            headers=scope["headers"],
            body=body,
        )
        work = functools.partial(self._answer, found.target, incoming)
        return await self._turn().take(work, receive)

    def _own_reply(self, verb: str, path: str, found: Found[Endpoint]) -> Reply:
        """Answer what no cell does."""
        if path == _SPEC and verb in ("GET", "HEAD"):
            return plain(json.dumps(swagger(self.title, self._routes.paths())).encode(), JSON)
        if not found.allowed:
            return problem(404, f"no cell serves {path}")
        allow = ((b"allow", ", ".join(found.allowed).encode()),)
        if verb == "OPTIONS":
            return Reply(headers=allow)
        refused = problem(405, f"no cell serves {verb} here")
        return Reply(status=405, headers=(*refused.headers, *allow), body=refused.body)

    def _turn(self) -> CellThread[Reply]:
        """Give the turns of this worker; they begin with its first request."""
        if self._turns is None:
            seconds = f"{self._cell_timeout:g} s"
            self._turns = CellThread(
                timeout=self._cell_timeout,
                grace=self._grace,
                interrupt=InterruptedCellError,
                late=lambda: problem(504, f"the cell did not end within {seconds}"),
                refused=lambda: problem(503, "an earlier request hangs; this worker is replaced"),
                kills=os.getpid() != self._home,
            )
        return self._turns

    def _answer(self, endpoint: Endpoint, incoming: Incoming) -> Reply:
        """Run a cell, in the cells' thread."""
        if self._cells_loop is None:
            self._cells_loop = asyncio.new_event_loop()
        return endpoint.answer(incoming, self._capture, self._cells_loop)


@functools.cache
def _app() -> CellApp:
    return CellApp(cell_timeout=Limits.from_environment().cell_timeout)


def register(verb: str, path: str, source: str, *, is_info: bool = False) -> None:
    """Stand in for an annotated cell at the notebook's start: it serves from now on."""
    _app().add(verb, path, source, is_info=is_info)
    print(f"{'sets status and headers of' if is_info else 'serves'} {verb} {path}")  # noqa: T201 - seen in the cell


def serve_registered(title: str) -> None:
    """Serve the annotated cells until interrupted.

    Args:
        title: The API's, for its Swagger description.
    """
    from runner.serving.serve import serve

    app = _app()
    app.title = title
    serve(app)


async def _live(receive: Any, send: Any) -> None:
    for phase in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{phase}.complete"})


async def _body(receive: Any) -> bytes | None:
    """Read a request's body; None if the client went away first."""
    parts = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


async def _send(reply: Reply, send: Any, *, has_body: bool) -> None:
    headers = list(reply.framed())
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    body = reply.body if has_body and reply.has_body else b""
    await send({"type": "http.response.body", "body": body})
