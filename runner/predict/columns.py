"""Know the columns of a model's training data: dtypes, categories, and whether there are nulls.

They come from a DataFrame that is given as the example, or from the card that ``save_model`` wrote.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, Optional

import msgspec

from runner.model.artefacts import feature_type

_MOST_CHOICES = 1_000
_NUMPY_DTYPES = frozenset(
    {float, bool, "bool", "float32", "float64"}
    | {f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}
)
_WORDS = {
    "b": bool,
    "f": float,
    "M": datetime,
    "m": timedelta,
    "O": str,
    "U": str,
    "T": str,
}


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """Describe one column as a card does.

    Attributes:
        dtype: By its name in pandas.
        nullable: Whether the data had nulls in it.
        categories: Those of a categorical one, in their order.
        ordered: Whether these have an order.
    """

    dtype: str
    nullable: bool = False
    categories: list[Any] | None = None
    ordered: bool = False

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
        if kind not in "iu":
            return _WORDS.get(kind, str)
        limits = sys.modules["numpy"].iinfo(self.dtype.lower())
        return Annotated[int, msgspec.Meta(ge=int(limits.min), le=min(int(limits.max), 2**63 - 1))]

    def _choices(self) -> Any:
        known = self.categories or []
        for kind in (str, int):
            if known and all(type(each) is kind for each in known):
                return Literal[tuple(known)] if len(known) <= _MOST_CHOICES else kind
        return float if all(isinstance(each, int | float) for each in known) else str


def columns_of(model_card: Mapping[str, Any], example: Any) -> dict[str, Column]:
    """Give the columns that are known, by name; empty if none is."""
    if "pandas" not in sys.modules:
        return {}
    if isinstance(example, sys.modules["pandas"].DataFrame):
        return columns_of_frame(example)
    try:
        return msgspec.convert(model_card.get("feature_types", {}), dict[str, Column])
    except msgspec.ValidationError:
        return {}


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
            name: _values_of(values, dtype)
            for name, values, dtype in zip(names, columns, dtypes, strict=True)
        }
    )


def _values_of(values: Sequence[Any], dtype: Any) -> Any:
    """Make a column; a Series costs ten times what an array does, which numbers can be."""
    if dtype is None:
        return list(values)
    if dtype in _NUMPY_DTYPES:
        return sys.modules["numpy"].array(values, dtype=dtype)
    return sys.modules["pandas"].Series(list(values), dtype=dtype)
