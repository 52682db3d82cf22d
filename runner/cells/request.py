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

from runner.http.forms import BadFormError, Part, media_type, parameters_of, parts_of

_FORM, _MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"


class BadBodyError(ValueError):
    """Report a body that is not what its Content-Type says."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class CellRequest:
    """Hold one request, as it came.

    Attributes:
        query: The query string, not decoded.
        parameters: The values of the path's parameters.
        headers: Names in lower case, and values, in their order.
        body: All of it.
    """

    query: bytes = b""
    parameters: dict[str, str] = dataclasses.field(default_factory=dict)
    headers: list[tuple[bytes, bytes]] = dataclasses.field(default_factory=list)
    body: bytes = b""

    def header(self, name: str) -> str:
        """Give a header by its name in lower case; repeated ones are joined."""
        wanted = name.encode()
        return ", ".join(value.decode("latin-1") for key, value in self.headers if key == wanted)

    def to_json(self) -> str:
        """Write the JSON that the cell gets.

        Raises:
            BadBodyError: The body is not what its Content-Type says.
        """
        members = {
            **_body(self.body, self.header("content-type")),
            "args": _fields_of_query(self.query) if self.query else {},
            "path": self.parameters,
            "headers": self._titled_headers(),
        }
        return json.dumps(members)

    def _titled_headers(self) -> dict[str, Any]:
        """Give the headers under their usual names; repeated ones as a list."""
        headers: dict[str, Any] = {}
        for key, raw in self.headers:
            name, value = key.decode("latin-1").title(), raw.decode("latin-1")
            if name not in headers:
                headers[name] = value
            elif isinstance(headers[name], list):
                headers[name].append(value)
            else:
                headers[name] = [headers[name], value]
        return headers


def _body(body: bytes, content_type: str) -> dict[str, Any]:
    kind = media_type(content_type)
    if not body:
        return {"body": ""}
    if kind == "application/json" or kind.endswith("+json"):
        return {"body": _json(body, content_type)}
    if kind == _FORM:
        return {"body": _fields_of_query(body)}
    if kind == _MULTIPART:
        return _multipart(body, content_type)
    return _text_or_base64(body, content_type)


def _json(body: bytes, content_type: str) -> Any:
    charset = parameters_of(content_type).get("charset", "")
    try:
        # Without a charset json finds out by itself which UTF it is.
        return json.loads(body.decode(charset) if charset else body)
    except (ValueError, LookupError, RecursionError) as error:
        raise BadBodyError("the body is not the JSON that its Content-Type says") from error


def _text_or_base64(body: bytes, content_type: str) -> dict[str, Any]:
    charset = parameters_of(content_type).get("charset") or "utf-8"
    try:
        return {"body": body.decode(charset)}
    except (ValueError, LookupError):
        return {"body": base64.b64encode(body).decode(), "body_encoding": "base64"}


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
