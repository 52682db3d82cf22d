"""Compare two answers by what they mean: JSON by value, anything else as it is."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

_MOST_SHOWN = 100
_MISSING = object()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tolerance:
    """Say how far two numbers may differ: by either of both.

    Attributes:
        relative: Times the larger of them.
        absolute: By this much.
        is_given: Somebody has asked for it: then it holds for whole numbers, too.
    """

    relative: float = 1e-9
    absolute: float = 0.0
    is_given: bool = False


EXACT = Tolerance()


class Difference(NamedTuple):
    """Point at one field that differs.

    Attributes:
        field: Where, as a JSON pointer; empty for the whole answer.
        before: What was expected, shortened.
        now: What was answered, shortened.
    """

    field: str
    before: str
    now: str


Differences = Iterator[Difference]
Show = Callable[[str, Any], str]


def differences(
    expected: Any,
    body: bytes,
    tolerance: Tolerance = EXACT,
    show: Show = lambda _, value: shown(value),
) -> Differences:
    """List the fields of an answer that are not as expected.

    Args:
        expected: A JSON value, or text or bytes, which may be those of JSON.
        body: What was answered; compared by value where both are JSON.
        tolerance: How far numbers may differ.
        show: Writes a field's value.
    """
    now, before = _value_of(body), expected
    if isinstance(expected, str | bytes) and expected != now:
        before = _value_of(expected)
    if now is _MISSING or before is _MISSING:
        return _of_bytes(_bytes_of(expected), body, show)
    return _of_values(before, now, tolerance, show)


def shown(value: Any) -> str:
    """Write a value on one line, shortened."""
    if value is _MISSING:
        return "(missing)"
    if isinstance(value, bytes):
        value = value[: _MOST_SHOWN * 4].decode(errors="replace")
        return _shortened(" ".join(value.split()))
    if isinstance(value, dict | list) and len(value) > _MOST_SHOWN:
        return f"{len(value)} {'fields' if isinstance(value, dict) else 'items'}"
    try:
        return _shortened(json.dumps(value, ensure_ascii=False))
    except RecursionError:
        return "(deeply nested)"


def _shortened(text: str) -> str:
    return text if len(text) <= _MOST_SHOWN else f"{text[: _MOST_SHOWN - 1]}…"


def _bytes_of(expected: Any) -> bytes:
    if isinstance(expected, bytes):
        return expected
    text = expected if isinstance(expected, str) else json.dumps(expected, ensure_ascii=False)
    return text.encode(errors="surrogatepass")


def _value_of(text: str | bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return _MISSING


def _of_bytes(before: bytes, now: bytes, show: Show) -> Differences:
    if before == now:
        return
    old, new = show("", before), show("", now)
    if old != new:
        yield Difference(field="", before=old, now=new)
        return
    place = next(
        (at for at, pair in enumerate(zip(before, now, strict=False)) if pair[0] != pair[1]),
        min(len(before), len(now)),
    )
    at = max(0, place - 20)
    said = f"(from byte {place:,} of "
    yield Difference(
        field="",
        before=f"{said}{len(before):,}) {show('', before[at:])}",
        now=f"{said}{len(now):,}) {show('', now[at:])}",
    )


def _of_values(before: Any, now: Any, tolerance: Tolerance, show: Show) -> Differences:
    waiting: list[tuple[str, Any, Any]] = [("", before, now)]
    while waiting:  # no recursion: an answer may be as deep as its parser allows
        field, old, new = waiting.pop()
        if isinstance(old, dict) and isinstance(new, dict):
            names = [*old, *(name for name in new if name not in old)]
            pairs = [
                (_inner(field, name), old.get(name, _MISSING), new.get(name, _MISSING))
                for name in names
            ]
            waiting += reversed(pairs)
        elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
            items = enumerate(zip(old, new, strict=True))
            waiting += reversed([(f"{field}/{at}", *pair) for at, pair in items])
        elif not _is_same(old, new, tolerance):
            yield Difference(field=field, before=show(field, old), now=show(field, new))


def _inner(field: str, name: str) -> str:
    return f"{field}/{name.replace('~', '~0').replace('/', '~1')}"


def _is_same(old: Any, new: Any, tolerance: Tolerance) -> bool:
    if _is_number(old) and _is_number(new):
        return _is_close(old, new, tolerance)
    return type(old) is type(new) and bool(old == new)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_close(old: float, new: float, tolerance: Tolerance) -> bool:
    if old == new or (old != old and new != new):  # noqa: PLR0124 - which only NaN does
        return True
    if isinstance(old, int) and isinstance(new, int) and not tolerance.is_given:
        return False
    try:
        return math.isclose(old, new, rel_tol=tolerance.relative, abs_tol=tolerance.absolute)
    except OverflowError:  # a whole number beyond all floats
        return False
