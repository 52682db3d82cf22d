"""Be what an app answered that was asked by ourselves, and say why it failed."""

from __future__ import annotations

import dataclasses
import os
import traceback
from pathlib import Path

_PACKAGE = Path(__file__).parent.parent
_STANDARD = Path(os.__file__).parent


@dataclasses.dataclass(frozen=True, kw_only=True)
class Answer:
    """Be what was answered.

    Attributes:
        status: Its status; 0 if there is none.
        body: All of it.
        error: What the app raised, or what lies behind its failure; None if that is unknown.
        late_after: Seconds after which it was not whole; None if it was.
        seconds: How long it took.
    """

    status: int
    body: bytes = b""
    error: BaseException | None = None
    late_after: float | None = None
    seconds: float = 0.0

    @property
    def is_late(self) -> bool:
        """Tell whether it was not whole in time."""
        return self.late_after is not None

    @property
    def is_failure(self) -> bool:
        """Tell whether it is none, or 5xx."""
        return not 0 < self.status < 500

    def why(self) -> str:
        """Say why it failed; empty if its body has to tell."""
        if self.late_after is not None:
            return f"no answer within {self.late_after:.3g} s"
        return "" if self.error is None else said_of(self.error)


def said_of(error: BaseException) -> str:
    """Name an error, and the line of the notebook at which it began."""
    return f"{type(error).__name__}: {error}{own_line_of(error)}"


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
