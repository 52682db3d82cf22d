"""Write results as JSON, whatever a model or a function gives."""

from __future__ import annotations

import sys
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
    raise TypeError(f"{type(value).__qualname__} is nothing that JSON can say: {value!r:.80}")


encode_json = msgspec.json.Encoder(enc_hook=json_value_of).encode
"""Writes a value as JSON; NaN and the infinities, which JSON has not, become null."""


def one_result_per_row(found: Any, count: int) -> list[Any]:
    """Take the results out of what a model returned, one for each row.

    Raises:
        ValueError: There are more or fewer.
    """
    if hasattr(found, "to_dict") and hasattr(found, "columns"):
        values = found.to_dict("records")
    else:
        values = found.tolist() if hasattr(found, "tolist") else list(found)
    if not isinstance(values, list) or len(values) != count:
        given = len(values) if isinstance(values, list) else "one number"
        raise ValueError(f"{given} came back for {count} rows")
    return values


_UNKNOWN = object()


def _of_numpy(numpy: Any, value: Any) -> Any:
    if isinstance(value, numpy.ndarray):
        return value.tolist()
    if isinstance(value, numpy.generic):
        return value.item()
    return _UNKNOWN


def _of_pandas(pandas: Any, value: Any) -> Any:
    if isinstance(value, pandas.DataFrame):
        return value.to_dict("records")
    if isinstance(value, pandas.Series | pandas.Index | pandas.api.extensions.ExtensionArray):
        return value.tolist()
    return None if value is pandas.NA or value is pandas.NaT else _UNKNOWN


def _of_pydantic(pydantic: Any, value: Any) -> Any:
    return value.model_dump(mode="json") if isinstance(value, pydantic.BaseModel) else _UNKNOWN


_CONVERTERS = {"numpy": _of_numpy, "pandas": _of_pandas, "pydantic": _of_pydantic}
