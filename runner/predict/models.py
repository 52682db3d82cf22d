"""Make an endpoint of anything with ``predict``."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from runner.model.artefacts import card_of
from runner.predict import result_encoding
from runner.predict.endpoints import Endpoint
from runner.predict.row_format import InputConverter, RowFormat, input_converter_for, row_format_of
from runner.predict.targets import ROWS_AT_ONCE, EndpointOptions

PREDICTION_KEY = "prediction"


def model_endpoint(model: Any, name: str, path: str, options: EndpointOptions) -> Endpoint:
    """Make an endpoint of a model.

    Raises:
        TypeError: What it takes cannot be told, or it has not what the options ask for.
    """
    if options.threads > 1 or options.media_type is not None:
        raise TypeError(
            f"{type(model).__name__}: threads= and media_type= are for functions: a model is called"
            " for many rows at once, and answers JSON"
        )
    names = _class_names(model, options)
    rows = row_format_of(model, options.example)
    to_input = input_converter_for(rows, model)
    predict = public_call(model, to_input)
    if options.probabilities:
        predict = with_probabilities(model, predict, to_input)
    quickest, max_batch = _fastest_call(model, predict, rows, options)
    return Endpoint(
        name=name,
        path=path,
        title=options.title or type(model).__name__,
        description=options.description,
        example=rows.example,
        schema=rows.schema(),
        answer=_answer_schema(model, options, names),
        predict=quickest,
        encode=_encoder(options, names),
        max_batch=max_batch,
        model=model,
        probabilities=options.probabilities,
        ranges=_ranges(model, rows.names),
    )


def _fastest_call(
    model: Any,
    public: Callable[[Sequence[Any]], list[Any]],
    rows: RowFormat,
    options: EndpointOptions,
) -> tuple[Callable[[Sequence[Any]], Sequence[Any]], int]:
    """Give the quickest call that is proved to equal the public one, and its largest batch."""
    max_batch = options.max_batch or ROWS_AT_ONCE
    if "numpy" not in sys.modules:
        return public, max_batch
    from runner.predict.fast.preparation import prepare

    ranges = _ranges(model, rows.names)
    predictor = prepare(
        model,
        public,
        example=rows.example_or_zeros(),
        probabilities=options.probabilities,
        ranges=[*ranges.values()] if len(ranges) == len(rows.names) > 0 else None,
        max_batch=max_batch,
    )
    return predictor, predictor.max_batch


def _ranges(model: Any, names: Sequence[str]) -> dict[str, tuple[float, float]]:
    """Read the least and greatest value of features off the model's card, where it has them."""
    card = card_of(model).get("feature_ranges")
    if not isinstance(card, Mapping):
        return {}
    found: dict[str, tuple[float, float]] = {}
    for name in names:
        with contextlib.suppress(KeyError, TypeError, ValueError):
            low, high = card[name]
            found[name] = (float(low), float(high))
    return found


def public_call(model: Any, to_input: InputConverter) -> Callable[[Sequence[Any]], list[Any]]:
    """Give the public call of a model: what every faster one must equal.

    Args:
        model: The model.
        to_input: Makes of rows what it takes.
    """

    def predict(rows: Sequence[Any]) -> list[Any]:
        return result_encoding.one_result_per_row(model.predict(to_input(rows)), len(rows))

    return predict


def with_probabilities(
    model: Any, predict: Callable[[Sequence[Any]], list[Any]], to_input: InputConverter
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
        probabilities = result_encoding.one_result_per_row(
            model.predict_proba(to_input(rows)), len(rows)
        )
        shares = [[*each.values()] if isinstance(each, dict) else each for each in probabilities]
        return list(zip(predict(rows), shares, strict=True))

    return predict_pairs


def _class_names(model: Any, options: EndpointOptions) -> dict[Any, str]:
    """Name each class, in the model's order, if names are asked for.

    Raises:
        TypeError: The names are not those of the model's classes, or it has no one set of them.
    """
    given = options.class_names
    if given is None and not options.probabilities:
        return {}
    known = _classes(model)
    if any(isinstance(each, list) for each in known):
        raise TypeError(
            f"{type(model).__name__} has several outputs, and classes of each: probabilities= and"
            " class_names= are for models of one"
        )
    if isinstance(given, Mapping):
        in_order = known if options.probabilities else ()
        named = {each: str(given.get(each, each)) for each in in_order}
        named |= {key: str(name) for key, name in given.items()}
    elif given is None:
        named = {each: str(each) for each in known}
    else:
        known = known or list(range(len(given)))
        if len(known) != len(given):
            raise TypeError(
                f"class_names has {len(given)} names, and the model {len(known)} classes"
            )
        named = {each: str(name) for each, name in zip(known, given, strict=True)}
    if options.probabilities:
        _check_labels(model, known, named)
    return named


def _check_labels(model: Any, known: Sequence[Any], named: Mapping[Any, str]) -> None:
    """See that each probability has a name of its own."""
    if not named:
        raise TypeError(
            f"{type(model).__name__} has no classes_: name those of its probabilities, as in"
            ' class_names=["no", "yes"]'
        )
    strange = [key for key in named if known and key not in known]
    if strange or len({*named.values()}) < len(named):
        raise TypeError(
            f"class_names: each of the classes {list(known)} needs one name, and there are"
            f" {dict(named)}"
        )


def _encoder(options: EndpointOptions, names: Mapping[Any, str]) -> Callable[[Any], bytes]:
    key, make = PREDICTION_KEY, options.answer
    if isinstance(make, str):
        key, make = make, None
    has_class = options.class_names is not None
    labels = list(names.values())

    def parts(result: Any) -> dict[str, Any]:
        value, probabilities = result if options.probabilities else (result, None)
        body = {key: value}
        if has_class:
            body["class"] = names.get(value)
        if probabilities is not None:
            body["probabilities"] = dict(zip(labels, probabilities, strict=True))
        return body

    if make is not None:
        is_alone = not has_class and not options.probabilities
        return lambda result: result_encoding.encode_json(
            make(result if is_alone else parts(result))
        )
    if has_class or options.probabilities:
        return lambda result: result_encoding.encode_json(parts(result))
    return lambda result: result_encoding.encode_json({key: result})


def _answer_schema(
    model: Any, options: EndpointOptions, names: Mapping[Any, str]
) -> dict[str, Any] | None:
    """Describe the answer as far as it is known beforehand."""
    if callable(options.answer):
        return None
    key = options.answer or PREDICTION_KEY
    properties: dict[str, Any] = {key: _prediction_schema(model)}
    if options.class_names is not None:
        properties["class"] = {"type": ["string", "null"], "examples": [*names.values()][:1]}
    if options.probabilities:
        share = {"type": "number", "minimum": 0, "maximum": 1}
        properties["probabilities"] = {
            "type": "object",
            "properties": dict.fromkeys(names.values(), share),
        }
    return {"type": "object", "properties": properties, "required": list(properties)}


def _classes(model: Any) -> list[Any]:
    """Give a classifier's classes in its own order, or those of each output; else nothing."""
    classes: Any = getattr(model, "classes_", None)
    if isinstance(classes, list | tuple):
        return [each.tolist() if hasattr(each, "tolist") else each for each in classes]
    found = classes.tolist() if hasattr(classes, "tolist") else []
    return found if isinstance(found, list) else []


def _prediction_schema(model: Any) -> dict[str, Any]:
    known = _classes(model)
    is_plain = 0 < len(known) <= 100 and all(isinstance(each, int | str) for each in known)
    return {"enum": known} if is_plain else {}
