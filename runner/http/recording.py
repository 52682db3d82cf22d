"""Keep of one exchange what the request log may have of it, by reference and within a bound.

Whether an exchange is recorded is known when its answer begins, but for a failure behind that,
which always is. So what came before is kept of each, while it is answered, and counted where all
bodies are. Of an answer that is recorded only if it fails, no piece is kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from runner.http.response_head import Field

if TYPE_CHECKING:
    from runner.access.refusal import RefusedRequestError
    from runner.http.request_head import RequestHead

MOST = 65_536  # bytes of a body, and of an answer
_PIECE = 48  # bytes of memory of each piece, besides its own
_MOST_QUERY = 8_192
_KEPT = frozenset([b"content-type", b"content-encoding", b"accept"])
_LONGEST_VALUE = 200  # of a header
_KEPT_LINES = re.compile(rb"\r\n(%b): ([^\r\n]{0,%d}+)" % (b"|".join(_KEPT), _LONGEST_VALUE))


class Exchanged(NamedTuple):
    """Be what was asked and answered.

    Attributes:
        query: As it was sent.
        fields: Of the request, with names in lower case.
        body: None if it is left out.
        answer_fields: Of the answer, likewise.
        answer: None if it is left out.
        is_cut: Of the body or the answer not all is here.
        has_failed: A failure was noted before the answer's end, whatever its status.
    """

    query: bytes
    fields: Sequence[Field]
    body: bytes | None
    answer_fields: Sequence[Field]
    answer: bytes | None
    is_cut: bool = False
    has_failed: bool = False

    @property
    def size(self) -> int:
        """About how many bytes it holds."""
        size = len(self.query) + len(self.body or b"") + len(self.answer or b"")
        for _, value in (*self.fields, *self.answer_fields):
            size += len(value)
        return size

    def exchanged(self) -> Exchanged:
        """Give it, as a `Recording` does."""
        return self


def kept(fields: Iterable[Field]) -> list[Field]:
    """Give the fields that say how a body is to be read: no others are kept, and no long values."""
    return [(name, value[:_LONGEST_VALUE]) for name, value in fields if name in _KEPT]


def refused_exchange(refused: RefusedRequestError, head: RequestHead | None) -> Exchanged:
    """Say what was refused before anybody has answered it; its body is not looked at.

    Args:
        refused: Why.
        head: Of the request, if nobody had it before.
    """
    return Exchanged(
        query=b"" if head is None else head.target.partition(b"?")[2][:_MOST_QUERY],
        fields=() if head is None else kept(head.headers),
        body=None,
        answer_fields=((b"content-type", refused.content_type),),
        answer=refused.body,
        is_cut=True,
    )


class Pieces:
    """Keep what comes in pieces, unless it is too long.

    Attributes:
        size: About how many bytes of memory it takes.
        is_cut: It is too long.
        keeps_beginning: It has no end that is waited for: its beginning is kept.
    """

    __slots__ = ("_left", "_pieces", "is_cut", "keeps_beginning", "size")

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._left, self.size = MOST, 0
        self.is_cut = self.keeps_beginning = False

    def add(self, data: bytes) -> None:
        """Keep a piece."""
        if self.is_cut or not data:
            return
        self.is_cut = len(data) > self._left
        if self.is_cut and not self.keeps_beginning:
            self._pieces.clear()
            self.size = 0
            return
        data = data[: self._left]
        self._pieces.append(data)
        self._left -= len(data)
        self.size += len(data) + _PIECE

    def whole(self) -> bytes | None:
        """Give all, or the beginning; None if neither is here."""
        return None if self.is_cut and not self.keeps_beginning else b"".join(self._pieces)


class Recording:
    """Keep of one exchange what is to be recorded: what can wait is done by the thread that writes.

    Args:
        head: Of the request.

    Attributes:
        body: What the client sends.
        answer: What it gets.
        is_wanted: It is recorded however it ends; else only if it fails.
        is_whole: The answer has come to its end.
        has_failed: A failure was noted meanwhile.
    """

    __slots__ = (
        *("_fields", "_lines", "_query", "answer", "body"),
        *("has_failed", "is_wanted", "is_whole"),
    )

    def __init__(self, head: RequestHead) -> None:
        self._query, self._fields = head.target.partition(b"?")[2], kept(head.headers)
        self._lines = b""
        self.body, self.answer = Pieces(), Pieces()
        self.is_wanted = self.is_whole = self.has_failed = False

    def begin_answer(self, lines: bytes, *, is_endless: bool) -> None:
        """Note the head of the answer, as we have written it: what follows is wanted.

        Args:
            lines: The status line and the fields.
            is_endless: It is a stream, of which the beginning is kept.
        """
        self.is_wanted, self._lines = True, lines
        self.answer.keeps_beginning = is_endless

    @property
    def size(self) -> int:
        """About how many bytes it holds."""
        size = len(self._query) + len(self._lines) + self.body.size + self.answer.size
        for _, value in self._fields:
            size += len(value)
        return size

    def exchanged(self) -> Exchanged:
        """Give what is kept; in any thread, once it has ended."""
        is_cut = self.body.is_cut or self.answer.is_cut
        lines = self._lines.partition(b"\r\n\r\n")[0]
        return Exchanged(
            query=self._query,
            fields=self._fields,
            body=self.body.whole(),
            answer_fields=_KEPT_LINES.findall(lines),
            answer=self.answer.whole() if self.is_wanted else None,
            is_cut=is_cut or not (self.is_whole and self.is_wanted),
            has_failed=self.has_failed,
        )
