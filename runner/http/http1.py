"""Cut bytes into HTTP/1.1 requests as they come, within limits.

No I/O happens here: whoever has bytes feeds them and asks for the next whole request.
"""

from __future__ import annotations

import dataclasses
import re

from runner.config import Limits
from runner.http.head import Head, RefusedError, parse_head

_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,16})(?:[ \t]*;[^\x00\r\n]*)?")
_EMPTY_LINES = re.compile(rb"(?:\r\n)+")
_LONGEST_CHUNK_LINE = 4096


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """Hold one whole request; the body is decoded if it came in chunks."""

    head: Head
    body: bytes


class RequestReader:
    """Cut one connection's bytes into requests.

    Attributes:
        head: The request whose body is awaited, or None.
    """

    def __init__(self, limits: Limits) -> None:
        self.head: Head | None = None
        self._limits = limits
        self._bytes = bytearray()
        self._searched = 0
        self._chunks: ChunkedBody | None = None
        self._owes_continue = False

    @property
    def is_started(self) -> bool:
        """Tell whether a part of a request is here."""
        return bool(self._bytes) or self.head is not None

    def take_continue(self) -> bool:
        """Tell, once, that the client holds its body back until it hears ``100 Continue``."""
        owed, self._owes_continue = self._owes_continue, False
        return owed

    def feed(self, data: bytes) -> None:
        """Take what the client sent."""
        self._bytes += data

    def next(self) -> Request | None:
        """Give the next request; None if it is not whole yet.

        Raises:
            RefusedError: It is malformed, ambiguous or too large; nothing can follow it.
        """
        if self.head is None:
            self.head = self._take_head()
        if self.head is None or (body := self._take_body(self.head)) is None:
            return None
        request = Request(head=self.head, body=body)
        self.head = self._chunks = None
        self._owes_continue = False
        return request

    def _take_head(self) -> Head | None:
        if empty := _EMPTY_LINES.match(self._bytes):  # RFC 9112, 2.2: to be ignored
            del self._bytes[: empty.end()]
        end = self._bytes.find(b"\r\n\r\n", self._searched)
        if max(end, len(self._bytes) * (end < 0)) > self._limits.max_header:
            raise self._too_long()
        if end < 0:
            if self._bytes.find(b"\n\n", self._searched) >= 0:
                raise RefusedError(400, "lines must end in CR LF")
            self._searched = max(0, len(self._bytes) - 3)
            return None
        head = parse_head(bytes(self._bytes[:end]))
        del self._bytes[: end + 4]
        self._searched = 0
        self._start_body(head)
        return head

    def _too_long(self) -> RefusedError:
        most = self._limits.max_header
        if self._bytes.find(b"\r\n", 0, most) < 0:
            return RefusedError(414, f"the request line is longer than {most} bytes")
        return RefusedError(431, f"the headers are longer than {most} bytes")

    def _start_body(self, head: Head) -> None:
        expects = head.is_http11 and head.headers.get("expect", "").lower() == "100-continue"
        self._owes_continue = expects and not self._bytes
        if head.length is None:
            self._chunks = ChunkedBody(self._limits)
        elif head.length > self._limits.max_body:
            self.head = head  # the refusal is logged with it
            raise _too_large(self._limits)

    def _take_body(self, head: Head) -> bytes | None:
        if self._chunks is not None:
            return self._chunks.take(self._bytes)
        if not head.length:
            return b""
        if len(self._bytes) < head.length:
            return None
        with memoryview(self._bytes) as view:
            body = bytes(view[: head.length])
        del self._bytes[: head.length]
        return body


class ChunkedBody:
    """Decode a chunked body (RFC 9112, 7.1); extensions and trailers are dropped."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._body = bytearray()
        self._left = 0  # of the chunk at hand
        self._is_behind_data = False
        self._trailer: int | None = None  # bytes of it, once the last chunk has come
        self._is_whole = False

    def take(self, given: bytearray) -> bytes | None:
        """Consume what is given; give the body when it is whole."""
        while self._step(given):
            if self._is_whole:
                return bytes(self._body)
        return None

    def _step(self, given: bytearray) -> bool:
        if self._left:
            return self._take_data(given)
        line = _take_line(given)
        if line is None:
            return False
        if self._is_behind_data:
            self._end_chunk(line)
        elif self._trailer is not None:
            self._take_trailer(line)
        else:
            self._start_chunk(line)
        return True

    def _take_data(self, given: bytearray) -> bool:
        part = given[: self._left]
        del given[: len(part)]
        self._body += part
        self._left -= len(part)
        self._is_behind_data = not self._left
        return bool(part)

    def _start_chunk(self, line: bytes) -> None:
        found = _CHUNK.fullmatch(line)
        if found is None:
            raise RefusedError(400, "malformed chunk size")
        self._left = int(found[1], 16)
        if len(self._body) + self._left > self._limits.max_body:
            raise _too_large(self._limits)
        if not self._left:
            self._trailer = 0

    def _end_chunk(self, line: bytes) -> None:
        if line:
            raise RefusedError(400, "a chunk is longer than it said")
        self._is_behind_data = False

    def _take_trailer(self, line: bytes) -> None:
        self._is_whole = not line
        self._trailer = (self._trailer or 0) + len(line)
        if self._trailer > self._limits.max_header:
            raise RefusedError(431, f"the trailer is longer than {self._limits.max_header} bytes")


def _take_line(given: bytearray) -> bytes | None:
    end = given.find(b"\r\n", 0, _LONGEST_CHUNK_LINE + 2)
    if end < 0:
        if len(given) > _LONGEST_CHUNK_LINE:
            raise RefusedError(400, "a line of the chunked body is too long")
        return None
    line = bytes(given[:end])
    del given[: end + 2]
    if b"\n" in line or b"\r" in line:
        raise RefusedError(400, "lines must end in CR LF")
    return line


def _too_large(limits: Limits) -> RefusedError:
    return RefusedError(413, f"the body is larger than {limits.max_body} bytes")
