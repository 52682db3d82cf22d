"""Hold the request that an app must answer before it is called ready."""

from __future__ import annotations

import dataclasses
import os
import traceback
from pathlib import Path

_PACKAGE = Path(__file__).parent.parent
_STANDARD = Path(os.__file__).parent


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


def own_line_of(error: BaseException) -> str:
    """Say in which line of the notebook, or of a file beside it, an error began; empty if in none.

    Returns:
        Such as `` (line 2 `return 1 / x`)``.
    """
    frames = [
        frame for frame in traceback.extract_tb(error.__traceback__) if _is_own(frame.filename)
    ]
    if not frames or not frames[-1].line:
        return ""
    return f" (line {frames[-1].lineno} `{frames[-1].line:.100}`)"


def _is_own(file: str) -> bool:
    path = Path(file)
    is_installed = {"site-packages", "dist-packages"} & {*path.parts}
    return not is_installed and not any(map(path.is_relative_to, (_PACKAGE, _STANDARD)))
