"""Have an exception say what it says, whatever its class does: within a bound, and in a moment.

The text of an author's own class is made by code that may fail, take for ever, or repeat all that a
client has sent. What only holds plain values is asked at once; all else by a thread, for which
nobody waits long.
"""

from __future__ import annotations

import contextlib
import threading
import time
import types
import weakref
from collections.abc import Callable, Iterator

MOST = 4_096  # bytes
_MOMENT, _LATE_FOR = 0.1, 60.0  # seconds
_MOST_CHAINED = 5
_PLAIN = frozenset({str, bytes, int, float, bool, types.NoneType})

# The thread in which a text of a class was late, and until when no other is asked for.
_late: weakref.WeakKeyDictionary[type, tuple[threading.Thread, float]]
_late = weakref.WeakKeyDictionary()


def text_of(error: BaseException) -> str:
    """Give what an exception says."""
    said = in_a_moment(error, lambda: _said(error))
    return "(its text takes too long)" if said is None else bounded(said, MOST)


def in_a_moment(error: BaseException, say: Callable[[], str]) -> str | None:
    """Say something by the texts of an exception, and of those behind it.

    Returns:
        None if that takes too long, as it has a while ago of another one of its class, or still
        does: so it holds nobody up again and again, and a machine that stood still is forgiven.
    """
    if is_quick(error):
        return say()
    if _is_late(type(error)):
        return None
    found: list[str] = []
    has_found = threading.Event()

    def find() -> None:
        with contextlib.suppress(BaseException):
            found.append(say())
        has_found.set()

    thread = threading.Thread(target=find, name="error text", daemon=True)
    try:
        thread.start()
    except RuntimeError:  # the system gives us no thread
        return None
    if not has_found.wait(_MOMENT):
        _late[type(error)] = thread, time.monotonic() + _LATE_FOR
    return next(iter(found), None)


def _is_late(kind: type) -> bool:
    thread, until = _late.get(kind, (None, 0.0))
    return thread is not None and (thread.is_alive() or time.monotonic() < until)


def is_quick(error: BaseException) -> bool:
    """Tell that the texts of an exception, and of those behind it, are Python's of plain values."""
    return all(map(_is_plain, chain_of(error)))


def chain_of(error: BaseException) -> Iterator[BaseException]:
    """Give an exception and those behind it, up to some number; the first of a group is one."""
    seen: set[int] = set()
    each: BaseException | None = error
    while each is not None and id(each) not in seen and len(seen) < _MOST_CHAINED:
        yield each
        seen.add(id(each))
        if isinstance(each, BaseExceptionGroup):
            each = each.exceptions[0]
        else:
            each = each.__cause__ or (None if each.__suppress_context__ else each.__context__)


def bounded(text: str, most: int) -> str:
    """Give the beginning of a text, in letters that any encoding of Unicode has."""
    data = text[:most].encode(errors="backslashreplace")
    return data[:most].decode(errors="ignore")


def _is_plain(error: BaseException) -> bool:
    try:
        says_as_python = isinstance(type(error).__str__, types.WrapperDescriptorType)
        has_notes = bool(getattr(error, "__notes__", None))
        is_group = isinstance(error, BaseExceptionGroup)
        has_plain_values = all(type(value) in _PLAIN for value in error.args)
    except Exception:  # noqa: BLE001 - whatever the class makes of it
        return False
    return says_as_python and has_plain_values and not (has_notes or is_group)


def _said(error: BaseException) -> str:
    try:
        return str.__getitem__(str(error), slice(MOST))
    except BaseException as raised:  # noqa: BLE001 - likewise
        return f"(its text cannot be made: {type(raised).__name__})"
