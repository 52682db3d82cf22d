"""Give an annotated cell its request: the JSON text of the variable ``REQUEST``.

Its keys are those of Kernel Gateway: ``body``, ``args``, ``path``, ``headers``. Where
Kernel Gateway has nothing to say there is more: a body that is no text comes in base64,
and ``body_encoding`` says so; the files of a form are in ``files``.
"""

from __future__ import annotations

import base64
import dataclasses
import json
import urllib.parse
from typing import Any

from runner.config import Limits
from runner.http import charsets, content_coding
from runner.http.forms import MOST_FIELDS, BadFormError, Part, media_type, parts_of
from runner.http.json_size import bound_of_body

_FORM, _MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"


class BadBodyError(ValueError):
    """Report a body that is not what its headers say, or is too much.

    Args:
        message: What is wrong.
        status: Of the answer.
        headers: Of the answer.
    """

    def __init__(
        self, message: str, status: int = 400, headers: tuple[tuple[bytes, bytes], ...] = ()
    ) -> None:
        super().__init__(message)
        self.status, self.headers = status, headers


@dataclasses.dataclass(frozen=True, kw_only=True)
class CellRequest:
    """Hold one request, as it came.

    Attributes:
        query: The query string, not decoded.
        parameters: The values of the path's parameters.
        headers: Names in lower case, and values, in their order.
        body: All of it.
        max_body: Bytes that it may have, also when decoded.
    """

    query: bytes = b""
    parameters: dict[str, str] = dataclasses.field(default_factory=dict)
    headers: list[tuple[bytes, bytes]] = dataclasses.field(default_factory=list)
    body: bytes = b""
    max_body: int = Limits.max_body

    def header(self, name: str) -> str:
        """Give a header by its name in lower case; repeated ones are joined."""
        wanted = name.encode()
        return ", ".join(value.decode("latin-1") for key, value in self.headers if key == wanted)

    def to_json(self) -> str:
        """Write the JSON that the cell gets.

        What a Content-Encoding did is undone, and the header taken off.

        Raises:
            BadBodyError: The body is not what its headers say, or is too much.
        """
        try:
            body = content_coding.decoded(
                self.body, content_coding.codings_of(self.headers), self.max_body
            )
            read = _body(body, self.header("content-type"), self.max_body)
        except content_coding.ContentCodingError as error:
            raise BadBodyError(str(error), error.status, error.headers) from error
        except charsets.UnknownCharsetError as error:
            raise BadBodyError(str(error), 415) from error
        members = {
            **read,
            "args": _fields_of_query(self.query) if self.query else {},
            "path": self.parameters,
            "headers": self._titled_headers(),
        }
        return json.dumps(members)

    def _titled_headers(self) -> dict[str, Any]:
        """Give the headers under their usual names; repeated ones as a list."""
        headers: dict[str, Any] = {}
        for key, raw in self.headers:
            if key == b"content-encoding":
                continue
            # As tornado writes them, which Kernel Gateway's notebooks have read: Api_key, X-1st.
            name = "-".join(part.capitalize() for part in key.decode("latin-1").split("-"))
            value = raw.decode("latin-1")
            if name not in headers:
                headers[name] = value
            elif isinstance(headers[name], list):
                headers[name].append(value)
            else:
                headers[name] = [headers[name], value]
        return headers


def _body(body: bytes, content_type: str, max_body: int) -> dict[str, Any]:
    kind = media_type(content_type)
    if not body:
        return {"body": ""}
    if kind == "application/json" or kind.endswith("+json"):
        return {"body": _json(body, content_type, max_body)}
    if kind == _FORM:
        return {"body": _fields_of_form(body)}
    if kind == _MULTIPART:
        return _multipart(body, content_type)
    return _text_or_base64(body, content_type)


def _json(body: bytes, content_type: str, max_body: int) -> Any:
    if bound_of_body(max_body).is_exceeded_by(body):
        raise BadBodyError("the body has too many values; send it in parts", 413)
    charset = charsets.codec_of(content_type)
    try:
        # Without a charset json finds out by itself which UTF it is.
        return json.loads(charsets.utf8_of(body, content_type) if charset else body)
    except (ValueError, RecursionError) as error:
        raise BadBodyError("the body is not the JSON that its Content-Type says") from error


def _text_or_base64(body: bytes, content_type: str) -> dict[str, Any]:
    charset = charsets.codec_of(content_type) or "utf-8"
    try:
        return {"body": body.decode(charset)}
    except UnicodeDecodeError:
        return {"body": base64.b64encode(body).decode(), "body_encoding": "base64"}


def _fields_of_form(encoded: bytes) -> dict[str, list[str]]:
    if encoded.count(b"&") >= MOST_FIELDS:
        raise BadBodyError(f"the form has more than {MOST_FIELDS} fields", 413)
    return _fields_of_query(encoded)


def _fields_of_query(encoded: bytes) -> dict[str, list[str]]:
    text = encoded.decode("utf-8", "replace")
    return urllib.parse.parse_qs(text, keep_blank_values=True, errors="replace")


def _multipart(body: bytes, content_type: str) -> dict[str, Any]:
    fields: dict[str, list[str]] = {}
    files: dict[str, list[dict[str, str]]] = {}
    try:
        for part in parts_of(body, content_type):
            if part.filename is None:
                text = part.content.decode("utf-8", "replace")
                fields.setdefault(part.name, []).append(text)
            else:
                files.setdefault(part.name, []).append(_file_as_json(part, part.filename))
    except BadFormError as error:
        raise BadBodyError(str(error)) from error
    return {"body": fields, "files": files} if files else {"body": fields}


def _file_as_json(file: Part, filename: str) -> dict[str, str]:
    return {
        "filename": filename,
        "content_type": file.content_type,
        "base64": base64.b64encode(file.content).decode(),
    }
