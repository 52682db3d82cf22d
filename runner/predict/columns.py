"""Know the columns of a model's training data: dtypes, categories, and whether there are nulls.

They come from a DataFrame that is given as the example, or from the card that ``save_model`` wrote.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal, Optional

import msgspec

from runner.model.features import feature_type
from runner.predict.problem_error import InvalidField, ProblemError, json_pointer
from runner.predict.type_descriptions import comma_separated, describe_value
from runner.predict.validation_errors import problem_of_fields

_MOST_CHOICES = 1_000
_NUMPY_DTYPES = frozenset(
    {float, bool, "bool", "float32", "float64"}
    | {f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}
)
_DOUBLE = 8  # bytes, as many as JSON's own numbers have
_WORDS = {"b": bool, "f": float, "m": timedelta, "U": str, "T": str}
_SCALAR = str | int | float | bool
# What a column of objects holds, by pandas' word for it; if that is unknown, strings.
_HELD: dict[str, Any] = {
    "": str,
    "string": str,
    "boolean": bool,
    "integer": int,
    "floating": float,
    "mixed-integer-float": float,
    "decimal": Decimal,
    "date": date,
    "datetime": datetime,
    "time": time,
    "timedelta": timedelta,
}


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """Describe one column as a card does.

    Attributes:
        dtype: By its name in pandas.
        nullable: Whether the data had nulls in it.
        categories: Those of a categorical one, in their order.
        ordered: Whether these have an order.
        holds: What there is in a column of objects, by pandas' word; of a categorical one, what its
            categories are, if they are nothing that JSON has.
    """

    dtype: str
    nullable: bool = False
    categories: list[Any] | None = None
    ordered: bool = False
    holds: str = ""

    @property
    def is_readable(self) -> bool:
        """Tell whether JSON can say which category is meant."""
        return self.categories is None or not self.holds

    @property
    def pandas_dtype(self) -> Any:
        """Give what pandas makes the column by."""
        if self.categories is None:
            return self.dtype
        return sys.modules["pandas"].CategoricalDtype(self.categories, self.ordered)

    @property
    def is_number(self) -> bool:
        """Tell what an array of numbers holds as well."""
        return self.categories is None and self._kind() in "iufb"

    @property
    def hint(self) -> Any:
        """Give the type of its values in JSON."""
        inner = self._choices() if self.categories is not None else self._plain_hint()
        return Optional[inner] if self.nullable else inner  # noqa: UP045 - made of a value

    def _kind(self) -> str:
        return str(getattr(sys.modules["pandas"].api.types.pandas_dtype(self.dtype), "kind", "O"))

    def _plain_hint(self) -> Any:
        kind = self._kind()
        if kind == "O":
            return _HELD.get(self.holds, _SCALAR)
        if kind == "M":
            return self._moment()
        return self._number() if kind in "iuf" else _WORDS.get(kind, str)

    def _moment(self) -> Any:
        """Give the type of dates and times, with a time zone or without as the data has them."""
        has_zone = "," in self.dtype
        shown = "2026-01-01T00:00:00Z" if has_zone else "2026-01-01T00:00:00"
        described = {"format": "date-time", "examples": [shown]}
        return Annotated[datetime, msgspec.Meta(tz=has_zone, extra_json_schema=described)]

    def _number(self) -> Any:
        """Give the type of numbers that fit."""
        numpy, kind = sys.modules["numpy"], self._kind()
        dtype = sys.modules["pandas"].api.types.pandas_dtype(self.dtype)
        dtype = getattr(dtype, "subtype", dtype)  # what a sparse column holds
        if kind == "f":
            if dtype.itemsize >= _DOUBLE:
                return float
            most = float(numpy.finfo(f"f{dtype.itemsize}").max)
            return Annotated[float, msgspec.Meta(ge=-most, le=most)]
        limits = numpy.iinfo(f"{kind}{dtype.itemsize}")
        bounds = msgspec.Meta(ge=int(limits.min), le=min(int(limits.max), 2**63 - 1))
        return Annotated[int, bounds]

    def _choices(self) -> Any:
        known = self.categories or []
        kinds = {type(each) for each in known}
        if kinds == {bool}:
            return bool
        if kinds <= {str, int} and 0 < len(known) <= _MOST_CHOICES:
            return Literal[tuple(known)]
        return float if kinds <= {int, float} else str if kinds <= {str} else _SCALAR


def columns_of(model_card: Mapping[str, Any], example: Any) -> dict[str, Column]:
    """Give the columns that are known, by name; empty if none is.

    Raises:
        TypeError: One has categories that JSON cannot name.
    """
    if "pandas" not in sys.modules:
        return {}
    if isinstance(example, sys.modules["pandas"].DataFrame):
        found = columns_of_frame(example)
    else:
        try:
            found = msgspec.convert(model_card.get("feature_types", {}), dict[str, Column])
        except msgspec.ValidationError:
            return {}
    for name, column in found.items():
        if not column.is_readable:
            raise TypeError(
                f"the column {name!r} has categories of the kind {column.holds!r}, which a request"
                " cannot name: make them strings before the model is trained, as in"
                f" data[{name!r}].astype(str).astype('category')"
            )
    return found


def columns_of_frame(frame: Any) -> dict[str, Column]:
    """Describe the columns of a DataFrame, as its model's card would."""
    return {
        str(name): msgspec.convert(feature_type(frame.iloc[:, place]), Column)
        for place, name in enumerate(frame.columns)
    }


def frame_of(rows: Sequence[Any], names: Sequence[str], dtypes: Sequence[Any]) -> Any:
    """Make a DataFrame of rows, each column of its dtype; None leaves that to pandas."""
    columns = zip(*rows, strict=True)
    return sys.modules["pandas"].DataFrame(
        {
            name: _values_of(name, values, dtype)
            for name, values, dtype in zip(names, columns, dtypes, strict=True)
        }
    )


def _values_of(name: str, values: Sequence[Any], dtype: Any) -> Any:
    """Make a column; a Series costs ten times what an array does, which numbers can be.

    Raises:
        ProblemError: 422, a value is none of the dtype's.
    """
    if dtype is None:
        return list(values)
    if dtype in _NUMPY_DTYPES:
        return sys.modules["numpy"].array(values, dtype=dtype)
    if (categories := getattr(dtype, "categories", None)) is not None:
        _check_categories(name, values, categories)
    try:
        return sys.modules["pandas"].Series(list(values), dtype=dtype)
    except (ValueError, OverflowError) as error:  # a date that the dtype has not
        raise _problem_of(name, f"expected {dtype}: {error!s:.200}") from None


def _check_categories(name: str, values: Sequence[Any], categories: Any) -> None:
    """Refuse what is no category, which pandas takes for missing."""
    for value in values:
        if value is not None and value not in categories:
            known = comma_separated(categories.tolist())
            raise _problem_of(name, f"expected one of {known}, got {describe_value(value)}")


def _problem_of(name: str, detail: str) -> ProblemError:
    return problem_of_fields([InvalidField(field=json_pointer(name), detail=detail)])
