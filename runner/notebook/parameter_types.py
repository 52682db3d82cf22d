"""Check a parameter's value for its type, and give it the form in which the notebook gets it.

The rules of this file:

1. Values are given, sent and recorded in plain form: what YAML has. Only the engine, which writes
   them into a notebook, makes of them what the notebook declares: a tuple, a date, a numpy scalar.
2. A value of a type that no literal has is the Python that makes it. The packages that this needs
   are the kernel's: none is imported here, and no name of the notebook's is bound.
3. What cannot be checked is left as it was given.
"""

from __future__ import annotations

import collections.abc
import datetime as dt
import decimal
import math
import typing
import uuid
from collections.abc import Callable
from typing import Any

import msgspec


class Constructed:
    """Hold a value of a type that no literal has.

    It is no dataclass: msgspec would read that as an object's fields.

    Args:
        source: The Python that makes it.
        plain: What it is made of.
    """

    def __init__(self, source: str, plain: Any) -> None:
        self.source, self.plain = source, plain

    def __eq__(self, other: object) -> bool:
        """Compare what makes them."""
        return isinstance(other, Constructed) and other.source == self.source

    def __hash__(self) -> int:
        """Hash what makes it."""
        return hash(self.source)

    def __repr__(self) -> str:
        """Show what makes it."""
        return self.source

    @classmethod
    def of(cls, value: Any) -> Constructed:
        """Make one of a plain value; each type has its own.

        Raises:
            ValueError: It is none.
        """
        raise NotImplementedError


def converted(value: Any, kind: Any) -> Any:
    """Make of a plain value what its declared type asks for.

    Raises:
        ValueError: It is of another type.
    """
    given = plain(value)
    try:
        return msgspec.convert(given, kind, dec_hook=_constructed)
    except msgspec.ValidationError:  # as JSON has it, all keys may be text
        return msgspec.convert(given, kind, dec_hook=_constructed, str_keys=True)
    except TypeError as error:  # such as a list in a set
        raise ValueError(str(error)) from error


def is_checkable(kind: Any) -> bool:
    """Tell whether values can be checked for a type."""
    if _has_constructed_keys(kind):
        return False
    try:
        converted(None, kind)
    except NotImplementedError:
        return False
    except msgspec.ValidationError:
        return True
    except ValueError:
        return False
    return True


def _has_constructed_keys(kind: Any) -> bool:
    """Tell whether a type is of dictionaries whose keys msgspec leaves as text."""
    inner = typing.get_args(kind)
    is_one = isinstance(inner[0], type) and issubclass(inner[0], Constructed) if inner else False
    of_keys = (dict, collections.abc.Mapping, collections.abc.MutableMapping)
    return (is_one and typing.get_origin(kind) in of_keys) or any(map(_has_constructed_keys, inner))


def plain(value: Any) -> Any:
    """Give a value the form in which it could have been given, at any depth.

    What has ``tolist`` is a scalar or an array of numpy's.
    """
    if isinstance(value, Constructed):
        return value.plain
    if isinstance(value, dict):
        return {_plain_key(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, set | frozenset):
        return _ordered(value)
    is_array = hasattr(value, "tolist") and not isinstance(value, type)
    return plain(value.tolist()) if is_array else _plain_scalar(value)


def _plain_scalar(value: Any) -> Any:
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, dt.timedelta):
        return value.total_seconds()
    return value if isinstance(value, bool | int | float | str | bytes | None) else str(value)


def recorded(value: Any) -> Any:
    """Give a value the form that JSON can hold everywhere, which has no ``NaN``."""
    value = plain(value)
    if isinstance(value, dict):
        return {str(key): recorded(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [recorded(inner) for inner in value]
    if isinstance(value, bytes):
        return value.decode(errors="backslashreplace")
    is_other = isinstance(value, float) and not math.isfinite(value)
    return str(value) if is_other else value


def _ordered(values: set[Any] | frozenset[Any]) -> list[Any]:
    found = [plain(inner) for inner in values]
    return sorted(found, key=lambda inner: (type(inner).__name__, inner if _sorts(inner) else ""))


def _plain_key(key: Any) -> Any:
    return tuple(map(_plain_key, key)) if isinstance(key, tuple) else plain(key)


def _sorts(value: Any) -> bool:
    return isinstance(value, int | float | str)


def _constructed(kind: Any, value: Any) -> Any:
    if isinstance(kind, type) and issubclass(kind, Constructed):
        return kind.of(value)
    if kind is complex:
        return complex(value)
    raise NotImplementedError


def _kind(name: str, read: Callable[[Any], str], expected: str = "") -> tuple[str, type]:
    """Define a type by how the Python that makes a value is written.

    Args:
        name: Its dotted name.
        read: Gives what stands in the parentheses of its call.
        expected: What is called instead of the type.
    """
    module, _, called = (expected or name).partition(".")

    def of(cls: type[Constructed], value: Any) -> Constructed:
        try:
            given = read(value)
        except (ValueError, TypeError, ArithmeticError) as error:
            raise ValueError(f"Expected `{name}`, got `{type(value).__name__}`") from error
        return cls(f'__import__("{module}").{called}({given})', value)

    return name, type(name.rpartition(".")[2], (Constructed,), {"of": classmethod(of)})


def _only(*kinds: type) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if type(value) not in kinds:
            raise TypeError
        is_other = isinstance(value, float) and not math.isfinite(value)
        return f'float("{value}")' if is_other else repr(value)

    return read


class _Bytes(Constructed):
    """Be bytes, which are given as text."""

    @classmethod
    def of(cls, value: Any) -> Constructed:
        """Make them of text, or take them as they are."""
        if not isinstance(value, str | bytes):
            raise ValueError(f"Expected `bytes`, got `{type(value).__name__}`")
        return cls(repr(value.encode() if isinstance(value, str) else value), value)


def _iso(kind: Any) -> Callable[[Any], str]:
    return lambda value: repr(kind.fromisoformat(value).isoformat())


def _text_of(kind: Any) -> Callable[[Any], str]:
    return lambda value: repr(str(kind(str(value))))


def _array(value: Any) -> str:
    if not isinstance(value, list):
        raise TypeError
    return "[" + ", ".join(_element(inner) for inner in value) + "]"


def _element(value: Any) -> str:
    return _array(value) if isinstance(value, list) else _only(bool, int, float, str)(value)


_WHOLE = [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]
_BROKEN = ["float16", "float32", "float64", "longdouble", "double", "single", "half"]

CONSTRUCTED: dict[str, Any] = dict(
    [
        _kind("datetime.date", _iso(dt.date), "datetime.date.fromisoformat"),
        _kind("datetime.datetime", _iso(dt.datetime), "datetime.datetime.fromisoformat"),
        _kind("datetime.time", _iso(dt.time), "datetime.time.fromisoformat"),
        _kind("datetime.timedelta", lambda value: f"seconds={_only(int, float)(value)}"),
        _kind("decimal.Decimal", _text_of(decimal.Decimal)),
        _kind("uuid.UUID", _text_of(uuid.UUID)),
        *(_kind(f"pathlib.{name}", _only(str)) for name in ("Path", "PurePath", "PosixPath")),
        *(_kind(f"numpy.{name}", _only(int)) for name in (*_WHOLE, "intp", "int_", "uint")),
        *(_kind(f"numpy.{name}", _only(int, float)) for name in _BROKEN),
        *(_kind(f"numpy.{name}", _only(bool)) for name in ("bool_", "bool")),
        _kind("numpy.str_", _only(str)),
        _kind("numpy.datetime64", _only(str)),
        _kind("numpy.ndarray", _array, "numpy.array"),
        _kind("numpy.array", _array),
        _kind("numpy.asarray", _array),
        _kind("pandas.Timestamp", _only(str)),
        _kind("pandas.to_datetime", _only(str)),
        _kind("pandas.Timedelta", _only(str)),
    ]
)
"""Types that no literal has, by the dotted names of what makes them."""

_TYPING = ["Annotated", "Dict", "FrozenSet", "List", "Literal", "Mapping", "MutableMapping"]
_TYPING += ["MutableSequence", "Optional", "Sequence", "Set", "Tuple", "Union"]

NAMED: dict[str, Any] = {
    **{kind.__name__: kind for kind in (int, float, bool, str, complex)},
    **{kind.__name__: kind for kind in (list, dict, tuple, set, frozenset)},
    "object": Any,
    "Any": Any,
    "bytes": _Bytes,
    **{name: getattr(typing, name) for name in _TYPING},
    **CONSTRUCTED,
}
"""Types that an annotation may be built of."""
