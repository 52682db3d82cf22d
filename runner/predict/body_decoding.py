"""Undo what a body came in: its Content-Encoding and its charset. What is text is UTF-8 then."""

from __future__ import annotations

from collections.abc import Sequence

from runner.http import charsets, content_coding
from runner.http.forms import media_type
from runner.predict.body_work import SMALL, BodyWork
from runner.predict.http_messages import JSON
from runner.predict.problem_error import ProblemError

_OF_BYTES = ("multipart/", "application/vnd.apache.", "application/x-parquet")


async def decoded_body(
    body: bytes, headers: Sequence[tuple[bytes, bytes]], work: BodyWork, most: int
) -> bytes:
    """Give a body as the routes read it.

    Args:
        body: As it came.
        headers: Of the request, with names in lower case.
        work: Does what may take long.
        most: Bytes that it may have when decoded.

    Raises:
        ProblemError: 400, it is not what its headers say; 413, it is too large; 415, its coding or
            its charset is not read.
    """
    if not body:
        return body
    content_type = next((value for name, value in headers if name == b"content-type"), b"")
    codings = content_coding.codings_of(headers)
    if not codings and (content_type == JSON or not content_type):
        return body.removeprefix(charsets.BOM)
    size = SMALL + 1 if codings else len(body)
    return await work.run(
        size, lambda: _decoded(body, codings, content_type.decode("latin-1"), most)
    )


def _decoded(body: bytes, codings: tuple[str, ...], content_type: str, most: int) -> bytes:
    try:
        body = content_coding.decoded(body, codings, most)
        if media_type(content_type).startswith(_OF_BYTES):
            return body
        return charsets.utf8_of(body, content_type)
    except content_coding.ContentCodingError as error:
        raise ProblemError(error.status, str(error), headers=error.headers) from None
    except charsets.UnknownCharsetError as error:
        raise ProblemError(415, str(error)) from None
    except UnicodeDecodeError as error:
        raise ProblemError(400, f"the body is not in its charset: {error!s:.200}") from None
