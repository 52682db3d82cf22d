"""Read a body that comes in chunks (RFC 9112, 7.1), strictly: what is unclear is refused.

Extensions and trailers are skipped within bounds; nobody here has a use for them.
"""

from __future__ import annotations

import re

_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})(?:[ \t]*;[^\x00-\x08\x0a-\x1f\x7f]*)?")
_TRAILER = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[^\x00-\x08\x0a-\x1f\x7f]*")
_LONGEST_LINE = 1024
_MOST_TRAILERS = 64
_MOST_AT_ONCE = 250  # chunks


class ChunkError(ValueError):
    """Tell that this is no chunked body."""


class ChunkedBody:
    """Take chunks out of what comes.

    Attributes:
        is_whole: The last chunk and the trailers were read.
        has_more: Not all that was there was read, lest tiny chunks take others their time.
    """

    __slots__ = ("_left", "_trailers", "has_more", "is_whole")

    def __init__(self) -> None:
        self._left = 0  # of the chunk; two more for the end of its line
        self._trailers = -1  # how many were read; -1 before the last chunk
        self.is_whole = self.has_more = False

    def read(self, data: bytes, most: int) -> tuple[bytes, bytes]:
        """Take what is there of the body.

        Args:
            data: What was left the last time, and what came since.
            most: Stop when more than so many bytes were found.

        Returns:
            A piece of the body, and what is left: of a line that is not whole yet, behind the body
            when that is whole, or for the next time.

        Raises:
            ChunkError: It is not chunked as it has to be.
        """
        pieces: list[bytes] = []
        found = at = lines = 0
        self.has_more = False
        while not self.is_whole and found <= most:
            if self._left:
                end = at + self._left
                piece = data[at : min(end - 2, len(data))] if self._left > 2 else b""
                pieces.append(piece)
                found += len(piece)
                at += len(piece)
                self._left -= len(piece)
                if self._left > 2 or len(data) < end:
                    break
                if data[at:end] != b"\r\n":
                    raise ChunkError("a chunk is longer than it says")
                at, self._left = end, 0
                continue
            if lines == _MOST_AT_ONCE:
                self.has_more = True
                break
            lines += 1
            end = data.find(b"\r\n", at, at + _LONGEST_LINE)
            if end < 0:
                if len(data) - at >= _LONGEST_LINE or b"\n" in data[at:]:
                    raise self._fault()
                break
            self._take_line(data[at:end])
            at = end + 2
        return b"".join(pieces), data[at:]

    def _take_line(self, line: bytes) -> None:
        if self._trailers >= 0:
            self._take_trailer(line)
            return
        size = _SIZE.fullmatch(line)
        if size is None:
            raise self._fault()
        length = int(size[1], 16)
        if length:
            self._left = length + 2
        else:
            self._trailers = 0

    def _take_trailer(self, line: bytes) -> None:
        self._trailers += 1
        if not line:
            self.is_whole = True
        elif self._trailers > _MOST_TRAILERS or not _TRAILER.fullmatch(line):
            raise self._fault()

    def _fault(self) -> ChunkError:
        """Say what is wrong with a line, whether all of it is here or not."""
        if self._trailers < 0:
            return ChunkError("the size of a chunk is no number")
        return ChunkError("a trailer is not of the form of a header")
