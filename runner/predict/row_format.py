"""Tell what rows a model takes, and give them to it as it wants them."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from runner.model.artefacts import card_of
from runner.predict.columns import Column, columns_of, frame_of
from runner.predict.problem_error import ProblemError
from runner.predict.result_encoding import json_value_of, one_result_per_row
from runner.predict.schema import ArraySchema, RowSchema, TextSchema, TypedSchema

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
        columns: Those of the training data, by name, as far as they are known.
        is_text: A row is one text, without a name.
    """

    names: tuple[str, ...]
    hints: tuple[Any, ...]
    example: Any
    length: int | None
    columns: Mapping[str, Column] = dataclasses.field(default_factory=dict)
    is_text: bool = False

    def schema(self) -> TypedSchema[tuple[Any, ...]]:
        """Make what reads them."""
        if self.is_text:
            return TextSchema()
        if self.names:
            return RowSchema(dict(zip(self.names, self.hints, strict=True)))
        return ArraySchema(self.hints[0] if len(set(self.hints)) == 1 else Any, self.length)

    def is_numeric(self) -> bool:
        """Tell whether an array of floats holds them."""
        if self.columns:
            return all(each.is_number for each in self.columns.values())
        return not {str, str | None} & set(self.hints)

    def is_of_doubles(self) -> bool:
        """Tell whether the columns of a DataFrame of them are doubles, as an array's are."""
        return all(dtype in (float, "float64") for dtype in self.dtypes())

    def has_narrow_floats(self) -> bool:
        """Tell whether a column has floats of fewer bits, by which a model may calculate."""
        return any(str(dtype).lower() in ("float16", "float32") for dtype in self.dtypes())

    def dtypes(self) -> list[Any]:
        """Give the dtype of each column of a DataFrame; None leaves it to pandas."""
        known = {bool: bool, float: float, float | None: float}
        return [
            self.columns[name].pandas_dtype if name in self.columns else known.get(hint)
            for name, hint in zip(self.names, self.hints, strict=True)
        ]

    def example_or_zeros(self) -> tuple[Any, ...]:
        """Give a row to try: the example, or else zeros."""
        if self.example is None:
            return (0.0,) * (self.length or 1)
        if not self.is_numeric():
            return self.schema().convert(self.example)
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
    columns = columns_of(card_of(model), example)
    given = _example_as_json(example)
    if isinstance(given, str):
        return RowFormat(names=(), hints=(str,), example=given, length=1, is_text=True)
    if given is None:
        if not known and count is None:
            raise TypeError(
                f"{type(model).__name__} does not say which features it takes: "
                'give an example of a request, as in serve(model, example={"age": 41})'
            )
        length = len(known) or int(count)
        kept = columns if known and set(known) == set(columns) else {}
        hints = tuple(kept[name].hint if kept else float for name in known or range(length))  # type: ignore[index] # only names are looked up
        return RowFormat(names=known, hints=hints, example=None, length=length, columns=kept)
    names = known if isinstance(given, dict) and known else tuple(given) if _is_named(given) else ()
    _check_names(model, names, given, count)
    values = [given[name] for name in names] if names else list(given)
    kept = columns if set(names) == set(columns) else {}
    hints = tuple(kept[name].hint for name in names) if kept else _hints(values, given)
    rows = RowFormat(names=names, hints=hints, example=given, length=len(values), columns=kept)
    if kept:
        _check_fits(rows)
    return rows


def _check_fits(rows: RowFormat) -> None:
    """See that the example is one of the rows that the training data allows.

    Raises:
        TypeError: It is not.
    """
    try:
        rows.schema().convert(rows.example)
    except ProblemError as problem:
        raise TypeError(
            f"the example is no row such as the model was trained on: {problem.detail}"
        ) from None


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
    if rows.is_text:
        return _texts
    if "numpy" not in sys.modules:
        return list
    if _attribute(model, "feature_names_in_", None) is None or not rows.names:
        return _first_that_answers(rows, model)
    # It was fitted with names, so it warns of rows without; the schema has seen to them.
    warnings.filterwarnings("ignore", "X does not have valid feature names", UserWarning)
    is_array_enough = rows.is_of_doubles() or (
        not rows.has_narrow_floats() and _makes_doubles(model)
    )
    if rows.is_numeric() and is_array_enough and _takes_arrays(rows, model.predict):
        return array_of
    return frame_converter_for(rows)


def _makes_doubles(model: Any) -> bool:
    """Tell a model that makes doubles of integers: an estimator of scikit-learn's with no others.

    One row cannot tell: what makes words of integers gives many rows the same answer by floats.
    """
    if type(model).__module__.partition(".")[0] != "sklearn":
        return False
    parts = model.get_params(deep=False).values()
    return not any(isinstance(each, list) or hasattr(each, "fit") for each in parts)


def _first_that_answers(rows: RowFormat, model: Any) -> InputConverter:
    """Try how a model wants its rows that knows no names; if it answers to none, by arrays."""
    array = array_of if rows.is_numeric() else _array_of_objects
    tried = [rows.example_or_zeros()]
    for convert in _converters(rows, array):
        with contextlib.suppress(Exception):  # a model may refuse by any error
            one_result_per_row(model.predict(convert(tried)), 1)
            return convert
    return array


def _converters(rows: RowFormat, array: InputConverter) -> Iterator[InputConverter]:
    has_pandas = bool(rows.names) and "pandas" in sys.modules
    if has_pandas and rows.columns and not rows.is_numeric():
        yield frame_converter_for(rows)
    yield array
    if rows.length == 1 and rows.hints[0] in (str, str | None):
        yield _texts  # before a DataFrame, of which a vectorizer would read the columns' names
    if has_pandas:
        yield frame_converter_for(rows)
    if rows.names:
        yield lambda given: [dict(zip(rows.names, row, strict=True)) for row in given]


def _texts(rows: Sequence[Any]) -> list[Any]:
    return [row[0] for row in rows]


def _takes_arrays(rows: RowFormat, call: Callable[[Any], Any]) -> bool:
    """Try whether a model answers an array as it answers the same row with names."""
    tried = [rows.example_or_zeros()]
    try:
        found = call(array_of(tried))
        if "pandas" not in sys.modules:
            return True
        return bool((found == call(frame_converter_for(rows)(tried))).all())
    except Exception:  # noqa: BLE001 - a model may refuse an array by any error
        return False


def array_of(rows: Sequence[Any], dtype: type = float) -> Any:
    """Make an array of rows."""
    return sys.modules["numpy"].array(rows, dtype=dtype)


def _array_of_objects(rows: Sequence[Any]) -> Any:
    return array_of(rows, object)


def frame_converter_for(rows: RowFormat) -> InputConverter:
    """Give what makes a DataFrame of rows, with the dtypes of the training data."""
    import pandas  # noqa: F401, ICN001 - the model needs it

    names, dtypes = list(rows.names), rows.dtypes()
    return lambda given: frame_of(given, names, dtypes)


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
    if pandas is not None and isinstance(example, pandas.DataFrame):
        if not len(example):
            raise TypeError("the example has no row: give one, as in example=data.head(1)")
        example = dict(
            zip(
                map(str, example.columns),
                example.iloc[:1].astype(object).to_numpy()[0],
                strict=True,
            )
        )
    if isinstance(example, str) and example:
        return example
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
