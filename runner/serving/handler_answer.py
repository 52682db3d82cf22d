"""Take what a handler class of ``http.server`` answers, and begin and frame it anew.

A head is taken as it is said, by ``send_response`` and ``send_header``. One that a class writes by
itself is read: by one expression if it comes whole, and else by a parser, as chunks are.
"""

from __future__ import annotations

import functools
import io
import re
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.util import is_hop_by_hop

import httptools

# A whole head, as `send_response`, `send_header` and `end_headers` write one.
_HEAD = re.compile(
    rb"HTTP/1\.[01] ([2-5][0-9]{2}(?: [^\r\n]*+)?)\r\n"
    rb"((?:[!#$%&'*+\-.^_`|~0-9A-Za-z]++:[^\r\n]*+\r\n)*+)\r\n"
)
_FIELD = re.compile(r"([^:\n]++):[ \t]*+([^\r]*+)\r\n")

StartResponse = Callable[[str, list[tuple[str, str]]], Callable[[bytes], object]]


class HandlerAnswer(io.BufferedIOBase):
    """Be the file to which a handler class writes; some callbacks are the parser's.

    Args:
        start_response: As a WSGI app gets it.
    """

    _parser: Any = None  # for a head that did not come whole, and for chunks
    _read_fields: list[tuple[str, str]]
    _reason = b""
    _is_chunked = _is_whole = False
    _failure: BaseException | None = None

    def __init__(self, start_response: StartResponse) -> None:
        self._start_response = start_response
        self._left: int | None = None  # of the Content-Length
        self._put: Callable[[bytes], object] | None = None

    def __del__(self) -> None:
        """Do nothing: there is nothing to flush or to close."""

    def writable(self) -> bool:
        """Be written to."""
        return True

    def write(self, data: Any) -> int:
        """Take a piece of the answer; what is written behind its end is dropped."""
        if type(data) is not bytes:
            data = memoryview(data).tobytes()
        if self._put is not None and self._parser is None:
            self._pass_on(data)
        elif data:
            self._read(data)
        return len(data)

    def begin(self, status: int, fields: Iterable[tuple[str, str]]) -> bool:
        """Take a head that is said.

        Returns:
            Whether it was taken: if not, it is to be written.

        Raises:
            ValueError: A field would write more lines than it is.
        """
        if self._put is not None or self._parser is not None or not 200 <= status <= 599:
            return False
        if not self._take_fields(fields):
            return False
        self._start(f"{int(status)}")
        return True

    def _read(self, data: bytes) -> None:
        if self._failure is not None:
            raise self._failure
        if self._is_whole:
            return
        if self._parser is None:
            found = _HEAD.match(data)
            if found is not None and self._take_fields(_FIELD.findall(found[2].decode("latin-1"))):
                self._start(found[1].decode("latin-1"))
                self._pass_on(data[found.end() :])
                return
            self._parser, self._read_fields = httptools.HttpResponseParser(self), []
        self._parse(data)

    def _take_fields(self, fields: Iterable[tuple[str, str]]) -> bool:
        """Take a head's fields, but those of the connection; tell whether it needs no parser."""
        length, self._fields, is_framed = None, [], False
        for field in fields:
            name = _passed_on(field[0])
            if name == "transfer-encoding":
                self._is_chunked |= "chunked" in field[1].lower()
                is_framed = True
            elif name:
                self._fields.append(field)
                if name == "content-length":
                    length = field[1]
        if length is not None:
            if not (length.isascii() and length.isdecimal()):
                return False
            self._left = int(length)
        return not is_framed

    def _start(self, status: str) -> None:
        """Begin the answer; if it may go on for long, the client sees that at once."""
        self._put = self._start_response(status, self._fields)
        if self._left is None:
            self._put(b"")

    def _pass_on(self, data: bytes) -> None:
        if self._left is not None:
            data = data[: self._left]
            self._left -= len(data)
        if data and self._put is not None:
            self._put(data)

    def _parse(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserCallbackError as error:
            self._failure = error.__context__ or error
            raise self._failure from None
        except httptools.HttpParserError:
            if not self._is_whole:
                raise

    def check(self) -> None:
        """Accept the answer.

        Raises:
            ValueError: There was none, or it is not whole.
        """
        if self._put is None:
            raise ValueError("the handler class gave no answer")
        if self._is_chunked and not self._is_whole:
            raise ValueError("the handler class gave half a chunked answer")

    def on_status(self, reason: bytes) -> None:
        """Take the words behind the status."""
        self._reason += reason

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        self._read_fields.append((name.decode("latin-1"), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        """Begin the answer, unless there is another to come."""
        status = self._parser.get_status_code()
        if status >= 200:
            self._take_fields(self._read_fields)
            self._start(f"{status} {self._reason.decode('latin-1')}")
        self._reason, self._read_fields = b"", []

    def on_body(self, data: bytes) -> None:
        """Pass a piece of the body on."""
        if self._put is not None:
            self._put(data)

    def on_message_complete(self) -> None:
        """Note the end."""
        self._is_whole = self._put is not None


@functools.lru_cache(256)
def _passed_on(name: str) -> str:
    """Give the name of an answer's header as it is compared; none if it is not passed on."""
    key = name.lower()
    return key if key == "transfer-encoding" or not is_hop_by_hop(key) else ""
