"""Serve a notebook's annotated cells: an ASGI app that runs them one at a time.

`register` stands in for a cell's execution: see `runner.notebook.annotations`. They are served
when all cells have ended and nothing else serves: see `runner.serving.claim`.
"""

from __future__ import annotations

import asyncio
import functools
import json
import os
from collections.abc import Mapping
from typing import Any

from runner.access.settings import Opened
from runner.cells.capture import OutputCapture
from runner.cells.cell_endpoint import CellEndpoint, InterruptedCellError
from runner.cells.cell_thread import CellThread
from runner.cells.request import CellRequest
from runner.cells.response import JSON, CellResponse, ok_response, problem_response
from runner.cells.routes import RouteMatch, RouteTable, swagger_document
from runner.config import Limits
from runner.http.app_protocol import AppProtocol
from runner.http.asking import note_cause
from runner.processes import MemoryReturns, return_end_of_heap
from runner.serving.claim import claim
from runner.telemetry import spans

_SPEC = "/_api/spec/swagger.json"
_MOST_PRINTED = 64 * 1024 * 1024
_GRACE = 1.0
_LARGE = 65_536  # bytes of a body whose memory is worth returning


class CellApp(AppProtocol):
    """Be the ASGI app of one notebook."""

    paths_to_open: Mapping[str, Opened] = {**AppProtocol.paths_to_open, _SPEC: Opened.DOCS}
    needs_process = True  # a cell that cannot be ended is killed
    can_be_busy = True  # for one cell runs at a time

    def __init__(
        self,
        *,
        cell_timeout: float,
        grace: float = _GRACE,
        max_printed: int = _MOST_PRINTED,
        max_body: int = Limits.max_body,
    ):
        self.title = ""
        self._max_body = max_body
        self._cell_timeout, self._grace = cell_timeout, grace
        self._capture = OutputCapture(max_printed)
        self._endpoints: dict[tuple[str, str], CellEndpoint] = {}
        self._routes: RouteTable[CellEndpoint] = RouteTable()
        self._home = os.getpid()
        self._thread: CellThread[CellResponse] | None = None
        self._returns = MemoryReturns()
        self._cells_loop: asyncio.AbstractEventLoop | None = None

    @property
    def is_busy(self) -> bool:
        """Tell that a cell runs."""
        return self._thread is not None and self._thread.is_busy

    @property
    def is_spent(self) -> bool:
        """Tell that the worker must be replaced: a cell in it cannot be ended."""
        return self._thread is not None and self._thread.is_stuck

    def return_memory(self) -> None:
        """Give back what large bodies took of the cells' thread's heap."""
        if self._thread is not None and self._returns.take_one():
            self._thread.run_aside(return_end_of_heap)

    def add(self, verb: str, path: str, source: str, *, is_info: bool = False) -> None:
        """Have a cell answer requests.

        Raises:
            SyntaxError: It is no valid code.
            ValueError: The path is no valid one.
        """
        known = self._endpoints.get((verb, path))
        endpoint = known or CellEndpoint(name=f"{verb} {path}")
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
            await _lifespan(receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close"})
        else:
            response = await self._response(scope, receive)
            if response is not None:
                note_cause(scope, response.cause)
                await _send(response, send, has_body=scope["method"] != "HEAD")

    async def _response(self, scope: Any, receive: Any) -> CellResponse | None:
        verb, path = scope["method"], _path_of(scope)
        match = self._routes.find(verb, path)
        if match.target is None:
            return self._response_without_cell(verb, path, match)
        body = await _read_body(receive)
        if body is None:  # the client went away
            return None
        request = CellRequest(
            query=scope["query_string"],
            parameters=match.parameters,
            headers=scope["headers"],
            body=body,
            max_body=self._max_body,
        )
        if len(body) > _LARGE:
            self._returns.expect()
        if (span := spans.span_here()) is not None:
            span.name_route(verb, match.target.name.partition(" ")[2])
        run = functools.partial(self._run_cell, match.target, request)
        return await self._cell_thread().run(run, receive)

    def _response_without_cell(
        self, verb: str, path: str, match: RouteMatch[CellEndpoint]
    ) -> CellResponse:
        """Answer what no cell does."""
        if path == _SPEC and verb in ("GET", "HEAD"):
            return ok_response(
                json.dumps(swagger_document(self.title, self._routes.paths())).encode(), JSON
            )
        if not match.allowed:
            return problem_response(404, f"no cell serves {path}")
        allow = ((b"allow", ", ".join(match.allowed).encode()),)
        if verb == "OPTIONS":
            return CellResponse(headers=allow)
        refused = problem_response(405, f"no cell serves {verb} here")
        return CellResponse(status=405, headers=(*refused.headers, *allow), body=refused.body)

    def _cell_thread(self) -> CellThread[CellResponse]:
        """Give the turns of this worker; they begin with its first request."""
        if self._thread is None:
            seconds = f"{self._cell_timeout:g} s"
            self._thread = CellThread(
                timeout=self._cell_timeout,
                grace=self._grace,
                interrupt=InterruptedCellError,
                late=lambda: problem_response(504, f"the cell did not end within {seconds}"),
                refused=lambda: problem_response(
                    503, "an earlier request hangs; this worker is replaced"
                ),
                kills=os.getpid() != self._home,
                on_busy_changed=self.on_busy_changed,
            )
        return self._thread

    def _run_cell(self, endpoint: CellEndpoint, request: CellRequest) -> CellResponse:
        """Run a cell, in the cells' thread."""
        if self._cells_loop is None:
            self._cells_loop = asyncio.new_event_loop()
        return endpoint.answer(request, self._capture, self._cells_loop)


@functools.cache
def _app() -> CellApp:
    limits = Limits.from_environment()
    return CellApp(cell_timeout=limits.cell_timeout, max_body=limits.max_body)


def begin(title: str) -> None:
    """Name the API, for its Swagger description, before the first cell is registered."""
    _app().title = title


def register(verb: str, path: str, source: str, *, is_info: bool = False) -> None:
    """Stand in for an annotated cell at the notebook's start: it serves from now on."""
    claim.register_cells(_serve)
    try:
        _app().add(verb, path, source, is_info=is_info)
    except SyntaxError as error:
        # Kernel Gateway finds that out at the request; the rest is served.
        _app().add(verb, path, f"raise SyntaxError({str(error)!r})", is_info=is_info)
        print(f"it is no Python, so {verb} {path} answers 500: {error}")  # noqa: T201 - likewise
        return
    print(f"{'sets status and headers of' if is_info else 'serves'} {verb} {path}")  # noqa: T201 - seen in the cell


def _serve() -> None:
    from runner.serving.serve import serve

    serve(_app())


def _path_of(scope: Any) -> str:
    """Give the path as it was sent, without the root's."""
    path = (scope.get("raw_path") or b"/").decode("latin-1")
    return str(path.removeprefix(scope.get("root_path", "")))


async def _lifespan(receive: Any, send: Any) -> None:
    for phase in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{phase}.complete"})


async def _read_body(receive: Any) -> bytes | None:
    """Read a request's body; None if the client went away first."""
    parts = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


async def _send(response: CellResponse, send: Any, *, has_body: bool) -> None:
    headers = list(response.headers_with_length())
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    body = response.body if has_body and response.has_body else b""
    await send({"type": "http.response.body", "body": body})
