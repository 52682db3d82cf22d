"""Say what a result becomes in JSON, whatever a model or a function gives.

The rules of this file:

1. What JSON has not is null: NaN, the infinities, pandas' missing values.
2. Dates and times are strings by ISO 8601, categories their values, paths strings; arrays, and
   what else has its members in a row or is a set, are arrays. A model of pydantic's is written as
   it says itself, by its aliases.
3. A DataFrame is a list of its rows, a Series a list of its values. If its index is not just
   0, 1, 2 …, it is kept: a Series is then an object by its labels (or pairs, if two of them would
   be one key), and the index of a DataFrame becomes columns of it.
4. Of many rows, a list, an array, a Series or a DataFrame has one result for each, whatever its
   index. A tuple or a dict has parts of the results: each part has one value for each row.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence, Set, ValuesView
from typing import Any

import msgspec


def json_value_of(value: Any) -> Any:
    """Give what stands for a value that JSON does not know.

    Raises:
        TypeError: Nothing does.
    """
    for name in ("numpy", "pandas", "pydantic"):
        module = sys.modules.get(name)
        if module is not None and (found := _CONVERTERS[name](module, value)) is not _UNKNOWN:
            return found
    for kind, make in _PLAIN:
        if isinstance(value, kind) and not isinstance(value, bool):  # which only a key can be here
            return make(value)
    raise TypeError(f"{type(value).__qualname__} is nothing that JSON can say: {value!r:.80}")


# What is no more than another type, of a class of its own; a string before what has members.
_PLAIN: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
    (str, str.__str__),
    (int, int),
    (float, float),
    (os.PathLike, os.fspath),
    (Mapping, dict),
    ((Sequence, Set, ValuesView), list),
)

_write = msgspec.json.Encoder(enc_hook=json_value_of).encode


def encode_json(value: Any) -> bytes:
    """Write a value as JSON.

    Raises:
        TypeError: JSON cannot say it.
    """
    try:
        return _write(value)
    except TypeError:  # a key may be of numpy's or pandas' kind, for which msgspec has no hook
        return _write(_with_plain_keys(value))


def one_result_per_row(found: Any, count: int) -> list[Any]:
    """Take the results out of what a model returned, one for each row.

    Raises:
        ValueError: There are more or fewer, or they cannot be told apart.
    """
    values: Any
    if hasattr(found, "to_dict") and hasattr(found, "columns"):
        values = _records(found)
    elif isinstance(found, Mapping):
        parts = [one_result_per_row(part, count) for part in found.values()]
        values = [dict(zip(found, each, strict=True)) for each in zip(*parts, strict=True)]
    elif isinstance(found, tuple):
        parts = [_part_of_results(part, count) for part in found]
        values = [list(each) for each in zip(*parts, strict=True)]
    else:
        values = _values(found)
    if not isinstance(values, list) or len(values) != count:
        given = len(values) if isinstance(values, list) else "one value"
        raise ValueError(f"{given} came back for {count} rows")
    return values


def _part_of_results(part: Any, count: int) -> list[Any]:
    try:
        return one_result_per_row(part, count)
    except ValueError as error:
        raise ValueError(
            f"a tuple came back, whose parts each need one value for each row: {error};"
            " for the results of rows return a list"
        ) from None


def _values(found: Any) -> Any:
    if hasattr(found, "tolist"):
        return [*found] if _is_array_of_dates(found) else found.tolist()
    is_many = isinstance(found, Iterable) and not isinstance(found, str | bytes | set | frozenset)
    return list(found) if is_many else found


def _is_array_of_dates(found: Any) -> bool:
    """Tell what its own ``tolist`` would make numbers of, which have lost their unit."""
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(found, numpy.ndarray) and found.dtype.kind in "mM"


_UNKNOWN = object()


def _of_numpy(numpy: Any, value: Any) -> Any:
    if isinstance(value, numpy.datetime64 | numpy.timedelta64):
        return None if numpy.isnat(value) else _of_time(numpy, value)
    if isinstance(value, numpy.ndarray):
        return _values(value)
    if isinstance(value, numpy.longdouble):  # of which numpy makes no number of Python's
        return float(value)
    return value.item() if isinstance(value, numpy.generic) else _UNKNOWN


def _of_time(numpy: Any, value: Any) -> Any:
    """Give a date by its text, and a duration as Python's own, if it is not one of months."""
    if isinstance(value, numpy.datetime64):
        return str(value)
    found = value.astype("m8[us]").item() if numpy.datetime_data(value)[0] not in "YM" else value
    return str(value) if found is value else found


def _of_pandas(pandas: Any, value: Any) -> Any:
    if value is pandas.NA or value is pandas.NaT:
        return None
    if isinstance(value, pandas.DataFrame):
        return _records(value if _is_counted(pandas, value.index) else _with_index(value))
    if isinstance(value, pandas.Series):
        return value.tolist() if _is_counted(pandas, value.index) else _with_labels(value)
    if isinstance(value, pandas.Index | pandas.api.extensions.ExtensionArray):
        return value.tolist()
    if isinstance(value, pandas.Timestamp | pandas.Timedelta):
        return value.isoformat()
    return str(value) if isinstance(value, pandas.Period | pandas.Interval) else _UNKNOWN


def _is_counted(pandas: Any, index: Any) -> bool:
    """Tell an index that says nothing: 0, 1, 2 …, which pandas gives if it is given none."""
    return isinstance(index, pandas.RangeIndex) and index.start == 0 and index.step == 1


def _with_labels(series: Any) -> Any:
    labels, values = series.index.tolist(), series.tolist()
    found = dict(zip(map(_key, labels), values, strict=True))
    return found if len(found) == len(labels) else [*zip(labels, values, strict=True)]


def _with_index(frame: Any) -> Any:
    taken = {*frame.columns}
    names = [
        name if name is not None else "index" if frame.index.nlevels == 1 else f"level_{level}"
        for level, name in enumerate(frame.index.names)
    ]
    return frame.reset_index(names=[f"index_{name}" if name in taken else name for name in names])


def _records(frame: Any) -> list[dict[str, Any]]:
    keys = [_key(name) for name in frame.columns]
    if len({*keys}) != len(keys):
        raise ValueError(f"a DataFrame with two columns of one name is no answer: {keys}")
    columns = [_values(frame.iloc[:, place]) for place in range(len(keys))]
    return [dict(zip(keys, row, strict=True)) for row in zip(*columns, strict=True)]


def _key(label: Any) -> str:
    """Give the key that a label becomes; the parts of one of several levels are joined."""
    if isinstance(label, tuple):
        return ".".join(str(_key(part)) for part in label if part != "")
    if isinstance(label, bool):
        return str(label).lower()
    if _is_missing(label):
        return "null"
    return label.isoformat() if hasattr(label, "isoformat") else str(label)


def _is_missing(label: Any) -> bool:
    pandas = sys.modules.get("pandas")
    return label is None or (pandas is not None and pandas.isna(label) is True)


def _with_plain_keys(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {_key(name): _with_plain_keys(each) for name, each in value.items()}
    return [_with_plain_keys(each) for each in value] if isinstance(value, list | tuple) else value


def _of_pydantic(pydantic: Any, value: Any) -> Any:
    if isinstance(value, pydantic.BaseModel):
        return value.model_dump(mode="json", by_alias=True)
    is_its_own = type(value).__module__.partition(".")[0] == "pydantic"
    return (
        pydantic.TypeAdapter(type(value)).dump_python(value, mode="json")
        if is_its_own
        else _UNKNOWN
    )


_CONVERTERS = {"numpy": _of_numpy, "pandas": _of_pandas, "pydantic": _of_pydantic}
