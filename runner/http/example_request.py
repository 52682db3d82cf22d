"""Hold the request that an app must answer before it is called ready."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True, kw_only=True)
class Example:
    """Describe a request and judge its answer.

    Attributes:
        body: What is sent.
        path: Where to.
        method: How.
        content_type: What it is.
        is_made: It was made of a schema: to be refused, as for what it asks, is an answer too.
    """

    body: bytes
    path: str = "/"
    method: str = "POST"
    content_type: str = "application/json"
    is_made: bool = False

    def headers(self) -> dict[str, str]:
        """Give the request's headers, in lower case."""
        return {
            "host": "localhost",
            "content-type": self.content_type,
            "content-length": str(len(self.body)),
        }

    def check(self, status: int, content: bytes) -> None:
        """Accept an answer.

        Raises:
            RuntimeError: It is no success; the message quotes it.
        """
        if not 200 <= status < (500 if self.is_made else 400):
            said = content[:200].decode(errors="replace")
            raise RuntimeError(f"the example was answered with {status}: {said}")
