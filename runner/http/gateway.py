"""Call a WSGI app (PEP 3333) for one request, and write its answer as HTTP/1.1."""

from __future__ import annotations

import io
import logging
import re
import sys
import time
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote
from wsgiref.handlers import SimpleHandler, format_date_time
from wsgiref.headers import Headers

from runner.http import problems
from runner.http.http1 import Request

if TYPE_CHECKING:
    from _typeshed import OptExcInfo
    from _typeshed.wsgi import ErrorStream, WSGIApplication

_LOG = logging.getLogger("runner.http.wsgi")
_BREAK = re.compile(r"[\0\r\n]")
_BODILESS = {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}
# What stands elsewhere in the environ, or is true no longer once the body is decoded.
_NOT_HTTP = {"content-type", "content-length", "transfer-encoding"}


class ClientGoneError(Exception):
    """Report that the client did not take the answer."""


def environ_of(
    request: Request, client: tuple[str, int], server: tuple[str, int]
) -> dict[str, str]:
    """Describe a request as CGI does.

    Header names with an underscore are left out: they would pass for those with a hyphen,
    which a proxy may have set.
    """
    head = request.head
    environ = {
        "REQUEST_METHOD": head.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote(head.path, "latin-1"),
        "QUERY_STRING": head.query,
        "REQUEST_URI": f"{head.path}?{head.query}" if head.query else head.path,
        "CONTENT_TYPE": head.headers.get("content-type", ""),
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1]),
        "SERVER_PROTOCOL": "HTTP/1.1" if head.is_http11 else "HTTP/1.0",
        "REMOTE_ADDR": client[0],
        "REMOTE_PORT": str(client[1]),
    }
    if head.has_body:
        environ["CONTENT_LENGTH"] = str(len(request.body))
    for name, value in head.headers.items():
        if name not in _NOT_HTTP and "_" not in name:
            environ["HTTP_" + name.upper().replace("-", "_")] = value
    return environ


def own_answer(
    status: int,
    body: bytes,
    *,
    content_type: bytes = b"application/json",
    keep_alive: bool = False,
    with_body: bool = True,
) -> bytes:
    """Write an answer of our own, which no app has seen."""
    lines = [
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        f"Date: {format_date_time(time.time())}",
        f"Content-Type: {content_type.decode()}",
        f"Content-Length: {len(body)}",
        f"Connection: {'keep-alive' if keep_alive else 'close'}",
    ]
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        lines.append("Retry-After: 1")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + (body if with_body else b"")


def refusal(status: int, said: str, *, keep_alive: bool = False, with_body: bool = True) -> bytes:
    """Write an answer of our own that says what is wrong."""
    return own_answer(
        status,
        problems.details(status, said),
        content_type=problems.CONTENT_TYPE,
        keep_alive=keep_alive,
        with_body=with_body,
    )


class Answer(SimpleHandler):
    """Call the app once and frame what it gives: wsgiref's checks, HTTP/1.1's framing.

    Args:
        request: What the app is asked.
        environ: The request as the app sees it.
        send: Takes bytes for the client; an ``OSError`` of it means that the client is gone.
        finish: Called once instead of ``send``, with the last bytes of the answer.
        is_last: Tells, when the headers are written, that the connection must close.

    Attributes:
        code: The status that was sent; 0 if none.
        size: Bytes of the body that were sent.
        keep_alive: The connection can take another request.
    """

    # wsgiref sets these, and tells the type checker nothing of them.
    environ: dict[str, Any]
    result: Iterable[bytes] | None
    status: str
    headers: Headers
    headers_sent: bool

    def __init__(
        self,
        request: Request,
        environ: dict[str, str],
        *,
        send: Callable[[bytes], None],
        finish: Callable[[bytes], None],
        is_last: Callable[[], bool] = lambda: False,
    ) -> None:
        super().__init__(io.BytesIO(request.body), io.BytesIO(), sys.stderr, environ, True, True)
        self.os_environ = {}  # the environment of the process is no part of a request
        self.code = self.size = 0
        self.keep_alive = request.head.keep_alive
        self._head = request.head
        self._send, self._finish, self._is_last = send, finish, is_last
        self._pending: list[bytes] = []
        self._left: int | None = None  # of the Content-Length
        self._is_begun = self._is_chunked = self._is_bodiless = False

    def run(self, application: WSGIApplication) -> None:
        """Answer, whatever the app does; its error is logged, and not told to the client."""
        try:
            self.setup_environ()
            self.environ["wsgi.input_terminated"] = True
            self.result = application(self.environ, self.start_response)
            self.finish_response()
        except ClientGoneError:
            self.keep_alive = False
        except BaseException:  # noqa: BLE001 - an app that raises, or exits, must not end the server
            _LOG.error("app raised at %s %s", self._head.method, self._head.path, exc_info=True)
            self._fail()

    def start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: OptExcInfo | None = None
    ) -> Callable[[bytes], None]:
        """Take the status and the headers, unless they would write more lines than they are."""
        if _BREAK.search(status + "".join(map("".join, headers))):
            raise ValueError("a status or header has a line break")
        return super().start_response(status, headers, exc_info)

    def get_stderr(self) -> ErrorStream:
        """Give the app the error stream of now, which may have been replaced meanwhile."""
        return sys.stderr

    def send_headers(self) -> None:
        """Decide how the body is framed, and put the headers before it."""
        self.code = int(self.status[:3])
        self._is_bodiless = self.code in _BODILESS or self._head.method == "HEAD"
        if self.code == HTTPStatus.NO_CONTENT:
            del self.headers["Content-Length"]
        self._frame()
        self.keep_alive = self.keep_alive and not self._is_last()
        if "Date" not in self.headers:
            self.headers["Date"] = format_date_time(time.time())
        if not self.keep_alive or not self._head.is_http11:
            self.headers["Connection"] = "keep-alive" if self.keep_alive else "close"
        self._pending.append(f"HTTP/1.1 {self.status}\r\n".encode("latin-1") + bytes(self.headers))
        self.headers_sent = True

    def _frame(self) -> None:
        size = _size_of(self.result)
        if (declared := self.headers["Content-Length"]) is not None:
            self._left = _natural(declared)
        elif self._is_bodiless:
            if size and self.code not in _BODILESS:
                self.headers["Content-Length"] = str(size)
        elif size is not None:
            self.headers["Content-Length"] = str(size)
            self._left = size
        elif self._head.is_http11:
            self.headers["Transfer-Encoding"] = "chunked"
            self._is_chunked = True
        else:
            self.keep_alive = False

    def finish_content(self) -> None:
        """Send what is left, and see that the app gave as much as it said."""
        if not self.status:
            raise ValueError("the app did not call start_response")
        if not self.headers_sent:
            if self._head.method != "HEAD":
                self.headers.setdefault("Content-Length", "0")
            self.send_headers()
        if self._left and not self._is_bodiless:
            _LOG.error("app gave %s bytes less than its Content-Length", self._left)
            self.keep_alive = False
        if self._is_chunked:
            self._pending.append(b"0\r\n\r\n")
        self._pass_on(self._finish)

    def _write(self, data: bytes) -> None:
        if self._left is not None and not self._is_bodiless:
            if len(data) > self._left:
                _LOG.error("app gave %s bytes beyond its Content-Length", len(data) - self._left)
                data, self.keep_alive = data[: self._left], False
            self._left -= len(data)
        if data and not self._is_bodiless:
            self.size += len(data)
            self._pending.append(b"%x\r\n%b\r\n" % (len(data), data) if self._is_chunked else data)

    def _flush(self) -> None:
        if not isinstance(self.result, list | tuple):  # else all of it is here: one send does
            self._pass_on(self._send)

    def _pass_on(self, send: Callable[[bytes], None]) -> None:
        data = b"".join(self._pending)
        self._pending.clear()
        self._is_begun = True
        try:
            send(data)
        except OSError as error:
            raise ClientGoneError from error

    def _fail(self) -> None:
        """Tell the client of the failure; if the answer had begun, only a cut can."""
        if self._is_begun:
            self.keep_alive = False
            return
        self.code, self.size = 500, 0
        self._pending = [
            refusal(
                500,
                "internal error",
                keep_alive=self.keep_alive,
                with_body=self._head.method != "HEAD",
            )
        ]
        try:
            self._pass_on(self._finish)
        except ClientGoneError:
            self.keep_alive = False


def _natural(text: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise ValueError(f"the app's Content-Length is not a number: {text!r}")
    return int(text)


def _size_of(result: Iterable[bytes] | None) -> int | None:
    return sum(map(len, result)) if isinstance(result, list | tuple) else None
