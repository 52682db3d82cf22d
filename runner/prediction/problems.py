"""Say what is wrong with a request: problem details for HTTP, RFC 9457."""

from __future__ import annotations

import dataclasses
import http
import json
from collections.abc import Sequence

CONTENT_TYPE = b"application/problem+json"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fault:
    """Point at one thing that is wrong in a body.

    Attributes:
        field: Where, as a JSON pointer (RFC 6901); empty for the whole body.
        detail: What was expected, and what was there.
    """

    field: str
    detail: str


class ProblemError(Exception):
    """Refuse a request.

    Args:
        status: The HTTP status.
        detail: What is wrong, for people.
        errors: The faults one by one, where the body is at fault.
        headers: More headers of the answer.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        errors: Sequence[Fault] = (),
        headers: Sequence[tuple[bytes, bytes]] = (),
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = tuple(headers)

    def body(self) -> bytes:
        """Write the problem as JSON."""
        problem: dict[str, object] = {
            "type": "about:blank",
            "title": http.HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
        }
        if self.errors:
            problem["errors"] = [dataclasses.asdict(error) for error in self.errors]
        return json.dumps(problem, ensure_ascii=False).encode()


def pointer(*steps: str | int) -> str:
    """Write a JSON pointer (RFC 6901)."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps)
