"""Read forms with files: multipart/form-data. Source: RFC 7578."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator

# A quote that is not closed ends with the text: else each would be looked for to the end.
_PARAMETER = re.compile(
    r';\s*([^\s=;"]+)\s*=\s*(?:"((?:[^"\\]|\\.?)*+)(?:"|\Z)|([^\s;]*))', re.DOTALL
)
_LONGEST_HEAD = 8_192


MOST_FIELDS = 10_000
"""Of a form; each costs a reader far more than its bytes."""


class BadFormError(ValueError):
    """Report a form that is not what its Content-Type says."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Part:
    """Hold one field of a form.

    Attributes:
        name: Its name; others may have the same.
        filename: What the client calls the file; None if it is none.
        content_type: What the client says it is.
        content: The bytes.
    """

    name: str
    filename: str | None
    content_type: str
    content: bytes


def media_type(content_type: str) -> str:
    """Give the media type in lower case, without its parameters."""
    return content_type.partition(";")[0].strip().lower()


def parameters_of(value: str) -> dict[str, str]:
    """Read what follows the first word of a header: ``; name=value; name="value"``."""
    return {
        name.lower(): re.sub(r"\\(.)", r"\1", quoted) or plain
        for name, quoted, plain in _PARAMETER.findall(value)
    }


def parts_of(body: bytes, content_type: str) -> Iterator[Part]:
    """Read a form field by field.

    Raises:
        BadFormError: It is not whole.
    """
    boundary = parameters_of(content_type).get("boundary", "")
    if not boundary:
        raise BadFormError("the form's Content-Type names no boundary")
    for head, content in _split(body, boundary.encode("latin-1")):
        about = parameters_of(head.get("content-disposition", ""))
        yield Part(
            name=about.get("name", ""),
            filename=about.get("filename"),
            content_type=head.get("content-type", "application/octet-stream"),
            content=content,
        )


def _split(body: bytes, boundary: bytes) -> Iterator[tuple[dict[str, str], bytes]]:
    """Split a form into the headers and the content of each part."""
    mark = b"\r\n--" + boundary
    if body.count(mark[2:]) > MOST_FIELDS + 1:
        raise BadFormError(f"the form has more than {MOST_FIELDS} fields")
    parts = (b"\r\n" + body).split(mark)[1:]
    if not parts or not parts[-1].startswith(b"--"):
        raise BadFormError("the form does not end with its boundary")
    for part in parts[:-1]:
        head, blank, content = part.lstrip(b" \t").removeprefix(b"\r\n").partition(b"\r\n\r\n")
        if len(head) > _LONGEST_HEAD:
            raise BadFormError(f"the headers of a part are larger than {_LONGEST_HEAD} bytes")
        if not blank:
            raise BadFormError("a part of the form has no headers")
        lines = (line.partition(":") for line in head.decode("utf-8", "replace").split("\r\n"))
        yield {name.strip().lower(): value.strip() for name, _, value in lines}, content
