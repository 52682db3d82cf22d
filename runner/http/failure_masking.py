"""Write what was raised by a request, without secrets.

The rules of this file:

1. Of what an exception says nobody knows where a value ends, nor which it is. If it names a secret,
   or if something of the request was masked, all of it is.
2. A line of code that names a secret is masked, for its value may stand there.
3. Secrets that this process has, in the notebook's variables and in the environment, are masked
   wherever they stand.
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Collection
from typing import Any

from runner.masking.names import MASK
from runner.masking.texts import TextMasking
from runner.masking.values import secrets_in
from runner.telemetry.error_texts import bounded
from runner.telemetry.raised import Raised

_LONGEST_TEXT, _LONGEST_TRACEBACK = 2_048, 8_192  # bytes
_LOOK_EVERY = 1.0  # seconds
_CREDENTIALS = re.compile(r"\b(Bearer|Basic)\s++[\w.~+/=-]{4,}+", re.IGNORECASE)


class FailureMasking:
    """Mask what was raised.

    Args:
        texts: Masks what names a secret.
        names: Of secrets besides the well-known ones.
    """

    def __init__(self, texts: TextMasking, names: Collection[str]) -> None:
        self._texts, self._names = texts, names
        self._secrets: re.Pattern[str] | None = None
        self._looked_at = float("-inf")

    def fields(self, raised: Raised, *, hides: bool) -> dict[str, Any]:
        """Give it as it is written.

        Args:
            raised: What was raised.
            hides: Leave out what exceptions say.
        """
        self._look()
        lines = (self._masked(each.code) + self._said(each.said, hides) for each in raised.lines)
        return {
            "error": raised.error,
            "message": bounded(self._said(raised.message, hides), _LONGEST_TEXT),
            "cell": raised.cell,
            "line": raised.line,
            "text": self._masked(raised.text),
            "traceback": _end_of("\n".join(lines)),
        }

    def _said(self, text: str, hides: bool) -> str:
        return MASK if hides and text else self._masked(text)

    def _masked(self, text: str) -> str:
        found = _CREDENTIALS.sub(rf"\1 {MASK}", self._texts.text(text, ""))
        return found if self._secrets is None else self._secrets.sub(MASK, found)

    def _look(self) -> None:
        """Learn which secrets there are: a notebook's variables may change."""
        now = time.monotonic()
        if now - self._looked_at < _LOOK_EVERY:
            return
        self._looked_at = now
        here = {**os.environ, **vars(sys.modules["__main__"])}
        found = sorted(secrets_in(here, self._names), key=len, reverse=True)
        self._secrets = re.compile("|".join(map(re.escape, found))) if found else None


def _end_of(text: str) -> str:
    """Give the end of a traceback, which says most."""
    data = text.encode()
    if len(data) <= _LONGEST_TRACEBACK:
        return text
    return f"…\n{data[-_LONGEST_TRACEBACK:].decode(errors='ignore')}"
