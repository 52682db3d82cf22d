"""Write values of answers for a report, without secrets."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from runner.masking.names import MASK, is_secret
from runner.masking.texts import TextMasking
from runner.masking.values import masked
from runner.rehearsal.answer import Answer
from runner.rehearsal.comparison import shown

_MOST_LOOKED_AT = 4_000  # bytes of a text


class Showing:
    """Write values.

    Args:
        secrets: Names that are secrets besides the well-known ones.
    """

    def __init__(self, secrets: Collection[str] = ()) -> None:
        self._secrets = frozenset(secrets)
        self._texts = TextMasking(secrets)

    def value(self, field: str, value: Any) -> str:
        """Write a field's value.

        Args:
            field: Its JSON pointer.
            value: A JSON value, or a text as bytes.
        """
        if any(part in self._secrets or is_secret(part) for part in field.split("/")):
            return MASK
        if isinstance(value, bytes):
            return shown(self._text(value))
        try:
            return shown(masked(value, self._secrets))
        except RecursionError:
            return "(deeply nested)"

    def failure(self, answer: Answer) -> str:
        """Say why an answer is a failure."""
        why = answer.why() or self._text(answer.body).decode()
        return f"{answer.status}: {why}" if answer.status else why

    def _text(self, text: bytes) -> bytes:
        return self._texts.text(text[:_MOST_LOOKED_AT].decode(errors="replace"), "").encode()
