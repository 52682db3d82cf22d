"""Tell what rows a model takes, and give them to it as it wants them."""

from __future__ import annotations

import dataclasses
import math
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from runner.predict.result_encoding import json_value_of
from runner.predict.schema import ArraySchema, RowSchema, TypedSchema

InputConverter = Callable[[Sequence[Any]], Any]

_HINTS_OF_TYPES: dict[type, Any] = {
    bool: bool,
    int: float,
    float: float,
    str: str,
    type(None): float | None,
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class RowFormat:
    """Describe the rows of a model.

    Attributes:
        names: Of its features in order; empty if it has only positions.
        hints: The type of each feature.
        example: A row as JSON; None if there is none.
        length: How many features; None if any number will do.
    """

    names: tuple[str, ...]
    hints: tuple[Any, ...]
    example: Any
    length: int | None

    def schema(self) -> TypedSchema[tuple[Any, ...]]:
        """Make what reads them."""
        if self.names:
            return RowSchema(dict(zip(self.names, self.hints, strict=True)))
        return ArraySchema(self.hints[0] if len(set(self.hints)) == 1 else Any, self.length)

    def is_numeric(self) -> bool:
        """Tell whether an array of floats holds them."""
        return str not in self.hints

    def example_or_zeros(self) -> tuple[Any, ...]:
        """Give a row to try: the example, or else zeros."""
        if self.example is None:
            return (0.0,) * (self.length or 1)
        found = self.example
        values = [found[name] for name in self.names] if self.names else found
        return tuple(float(each) if type(each) is int else each for each in values)


def row_format_of(model: Any, example: Any) -> RowFormat:
    """Tell what rows a model takes, by an example, its own names, or its number of features.

    Raises:
        TypeError: It cannot be told, or the example is not for this model.
    """
    known = tuple(str(name) for name in _attribute(model, "feature_names_in_", ()))
    count = _attribute(model, "n_features_in_", None)
    given = _example_as_json(example)
    if given is None:
        if not known and count is None:
            raise TypeError(
                f"{type(model).__name__} does not say which features it takes: "
                'give an example of a request, as in serve(model, example={"age": 41})'
            )
        length = len(known) or int(count)
        return RowFormat(names=known, hints=(float,) * length, example=None, length=length)
    names = known if isinstance(given, dict) and known else tuple(given) if _is_named(given) else ()
    _check_names(model, names, given, count)
    values = [given[name] for name in names] if names else list(given)
    return RowFormat(names=names, hints=_hints(values, given), example=given, length=len(values))


def knows_its_features(model: Any) -> bool:
    """Tell whether a model knows the names or the number of its features."""
    names = ("feature_names_in_", "n_features_in_")
    return any(_attribute(model, name, None) is not None for name in names)


def input_converter_for(rows: RowFormat, model: Any) -> InputConverter:
    """Choose how a model gets its rows: as an array, or as a DataFrame if it needs the names.

    Args:
        rows: Its rows.
        model: The model, to try it.
    """
    wants_names = bool(rows.names) and _attribute(model, "feature_names_in_", None) is not None
    if "numpy" not in sys.modules:
        return list
    if not wants_names:
        return array_of if rows.is_numeric() else _array_of_objects
    # It was fitted with names, so it warns of rows without; the schema has seen to them.
    warnings.filterwarnings("ignore", "X does not have valid feature names", UserWarning)
    return (
        array_of
        if rows.is_numeric() and _takes_arrays(rows, model.predict)
        else frame_converter_for(rows.names)
    )


def _takes_arrays(rows: RowFormat, call: Callable[[Any], Any]) -> bool:
    """Try whether a model answers an array as it answers the same row with names."""
    tried = [rows.example_or_zeros()]
    try:
        found = call(array_of(tried))
        if "pandas" not in sys.modules:
            return True
        return bool((found == call(frame_converter_for(rows.names)(tried))).all())
    except Exception:  # noqa: BLE001 - a model may refuse an array by any error
        return False


def array_of(rows: Sequence[Any], dtype: type = float) -> Any:
    """Make an array of rows."""
    return sys.modules["numpy"].array(rows, dtype=dtype)


def _array_of_objects(rows: Sequence[Any]) -> Any:
    return array_of(rows, object)


def frame_converter_for(names: Sequence[str]) -> InputConverter:
    """Give what makes a DataFrame of rows."""
    import pandas as pd  # the model needs it

    columns = list(names)
    return lambda rows: pd.DataFrame(list(rows), columns=columns)


def _attribute(model: Any, name: str, default: Any) -> Any:
    try:
        return getattr(model, name, default)
    except Exception:  # noqa: BLE001 - a pipeline asks its steps, whose errors are their own
        return default


def _example_as_json(example: Any) -> Any:
    """Take an example as JSON has it, be it a dict, a list, an array, a Series or a DataFrame."""
    if example is None:
        return None
    pandas = sys.modules.get("pandas")
    if pandas is not None and isinstance(example, pandas.Series):
        example = example.to_dict()
    found = msgspec.to_builtins(example, enc_hook=json_value_of, str_keys=True)
    found = list(found) if isinstance(found, tuple) else found
    if isinstance(found, list) and len(found) == 1 and isinstance(found[0], list | dict):
        found = found[0]
    if not isinstance(found, list | dict) or not found:
        raise TypeError(f"example={example!r:.80}: give one row: names and values, or a list")
    pairs = found.items() if isinstance(found, dict) else enumerate(found)
    cleaned = {key: None if _is_nan(value) else value for key, value in pairs}
    return cleaned if isinstance(found, dict) else list(cleaned.values())


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _is_named(example: Any) -> bool:
    return isinstance(example, Mapping)


def _hints(values: Sequence[Any], given: Any) -> tuple[Any, ...]:
    for value in values:
        if type(value) not in _HINTS_OF_TYPES:
            raise TypeError(f"example={given!r:.80}: a feature is a number or a string")
    return tuple(_HINTS_OF_TYPES[type(value)] for value in values)


def _check_names(model: Any, names: tuple[str, ...], given: Any, count: Any) -> None:
    name = type(model).__name__
    if names and set(names) != set(given):
        absent, strange = set(names) - set(given), set(given) - set(names)
        parts = (("lacks", absent), ("has", strange))
        unlike = " and ".join(f"{verb} {sorted(which)}" for verb, which in parts if which)
        raise TypeError(f"the example {unlike}; {name} was fitted with {list(names)}")
    if count is not None and len(given) != count:
        raise TypeError(f"the example has {len(given)} features; {name} was fitted with {count}")
