"""Write a model with a card that describes it, and read it only if it is still that one."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import io
import json
import platform
import warnings
import weakref
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from runner.files import found_above, write_atomically

_cards: weakref.WeakKeyDictionary[Any, dict[str, Any]] = weakref.WeakKeyDictionary()


class CardError(ValueError):
    """Refuse a model that is not what its card says."""


def load_model(path: str | Path) -> tuple[Any, dict[str, Any]]:
    """Read a model whose hash is the one on its card, and warn if another scikit-learn made it.

    A pickle can run any code when it is read, so it is read only if it is the very file that its
    card describes: the JSON file beside it, whose ``sha256`` is the model's.

    Args:
        path: The model's file. One that is relative is looked for from the working folder
            upwards: Jupyter starts in ``notebooks/``, papermill above it.

    Returns:
        The model and its card.

    Raises:
        FileNotFoundError: There is no such model, or no card beside it.
        CardError: The model is not the one of its card.
    """
    file = _found(Path(path))
    card = json.loads(file.with_suffix(".json").read_text(encoding="utf-8"))
    pickled = file.read_bytes()
    if hashlib.sha256(pickled).hexdigest() != card.get("sha256"):
        raise CardError(f"{path} is not the model of its card: refused; train it again")
    _compare_versions(str(path), card)
    import joblib

    model = joblib.load(io.BytesIO(pickled))
    with contextlib.suppress(TypeError):  # not everything can be referred to weakly
        _cards[model] = card
    return model, card


def save_model(model: Any, path: str | Path, *, data: Any = None, **facts: Any) -> dict[str, Any]:
    """Write a model and its card, each in one step, the card last: it vouches for the model.

    Args:
        model: Anything that joblib pickles.
        path: The model's file; the card is the ``.json`` beside it. A relative one goes below
            the nearest folder, from the working folder upwards, that has its first folder.
        data: What it was trained on, ``(n_rows, n_features)``; the card then has
            ``feature_ranges``, by the fact ``feature_names`` or by the columns' own names, and of
            a DataFrame ``feature_types``: by these a service keeps its dtypes.
        **facts: What else the card says, as JSON values: ``feature_names``, ``class_names``,
            ``metrics``, ``parameters``.

    Returns:
        The card, which has the facts, and ``sha256``, ``estimator``, ``trained_at`` and the
        versions.
    """
    import joblib

    joblib.dump(model, buffer := io.BytesIO())
    card = {
        "sha256": hashlib.sha256(buffer.getvalue()).hexdigest(),
        "estimator": repr(model),
        **{name: importlib.metadata.version(name) for name in ("scikit-learn", "numpy")},
        "python": platform.python_version(),
        **({} if data is None else _features(data, facts)),
        **facts,
        "trained_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    text = json.dumps(card, indent=2, allow_nan=False)
    file = _place(Path(path))
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(file, buffer.getvalue(), durable=True)
    write_atomically(file.with_suffix(".json"), text, durable=True)
    return card


def _features(data: Any, facts: dict[str, Any]) -> dict[str, Any]:
    """Describe columns: the names and types of all, and the ranges of those that are numbers."""
    import numpy as np

    names = facts.get("feature_names", getattr(data, "columns", None))
    if not hasattr(data, "dtypes"):
        ranges = np.quantile(np.asarray(data, dtype=float), [0, 1], axis=0).T.tolist()
        names = [str(name) for name in (range(len(ranges)) if names is None else names)]
        return {"feature_names": names, "feature_ranges": dict(zip(names, ranges, strict=True))}
    names = [str(name) for name in (data.columns if names is None else names)]
    columns = {name: data.iloc[:, place] for place, name in enumerate(names)}
    return {
        "feature_names": names,
        "feature_types": {name: feature_type(column) for name, column in columns.items()},
        "feature_ranges": {
            name: [float(column.min()), float(column.max())]
            for name, column in columns.items()
            if getattr(column.dtype, "kind", "O") in "iufb" and column.notna().any()
        },
    }


def feature_type(column: Any) -> dict[str, Any]:
    """Say of what kind a column of a DataFrame is, as ``runner.predict.columns`` reads it."""
    found: dict[str, Any] = {"dtype": str(column.dtype), "nullable": bool(column.isna().any())}
    if (categories := getattr(column.dtype, "categories", None)) is None:
        return found | ({"holds": _kind_of(column)} if found["dtype"] == "object" else {})
    plain = [each.item() if hasattr(each, "item") else each for each in categories]
    is_plain = all(isinstance(each, str | int | float) for each in plain)
    return found | {
        "dtype": "category",
        "categories": plain if is_plain else [str(each) for each in plain],
        "ordered": bool(column.dtype.ordered),
        **({} if is_plain else {"holds": _kind_of(categories)}),
    }


def _kind_of(values: Any) -> str:
    """Name what there is in a column of any objects, as pandas does."""
    import pandas as pd

    return str(pd.api.types.infer_dtype(values, skipna=True))


def _place(path: Path) -> Path:
    """Give a relative path its root: Jupyter starts in ``notebooks/``, papermill above it."""
    folders = [Path.cwd(), *Path.cwd().parents]
    top = path.parts[0]
    return next((folder for folder in folders if (folder / top).is_dir()), Path.cwd()) / path


def card_of(model: Any) -> dict[str, Any]:
    """Give the card with which a model was read; empty if it was read otherwise."""
    try:
        return _cards.get(model, {})
    except TypeError:
        return {}


def _found(path: Path) -> Path:
    file = found_above(path)
    if file is None:
        raise FileNotFoundError(f"there is no {path} here or above: train the model first")
    if not file.with_suffix(".json").is_file():
        raise FileNotFoundError(f"{path} has no card {file.with_suffix('.json').name} beside it")
    return file


def _compare_versions(path: str, card: dict[str, Any]) -> None:
    made_with, here = card.get("scikit-learn"), importlib.metadata.version("scikit-learn")
    if made_with is not None and made_with != here:
        warnings.warn(
            f"{path} was trained with scikit-learn {made_with} and is read by {here}: its answers"
            " may differ; train it again",
            stacklevel=3,
        )
