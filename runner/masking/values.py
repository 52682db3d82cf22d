"""Give a value without its secrets, at any depth."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import Any

from runner.masking.names import MASK, is_one_of, is_secret

_IN_URL = re.compile(r"(?<=://)[^/\s@:]*+:[^/\s@]*+(?=@)")


# What makes a URL a ticket: the signatures of Amazon, Google and Azure, and tokens.
_SIGNATURE = re.compile(
    r"([?&](?:x-(?:amz|goog)-(?:signature|credential|security-token)|signature|sig|(?:\w+_)?token)=)"
    r"[^&\s\"'<>#]++",
    re.IGNORECASE,
)


def without_passwords(text: str) -> str:
    """Mask the passwords and the signatures within the URLs of a text."""
    text = _IN_URL.sub(MASK, text)
    return _SIGNATURE.sub(rf"\g<1>{MASK}", text) if "://" in text else text


def masked(
    value: Any,
    secrets: Collection[str] = (),
    name: str = "",
    of_text: Callable[[str], str] = without_passwords,
) -> Any:
    """Give a copy of a value without secrets, also of those inside of it.

    Args:
        value: The value, or all by their names.
        secrets: Names that are secrets besides the well-known ones.
        name: The value's.
        of_text: Gives a text without secrets.
    """
    is_one = is_one_of(secrets, name) or (is_secret(name) and not isinstance(value, bool))
    if is_one and value is not None:
        return MASK
    if isinstance(value, dict):
        return {key: masked(inner, secrets, str(key), of_text) for key, inner in value.items()}
    for kind in (list, tuple, set, frozenset):
        if isinstance(value, kind):
            return kind(masked(inner, secrets, of_text=of_text) for inner in value)
    return of_text(value) if isinstance(value, str) else value
