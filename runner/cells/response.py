"""Make an HTTP answer of what an annotated cell has put out.

The rules of this file, of which the first, the third and the last are Kernel Gateway's:

1. What is printed is the body, as ``text/plain``.
2. Else the last display or result that is rich (a plot, HTML, JSON …) is the body, in the
   form that the client's Accept likes best; a result of type bytes is the body as it is.
3. Else the result is the body: a JSON object of its forms, ``{"text/plain": "2"}``.
4. ResponseInfo may set the status and any header but those that frame the message.
"""

from __future__ import annotations

import base64
import dataclasses
import http
import json
from typing import Any

from runner.access.accept import qualities_of, quality_of

TEXT = "text/plain; charset=utf-8"
JSON = "application/json"

# The richest first: what an Accept of */* gets.
_RICH_TYPES = (
    "text/html",
    "image/svg+xml",
    "image/png",
    "image/jpeg",
    "image/gif",
    "image/webp",
    "application/pdf",
    "application/json",
    "application/geo+json",
    "text/markdown",
    "text/latex",
)
_FRAMING = {"content-length", "transfer-encoding", "connection", "keep-alive", "upgrade", "trailer"}
_BODYLESS = {204, 205, 304}


class BadResponseInfoError(ValueError):
    """Report what a ResponseInfo cell printed and nobody can use."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class CellResponse:
    """Hold an answer.

    Attributes:
        status: The HTTP status.
        headers: Names in lower case, and values.
        body: The content.
        cause: What a cell has raised, of which the client learns no more than an id.
    """

    status: int = 200
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes = b""
    cause: BaseException | None = None

    @property
    def has_body(self) -> bool:
        """Tell whether the status is one that has a body."""
        return self.status not in _BODYLESS

    def headers_with_length(self) -> tuple[tuple[bytes, bytes], ...]:
        """Give the headers with the body's length; statuses that have no body have none."""
        if not self.has_body:
            return tuple(pair for pair in self.headers if pair[0] != b"content-type")
        return (*self.headers, (b"content-length", b"%d" % len(self.body)))


def ok_response(body: bytes, content_type: str = TEXT) -> CellResponse:
    """Make an answer of 200."""
    return CellResponse(headers=((b"content-type", content_type.encode("latin-1")),), body=body)


def problem_response(status: int, message: str, **more: str) -> CellResponse:
    """Make an answer that says what is wrong; its keys are Kernel Gateway's."""
    body = {"reason": http.HTTPStatus(status).phrase, "message": message, **more}
    headers = [(b"content-type", JSON.encode())]
    if status == http.HTTPStatus.SERVICE_UNAVAILABLE:
        headers.append((b"retry-after", b"1"))
    return CellResponse(status=status, headers=tuple(headers), body=json.dumps(body).encode())


def response_of_output(
    printed: bytes, displays: list[dict[str, Any]], result: dict[str, Any] | bytes, accept: str
) -> CellResponse:
    """Make an answer of what a cell has put out.

    Args:
        printed: What it printed.
        displays: What it displayed, by media types.
        result: The forms of its last expression; empty if there is none.
        accept: The client's Accept; empty if it has none.
    """
    if printed:
        return ok_response(printed)
    if isinstance(result, bytes):
        return ok_response(result, "application/octet-stream")
    outputs = [representations for representations in (*displays, result) if representations]
    rich = [
        representations
        for representations in outputs
        if any(kind in representations for kind in _RICH_TYPES)
    ]
    if rich:
        return _rich_response(rich[-1], accept)
    if not outputs:
        return ok_response(b"")
    if (
        "text/plain" in outputs[-1]
        and best_media_type(["*/*", "text/plain"], accept) == "text/plain"
    ):
        return ok_response(_bytes("text/plain", outputs[-1]["text/plain"]))
    return ok_response(json.dumps(outputs[-1], default=str).encode(), JSON)


def best_media_type(kinds: list[str], accept: str) -> str:
    """Choose a media type; among those that are liked alike, the first.

    A client that likes none of them gets the first: that is more use than a 406.
    """
    qualities = qualities_of(accept)
    return max(kinds, key=lambda kind: quality_of(kind, qualities))


def with_response_info(response: CellResponse, printed: bytes) -> CellResponse:
    """Let what a ResponseInfo cell has printed change the status and the headers.

    Raises:
        BadResponseInfoError: It is not a JSON object, or says what cannot be sent.
    """
    try:
        info = json.loads(printed or b"{}")
    except ValueError as error:
        raise BadResponseInfoError("the ResponseInfo cell printed no JSON") from error
    if not isinstance(info, dict):
        raise BadResponseInfoError("the ResponseInfo cell printed no JSON object")
    new = _headers(info.get("headers") or {})
    replaced = {name for name, _ in new}
    kept = [pair for pair in response.headers if pair[0] not in replaced]
    return CellResponse(
        status=_status(info.get("status", response.status)),
        headers=(*kept, *new),
        body=response.body,
    )


def _status(status: Any) -> int:
    try:
        number = int(status)
    except (TypeError, ValueError):
        number = 0
    if not 200 <= number <= 599:
        raise BadResponseInfoError(f"ResponseInfo: status {status!r} is none from 200 to 599")
    return number


def _headers(given: Any) -> list[tuple[bytes, bytes]]:
    if not isinstance(given, dict):
        raise BadResponseInfoError("ResponseInfo: `headers` is no JSON object")
    found: list[tuple[bytes, bytes]] = []
    for name, given_values in given.items():
        values = given_values if isinstance(given_values, list) else [given_values]
        if name.lower() not in _FRAMING:
            found += [(_sendable(name).lower(), _sendable(str(value))) for value in values]
    return found


def _sendable(text: str) -> bytes:
    if any(ord(character) < 32 or ord(character) == 127 for character in text) or not text.strip():
        raise BadResponseInfoError(f"ResponseInfo: {text!r} cannot stand in a header")
    return text.encode("latin-1") if max(text) < "\u0100" else text.encode()


def _rich_response(representations: dict[str, Any], accept: str) -> CellResponse:
    kinds = [kind for kind in (*_RICH_TYPES, "text/plain") if kind in representations]
    if JSON not in kinds:
        kinds.append(JSON)  # the object of all forms, which Kernel Gateway would give
    kind = best_media_type(kinds, accept)
    if kind == JSON and JSON not in representations:
        return ok_response(json.dumps(representations, default=_as_text).encode(), JSON)
    is_text = kind.startswith("text/") or kind == "image/svg+xml"
    return ok_response(
        _bytes(kind, representations[kind]), f"{kind}; charset=utf-8" if is_text else kind
    )


def _bytes(kind: str, data: Any) -> bytes:
    if isinstance(data, bytes):
        return data
    if not isinstance(data, str):
        return json.dumps(data, default=str).encode()
    is_binary = (kind.startswith("image/") and kind != "image/svg+xml") or kind.endswith("/pdf")
    return base64.b64decode(data) if is_binary else data.encode("utf-8", "backslashreplace")


def _as_text(data: Any) -> str:
    return base64.b64encode(data).decode() if isinstance(data, bytes) else str(data)
