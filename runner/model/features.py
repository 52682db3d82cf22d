"""Describe the columns that a model was trained on, for its card."""

from __future__ import annotations

from typing import Any

from runner.model.card_values import card_value


def features(data: Any, names: Any = None) -> dict[str, Any]:
    """Describe columns: the names and types of all, and the ranges of those that are numbers.

    Args:
        data: A DataFrame, of pandas or with ``to_pandas``, an array or a sparse matrix, or rows;
            ``(n_rows, n_features)``. What has no columns has no description.
        names: The columns' names; their own, or their numbers, if None.
    """
    if not hasattr(data, "iloc") and hasattr(data, "to_pandas"):
        data = data.to_pandas()
    return _of_frame(data, names) if hasattr(data, "dtypes") else _of_array(data, names)


def _of_array(data: Any, names: Any) -> dict[str, Any]:
    import numpy as np

    array = np.asarray(data.toarray() if hasattr(data, "toarray") else data)
    if array.ndim != 2:
        return {}
    own = list(range(array.shape[1]) if names is None else names)
    _check_number(own, array.shape[1])
    columns = dict(zip(map(str, own), array.T, strict=True))
    ranges = {name: found for name, column in columns.items() if (found := _range(column))}
    return {"feature_names": list(columns), "feature_ranges": ranges}


def _of_frame(data: Any, names: Any) -> dict[str, Any]:
    if not hasattr(data, "columns"):  # a Series
        return {}
    own = list(data.columns if names is None else names)
    if len(own) < data.shape[1] and set(own) <= set(data.columns):
        data = data[own]  # of a table that has more, such as what is predicted
    _check_number(own, data.shape[1])
    columns = {str(name): data.iloc[:, place] for place, name in enumerate(own)}
    ranges = {
        name: found
        for name, column in columns.items()
        if getattr(column.dtype, "kind", "O") in "iufb" and (found := _range(column.dropna()))
    }
    return {
        "feature_names": list(columns),
        "feature_types": {name: feature_type(column) for name, column in columns.items()},
        "feature_ranges": ranges,
    }


def _check_number(names: list[Any], columns: int) -> None:
    if len(names) != columns:
        raise ValueError(f"feature_names has {len(names)} names, and data has {columns} columns")


def _range(column: Any) -> list[float] | None:
    """Give the smallest and the largest number that JSON has; None if there is none."""
    import numpy as np

    try:
        numbers = np.asarray(column, dtype=float)
    except (ValueError, TypeError):  # texts, dates
        return None
    numbers = numbers[np.isfinite(numbers)]
    return [float(numbers.min()), float(numbers.max())] if numbers.size else None


def feature_type(column: Any) -> dict[str, Any]:
    """Say of what kind a column of a DataFrame is, as ``runner.predict.columns`` reads it."""
    found: dict[str, Any] = {"dtype": str(column.dtype), "nullable": bool(column.isna().any())}
    if (categories := getattr(column.dtype, "categories", None)) is None:
        return found | ({"holds": _kind_of(column)} if found["dtype"] == "object" else {})
    plain = [each.item() if hasattr(each, "item") else each for each in categories]
    is_plain = all(isinstance(each, str | int | float) for each in plain)
    return found | {
        "dtype": "category",
        "categories": card_value(plain) if is_plain else [str(each) for each in plain],
        "ordered": bool(column.dtype.ordered),
        **({} if is_plain else {"holds": _kind_of(categories)}),
    }


def _kind_of(values: Any) -> str:
    """Name what there is in a column of any objects, as pandas does."""
    import pandas as pd

    return str(pd.api.types.infer_dtype(values, skipna=True))
