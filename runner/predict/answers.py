"""Make the answer to a request of what a function returned, where that may be other than JSON.

The rules of this file, in their order:

1. A ``Response`` says its status and headers; the rest holds for its body.
2. A generator is a stream (see ``streams``).
3. A figure or a picture is what the client likes best of what it can be.
4. Bytes and strings of a declared type are sent as they are.
5. All else is JSON by the rules of ``result_encoding``; and so are bytes and strings, if nobody
   declared a type.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import msgspec

from runner.http.forms import media_type as name_of_type
from runner.http.forms import parameters_of
from runner.predict import pictures, result_encoding, streams
from runner.predict.http_messages import Response as HttpResponse
from runner.predict.media_types import MediaType, negotiated
from runner.predict.problem_error import ProblemError
from runner.predict.response import Response

Shape = Callable[[Any], Any]


@dataclasses.dataclass(frozen=True, kw_only=True)
class FunctionAnswers:
    """Make the answers of one function.

    Attributes:
        shape: Makes of a result, or of an item of a stream, what the author wants to answer.
        media_type: What bytes and strings are; None: JSON.
        is_json: An answer is JSON, as the function's return hint says.
    """

    shape: Shape
    media_type: str | None = None
    is_json: bool = False

    def encode(self, result: Any) -> bytes | HttpResponse:
        """Write a result as JSON, or as the author's own response.

        Raises:
            ProblemError: 406, it is a stream or a picture, and stands among others.
            TypeError: It is nothing that JSON can say.
        """
        if type(result) is msgspec.Raw:  # was written already
            return bytes(result)
        value = self.shape(result)
        if isinstance(value, Response) and not streams.is_stream(value.body):
            return _of_response(value, b"")
        if isinstance(value, str | bytes) and self.media_type and _is_json(self.media_type):
            return msgspec.json.encode(msgspec.json.decode(value))  # the author has written it
        try:
            return result_encoding.encode_json(value)
        except TypeError as error:
            if not self.is_json and _is_alone(value):
                raise ProblemError(
                    406, f"this answer is {type(value).__name__}, which cannot stand among others"
                ) from None
            raise TypeError(
                f"{error}; a stream or a picture is answered by a function whose return hint says"
                " so (-> Iterator[str], -> Figure, -> Response), or that has none"
            ) from None

    def answer(self, result: Any, accept: bytes) -> HttpResponse:
        """Write a result as the client accepts it.

        Raises:
            ProblemError: 406, the client takes nothing that it can be.
            TypeError: It cannot be written.
        """
        if streams.is_stream(result):
            return _streamed(streams.stream_of(result, self._item, self.media_type, accept))
        value = self.shape(result)
        if isinstance(value, Response):
            return _of_response(value, accept)
        if self.media_type is None and not pictures.writers_of(value):
            negotiated(accept, (MediaType.JSON,))
            return HttpResponse(body=result_encoding.encode_json(value))
        content, content_type = _content(value, self.media_type, accept)
        return HttpResponse(body=content, content_type=content_type)

    def array(self, source: Any) -> streams.Stream:
        """Have the items of a generator written as one JSON array."""
        return streams.array_of(source, self._item)

    def _item(self, item: Any) -> bytes:
        return json_of(self.encode(item))


def _is_alone(value: Any) -> bool:
    """Tell what is an answer by itself, and no JSON: a picture, or a stream."""
    body = value.body if isinstance(value, Response) else value
    return streams.is_stream(body) or pictures.writers_of(body) is not None


def json_of(encoded: bytes | HttpResponse) -> bytes:
    """Give an answer as a JSON value among others.

    Raises:
        ProblemError: 406, it is another type.
    """
    if isinstance(encoded, bytes):
        return encoded
    if _is_json(encoded.content_type.decode("latin-1")):
        return encoded.body
    kind = encoded.content_type.decode("latin-1")
    raise ProblemError(406, f"this answer is {kind}, which cannot stand among others: ask for it")


def _of_response(given: Response, accept: bytes) -> HttpResponse:
    body, status, headers = given.body, given.status, given.headers
    if streams.is_stream(body):
        stream = streams.stream_of(body, result_encoding.encode_json, given.media_type, accept)
        headers = (*headers, *streams.HEADERS)
        return dataclasses.replace(_streamed(stream), status=status, headers=headers)
    content, content_type = b"", b""
    if body is not None:
        content, content_type = _content(body, given.media_type, accept)
    return HttpResponse(status=status, body=content, content_type=content_type, headers=headers)


def _content(body: Any, media_type: str | None, accept: bytes) -> tuple[bytes, bytes]:
    if isinstance(body, str | bytes | bytearray | memoryview):
        return _as_they_are(body, media_type)
    if writers := pictures.writers_of(body):
        chosen = negotiated(accept, tuple(writers)) if media_type is None else media_type
        if chosen not in writers:
            raise TypeError(f"{type(body).__name__} can be {', '.join(writers)}, not {chosen}")
        return writers[chosen](), chosen.encode()
    if media_type is not None and not _is_json(media_type):
        raise TypeError(f"bytes or a string is needed for {media_type}, not {body!r:.80}")
    return result_encoding.encode_json(body), (media_type or MediaType.JSON).encode()


def _as_they_are(body: Any, media_type: str | None) -> tuple[bytes, bytes]:
    if not isinstance(body, str):
        return bytes(body), (media_type or "application/octet-stream").encode()
    kind = media_type or "text/plain"
    charset = parameters_of(kind).get("charset", "")
    if not charset and kind.startswith("text/"):
        kind += "; charset=utf-8"
    return body.encode(charset or "utf-8"), kind.encode()


def _is_json(kind: str) -> bool:
    kind = name_of_type(kind)
    return kind == MediaType.JSON or kind.endswith("+json")


def _streamed(stream: streams.Stream) -> HttpResponse:
    return HttpResponse(
        content_type=stream.media_type.encode(), headers=streams.HEADERS, stream=stream
    )
