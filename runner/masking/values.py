"""Give a value without its secrets, at any depth."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from typing import Any

from runner.masking.names import MASK, is_one_of, is_secret

# What a password may hold unencoded, too: the host stands behind the last `@`.
_IN_URL = re.compile(r"(?<=://)[^/\s@:]*+:[^/\s]*(?=@)")
_IN_QUERY = re.compile(r"([?&]([^=?&\s\"'<>#]++)=)[^&\s\"'<>#]++")
# What makes a URL a ticket: secrets, and the signatures of Amazon, Google and Azure.
_SIGNATURE = re.compile(
    r"x-(?:amz|goog)-(?:signature|credential|security-token)|signature|sig|(?:\w+_)?token",
    re.IGNORECASE,
)
# Where an object has what its `name` says, as tensors of the Open Inference Protocol do.
_NAMED = ("data", "value", "values")
_SHORTEST = 4  # letters of a secret that is looked for; a shorter one stands in any text
_MOST_WITHIN, _DEEPEST = 100, 4  # values of one, and levels, that are looked through for secrets


def may_hold_url(text: str) -> bool:
    r"""Tell whether a text, perhaps one of JSON, which may write ``/`` as ``\/``, has a URL."""
    return "://" in text or ":\\/" in text


def without_passwords(text: str) -> str:
    """Mask the passwords, the signatures and the secret parameters of a text's URLs."""
    if "://" not in text:
        return text
    return _IN_QUERY.sub(_parameter, _IN_URL.sub(MASK, text))


def _parameter(found: re.Match[str]) -> str:
    is_one = is_secret(found[2]) or _SIGNATURE.fullmatch(found[2])
    return found[1] + MASK if is_one else found[0]


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
    if _is_hidden(secrets, name, value):
        return MASK
    if isinstance(value, dict):
        inner = {key: masked(each, secrets, str(key), of_text) for key, each in value.items()}
        return inner | _hidden_by_others(secrets, value, inner)
    for kind in (list, tuple, set, frozenset):
        if isinstance(value, kind):
            return kind(masked(inner, secrets, of_text=of_text) for inner in value)
    return of_text(value) if isinstance(value, str) else value


def _is_hidden(secrets: Collection[str], name: Any, value: Any = "") -> bool:
    if value is None or not isinstance(name, str):
        return False
    return is_one_of(secrets, name) or (is_secret(name) and not isinstance(value, bool))


def _hidden_by_others(
    secrets: Collection[str], value: dict[Any, Any], inner: dict[Any, Any]
) -> dict[Any, Any]:
    """Mask what has its name beside it: of one value, or of a table's columns."""
    if _is_hidden(secrets, value.get("name")):
        return {key: MASK for key in _NAMED if value.get(key) is not None}
    columns = value.get("columns")
    hidden = [_is_hidden(secrets, each) for each in columns] if isinstance(columns, list) else []
    if "data" not in value or not any(hidden):
        return {}
    rows = inner["data"] if isinstance(inner["data"], list) else [inner["data"]]
    return {"data": [_row(row, hidden) for row in rows]}


def _row(row: Any, hidden: list[bool]) -> Any:
    if not isinstance(row, list) or len(row) != len(hidden):
        return MASK
    return [MASK if is_one else cell for cell, is_one in zip(row, hidden, strict=True)]


def secrets_in(
    value: Any, secrets: Collection[str] = (), name: str = "", depth: int = _DEEPEST
) -> Iterator[str]:
    """Give the texts within a value that are secrets by their names.

    Args:
        value: The value, or all by their names.
        secrets: Names that are secrets besides the well-known ones.
        name: The value's.
        depth: How many levels of it are looked through.
    """
    if type(value) is str:
        if len(value) >= _SHORTEST and _is_hidden(secrets, name):
            yield value
    elif depth and type(value) is dict and (len(value) <= _MOST_WITHIN or not name):
        for key, inner in [*value.items()]:
            if type(key) is str:
                yield from secrets_in(inner, secrets, key, depth - 1)
