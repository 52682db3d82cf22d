"""What a model's endpoint answers is what the model predicts, with and without batching."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from support.fitted_models import fitted, in_batches, one_by_one, public_call, rows_of

from runner.model.artefacts import load_model
from runner.predict.batching import Batcher
from runner.predict.fast import preparation
from runner.predict.fast.predictor import Predictor
from runner.predict.models import model_endpoint
from runner.predict.targets import EndpointOptions
from runner.traffic.counters import Counters

MODELS = [
    SVC(),
    RandomForestClassifier(n_estimators=10, random_state=0),
    make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
    HistGradientBoostingClassifier(max_iter=2),
    KNeighborsClassifier(),
]


def endpoint_of(model: Any, row: Any, **options: Any) -> Any:
    example = {f"feature {number}": value for number, value in enumerate(row)}
    return model_endpoint(model, "model", "/", EndpointOptions(example=example, **options))


@pytest.mark.parametrize("data", ["iris", "digits", "breast-cancer"])
@pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)
def test_the_whole_way_from_body_to_answer(model: Any, data: str) -> None:
    """Rows that went through JSON are answered as the model itself answers them."""
    fitted(model, data)
    rows = rows_of(data, every=5)
    right = public_call(model)(rows)
    endpoint = endpoint_of(model, rows[0])
    assert getattr(endpoint.predict, "is_fast", False) != isinstance(model, KNeighborsClassifier)
    names = [f"feature {number}" for number in range(len(rows[0]))]
    bodies = [json.dumps(dict(zip(names, row, strict=True))).encode() for row in rows]
    items = [endpoint.schema.decode(body) for body in bodies]
    batched = in_batches(endpoint.predict, items, endpoint.max_batch)
    assert repr(batched) == repr(right)
    assert repr(one_by_one(endpoint.predict, items[::10])) == repr(right[::10])
    answers = [json.loads(endpoint.encode(result)) for result in batched]
    assert answers == [{"prediction": result} for result in right]


@pytest.mark.parametrize("data", ["iris", "digits", "breast-cancer"])
@pytest.mark.parametrize("model", MODELS[:4], ids=lambda model: type(model).__name__)
def test_clients_at_the_same_time_get_what_they_get_alone(model: Any, data: str) -> None:
    """Through the batcher, in batches as they happen to be, a data set is answered as ever."""
    fitted(model, data)
    rows = rows_of(data)
    endpoint = endpoint_of(model, rows[0])
    sizes: list[int] = []

    def noted(items: Any) -> Any:
        sizes.append(len(items))
        return endpoint.predict(items)

    async def ask_all() -> list[Any]:
        batcher = Batcher(
            dataclasses.replace(endpoint, predict=noted),
            loop=asyncio.get_running_loop(),
            counters=Counters(["model"], 1),
            most_waiting=len(rows),
        )
        found = await asyncio.gather(*(batcher.predict(row) for row in rows))
        batcher.close()
        return [answer.result for answer in found]

    assert repr(asyncio.run(ask_all())) == repr(public_call(model)(rows))
    assert max(sizes) == endpoint.max_batch


def test_probabilities_of_an_endpoint() -> None:
    """The fast call serves an endpoint with probabilities as the public one would."""
    model = fitted(LogisticRegression(max_iter=1000))
    endpoint = endpoint_of(model, rows_of()[0], probabilities=True)
    assert endpoint.predict.is_fast
    ((label, shares),) = endpoint.predict(rows_of()[:1])
    assert label == 0
    assert shares == model.predict_proba(rows_of()[:1]).tolist()[0]


def test_the_ranges_of_a_card_are_proved(monkeypatch: pytest.MonkeyPatch, trained: Path) -> None:
    """The rows of a proof fill the ranges that the card of the model gives by name."""
    model, card = load_model(trained / "model" / "iris.joblib")
    seen: list[Any] = []

    def prepare(*given: Any, **more: Any) -> Predictor:
        seen.append(more["ranges"])
        return Predictor(given[1])

    monkeypatch.setattr(preparation, "prepare", prepare)
    names = card["feature_names"]
    model_endpoint(model, "iris", "/", EndpointOptions(example=dict.fromkeys(names, 1)))
    model_endpoint(fitted(SVC()), "iris", "/", EndpointOptions(example=dict.fromkeys(names, 1)))
    card["feature_ranges"] = {"petal width (cm)": "wide"}
    model_endpoint(model, "iris", "/", EndpointOptions(example=dict.fromkeys(names, 1)))
    assert seen == [[(4.3, 7.9), (2.0, 4.4), (1.0, 6.9), (0.1, 2.5)], None, None]


def test_a_refused_value_is_a_failure_of_its_row_alone() -> None:
    """What float32 cannot hold is refused by a forest; the neighbours are answered."""
    model = fitted(RandomForestClassifier(n_estimators=3, random_state=0))
    endpoint = endpoint_of(model, rows_of()[0])
    first, refused, last = endpoint.predict([rows_of()[0], (1e39, 1.0, 1.0, 1.0), rows_of()[149]])
    assert (first, last) == (0, 2)
    assert isinstance(refused, Exception)
