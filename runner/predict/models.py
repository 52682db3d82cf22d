"""Make an endpoint of anything with ``predict``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from runner.model.artefacts import card_of
from runner.predict import answers
from runner.predict.endpoints import Endpoint
from runner.predict.options import ROWS_AT_ONCE, Options
from runner.predict.rows import Grid, Rows, grid_for, rows_of

KEY = "prediction"


def model_endpoint(model: Any, name: str, path: str, options: Options) -> Endpoint:
    """Make an endpoint of a model.

    Raises:
        TypeError: What it takes cannot be told, or it has not what the options ask for.
    """
    rows = rows_of(model, options.example)
    grid = grid_for(rows, model)
    predict = rows_to_results(model, grid)
    if options.probabilities:
        predict = with_probabilities(model, predict, grid)
    names = _names_of(model, options)
    quickest, max_batch = _quickest(model, predict, rows, options)
    return Endpoint(
        name=name,
        path=path,
        title=options.title or type(model).__name__,
        description=options.description,
        example=rows.example,
        schema=rows.schema(),
        answer=_described(model, options, names),
        predict=quickest,
        encode=_encoder(options, names),
        max_batch=max_batch,
        model=model,
        probabilities=options.probabilities,
    )


def _quickest(
    model: Any, public: Callable[[Sequence[Any]], list[Any]], rows: Rows, options: Options
) -> tuple[Callable[[Sequence[Any]], Sequence[Any]], int]:
    """Give the quickest call that is proved to equal the public one, and its largest batch."""
    max_batch = options.max_batch or ROWS_AT_ONCE
    if "numpy" not in sys.modules:
        return public, max_batch
    from runner.predict.fast.preparation import prepare

    predictor = prepare(
        model,
        public,
        example=rows.probe(),
        probabilities=options.probabilities,
        ranges=_ranges(card_of(model).get("feature_ranges"), rows.names),
        max_batch=max_batch,
    )
    return predictor, predictor.max_batch


def _ranges(card: Any, names: Sequence[str]) -> list[tuple[float, float]] | None:
    """Read the least and greatest value of each feature off a card, if it has them."""
    try:
        found = [(float(low), float(high)) for low, high in map(card.__getitem__, names)]
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
    return found or None


def rows_to_results(model: Any, grid: Grid) -> Callable[[Sequence[Any]], list[Any]]:
    """Give the public call of a model: what every faster one must equal.

    Args:
        model: The model.
        grid: Makes of rows what it takes.
    """

    def predict(rows: Sequence[Any]) -> list[Any]:
        return answers.values_of(model.predict(grid(rows)), len(rows))

    return predict


def with_probabilities(
    model: Any, predict: Callable[[Sequence[Any]], list[Any]], grid: Grid
) -> Callable[[Sequence[Any]], list[Any]]:
    """Give a call whose results are pairs: the prediction, and the probability of each class.

    Raises:
        TypeError: The model has none.
    """
    if not callable(getattr(model, "predict_proba", None)):
        raise TypeError(
            f"{type(model).__name__} has no predict_proba: it gives no probabilities"
            " (an SVC does within CalibratedClassifierCV)"
        )

    def predict_pairs(rows: Sequence[Any]) -> list[Any]:
        shares = answers.values_of(model.predict_proba(grid(rows)), len(rows))
        return list(zip(predict(rows), shares, strict=True))

    return predict_pairs


def _names_of(model: Any, options: Options) -> dict[Any, str]:
    """Name each class, if names are asked for."""
    given = options.class_names
    if isinstance(given, Mapping):
        return {key: str(name) for key, name in given.items()}
    if given is None:
        return {each: str(each) for each in _classes(model)} if options.probabilities else {}
    known = _classes(model) or list(range(len(given)))
    if len(known) != len(given):
        raise TypeError(f"class_names has {len(given)} names, and the model {len(known)} classes")
    return {each: str(name) for each, name in zip(known, given, strict=True)}


def _encoder(options: Options, names: Mapping[Any, str]) -> Callable[[Any], bytes]:
    key, make = KEY, options.answer
    if isinstance(make, str):
        key, make = make, None
    has_class = options.class_names is not None
    labels = list(names.values())

    def parts(result: Any) -> dict[str, Any]:
        value, shares = result if options.probabilities else (result, None)
        shown = {key: value}
        if has_class:
            shown["class"] = names.get(value)
        if shares is not None:
            shown["probabilities"] = dict(zip(labels, shares, strict=True))
        return shown

    if make is not None:
        is_alone = not has_class and not options.probabilities
        return lambda result: answers.encode(make(result if is_alone else parts(result)))
    if has_class or options.probabilities:
        return lambda result: answers.encode(parts(result))
    return lambda result: answers.encode({key: result})


def _described(model: Any, options: Options, names: Mapping[Any, str]) -> dict[str, Any] | None:
    """Describe the answer as far as it is known beforehand."""
    if callable(options.answer):
        return None
    key = options.answer or KEY
    properties: dict[str, Any] = {key: _values(model)}
    if options.class_names is not None:
        properties["class"] = {"type": ["string", "null"]}
    if options.probabilities:
        share = {"type": "number", "minimum": 0, "maximum": 1}
        properties["probabilities"] = {
            "type": "object",
            "properties": dict.fromkeys(names.values(), share),
        }
    return {"type": "object", "properties": properties, "required": list(properties)}


def _classes(model: Any) -> list[Any]:
    """Give a classifier's classes in its own order; empty for other models."""
    classes: Any = getattr(model, "classes_", None)
    found = classes.tolist() if hasattr(classes, "tolist") else []
    return found if isinstance(found, list) else []


def _values(model: Any) -> dict[str, Any]:
    known = _classes(model)
    is_plain = 0 < len(known) <= 100 and all(isinstance(each, int | str) for each in known)
    return {"enum": known} if is_plain else {}
