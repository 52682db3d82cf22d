"""Tell where a request's body ends, by the length or the chunks that its head announces."""

from __future__ import annotations

from runner.access.refusal import RefusedRequestError
from runner.bodies.chunked_body import ChunkedBody, ChunkError

CHUNKED = -1
"""Be the length of a body that comes in chunks, which nobody knows."""


class RequestBody:
    """Take one body out of what comes.

    Args:
        length: Bytes; ``CHUNKED`` if it comes in chunks.
        most: Bytes that it may have.

    Attributes:
        is_whole: All of it was read.
    """

    __slots__ = ("_chunks", "_left", "_most", "is_whole")

    def __init__(self, length: int, most: int) -> None:
        self._chunks = ChunkedBody() if length == CHUNKED else None
        self._left = most if length == CHUNKED else length
        self._most = most
        self.is_whole = not length

    @property
    def has_more(self) -> bool:
        """Tell that not all that was there was read: there is more to do without more bytes."""
        return self._chunks is not None and self._chunks.has_more

    def read(self, data: bytes) -> tuple[bytes, bytes]:
        """Take what is there of it.

        Args:
            data: What was left the last time, and what came since.

        Returns:
            A piece of the body, and what is left.

        Raises:
            RefusedRequestError: It is too large, or not chunked as it has to be.
        """
        if self._chunks is None:
            piece, rest = data[: self._left], data[self._left :]
            self._left -= len(piece)
            self.is_whole = not self._left
            return piece, rest
        try:
            piece, rest = self._chunks.read(data, self._left)
        except ChunkError as error:
            raise RefusedRequestError(400, str(error)) from None
        self._left -= len(piece)
        if self._left < 0:
            raise too_large(self._most)
        self.is_whole = self._chunks.is_whole
        return piece, rest


def too_large(most: int) -> RefusedRequestError:
    """Refuse a body."""
    return RefusedRequestError(413, f"the body is larger than {most} bytes")
