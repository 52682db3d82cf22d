"""Refuse a request before anything of it is done, in problem details for HTTP (RFC 9457)."""

from __future__ import annotations

import http
import json
from collections.abc import Sequence

CONTENT_TYPE = b"application/problem+json"


class RefusedRequestError(ValueError):
    """Tell a request that is refused before anything of it is done.

    Args:
        status: Of the answer.
        said: What is wrong, for people.
        fields: Further headers of the answer.
        key_name: Whose request it was, as far as that is known.

    Attributes:
        content_type: Of the answer's body.
    """

    content_type = CONTENT_TYPE
    _page = b""

    def __init__(
        self,
        status: int,
        said: str,
        fields: Sequence[tuple[bytes, bytes]] = (),
        key_name: str = "",
    ) -> None:
        super().__init__(said)
        self.status, self.said, self.fields = status, said, fields
        self.key_name = key_name

    @property
    def body(self) -> bytes:
        """Give what is answered: problem details, or the page that was put in their place."""
        return self._page or details(self.status, self.said)

    def show(self, page: bytes, fields: Sequence[tuple[bytes, bytes]]) -> None:
        """Answer a browser by a page.

        Args:
            page: In HTML.
            fields: Its headers.
        """
        self._page, self.content_type = page, b"text/html; charset=utf-8"
        self.fields = [*self.fields, *fields]


def details(status: int, detail: str, **members: object) -> bytes:
    """Write a problem as JSON.

    Args:
        status: The HTTP status.
        detail: What is wrong, for people.
        **members: What else is said, as JSON values.
    """
    problem: dict[str, object] = {
        "type": "about:blank",
        "title": http.HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    return json.dumps(problem | members, ensure_ascii=False).encode()
