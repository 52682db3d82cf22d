"""Keep of one exchange what the request log may have of it, by reference and within a bound.

Whether an exchange is recorded is known when its answer begins, but for a failure behind that,
which always is. So what came before is kept of each, while it is answered, and counted where all
bodies are. Of an answer that is recorded only if it fails, no piece is kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from runner.http.response_head import Field

if TYPE_CHECKING:
    from runner.access.refusal import RefusedRequestError
    from runner.http.request_head import RequestHead

MOST = 65_536  # bytes of a body, and of an answer
_MOST_QUERY = 8_192
_KEPT = (b"content-type", b"content-encoding", b"accept")


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


def kept(fields: Iterable[Field]) -> list[Field]:
    """Give the fields that say how a body is to be read: no others are kept."""
    return [field for field in fields if field[0] in _KEPT]


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
        is_cut: It is.
        keeps_beginning: It has no end that is waited for: its beginning is kept.
    """

    __slots__ = ("_left", "_pieces", "is_cut", "keeps_beginning")

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._left = MOST
        self.is_cut = self.keeps_beginning = False

    def add(self, data: bytes) -> None:
        """Keep a piece."""
        if len(data) <= self._left:
            self._left -= len(data)
            if data:
                self._pieces.append(data)
            return
        if self.is_cut:
            return
        if self.keeps_beginning:
            self._pieces.append(data[: self._left])
        else:
            self._pieces.clear()
        self.is_cut, self._left = True, 0

    def whole(self) -> bytes | None:
        """Give all, or the beginning; None if neither is here."""
        return None if self.is_cut and not self.keeps_beginning else b"".join(self._pieces)


class Recording:
    """Keep of one exchange what is to be recorded.

    Args:
        query: As it was sent.
        fields: Of the request, with names in lower case.

    Attributes:
        is_wanted: It is recorded however it ends; else only if it fails.
    """

    __slots__ = ("_answer", "_answer_fields", "_body", "_fields", "_query", "is_wanted")

    def __init__(self, query: bytes, fields: Sequence[Field]) -> None:
        self._query, self._fields, self.is_wanted = query, fields, False
        self._answer_fields: Sequence[Field] = ()
        self._body: Pieces | None = None
        self._answer: Pieces | None = None

    @property
    def body(self) -> Pieces:
        """What the client sends."""
        if self._body is None:
            self._body = Pieces()
        return self._body

    @property
    def answer(self) -> Pieces:
        """What it gets."""
        if self._answer is None:
            self._answer = Pieces()
        return self._answer

    def begin_answer(self, lines: bytes, *, is_endless: bool) -> None:
        """Note the head of the answer, as we have written it: what follows is wanted.

        Args:
            lines: The status line and the fields.
            is_endless: It is a stream, of which the beginning is kept.
        """
        self.is_wanted = True
        lines = lines.partition(b"\r\n\r\n")[0]
        fields = (line.partition(b": ") for line in lines.split(b"\r\n")[1:])
        self._answer_fields = kept((name, value) for name, _, value in fields)
        self.answer.keeps_beginning = is_endless

    def exchanged(self, *, is_whole: bool = True, has_failed: bool = False) -> Exchanged:
        """Give what is kept by now.

        Args:
            is_whole: The answer has come to its end.
            has_failed: A failure was noted meanwhile.
        """
        is_cut = self.body.is_cut or self.answer.is_cut or len(self._query) > _MOST_QUERY
        return Exchanged(
            query=self._query if len(self._query) <= _MOST_QUERY else b"",
            fields=kept(self._fields),
            body=self.body.whole(),
            answer_fields=self._answer_fields,
            answer=self.answer.whole() if self.is_wanted else None,
            is_cut=is_cut or not (is_whole and self.is_wanted),
            has_failed=has_failed,
        )
