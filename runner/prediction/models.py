"""Make an endpoint of anything with ``predict``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

from runner.prediction import answers
from runner.prediction.endpoints import Endpoint
from runner.prediction.schema import RowSchema


def model_endpoint(model: Any, *, name: str, path: str, example: Any, key: str) -> Endpoint:
    """Make an endpoint of a model.

    Raises:
        TypeError: What it takes cannot be told.
    """
    schema = RowSchema(dict.fromkeys(example, float))
    return Endpoint(
        name=name,
        path=path,
        schema=schema,
        predict=rows_to_results(model),
        encode=lambda result: answers.encode({key: result}),
        example=example,
        model=model,
    )


def rows_to_results(model: Any) -> Callable[[Sequence[Any]], Sequence[Any]]:
    """Give the public call of a model: what every faster one must equal."""

    def predict(rows: Sequence[Any]) -> Sequence[Any]:
        numpy = sys.modules.get("numpy")
        given = rows if numpy is None else numpy.array(rows)
        found = model.predict(given)
        return found.tolist() if hasattr(found, "tolist") else list(found)

    return predict
