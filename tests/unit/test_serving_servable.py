"""What a notebook has left that could be served."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from runner.serving.servable import is_app, servable_in


class Model:
    """Predicts."""

    def predict(self, rows: Any) -> Any:
        raise NotImplementedError


class Asgi:
    """An ASGI app that is an object, as FastAPI makes them."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        raise NotImplementedError


class Flaskish:
    """A WSGI app that is an object."""

    def __call__(self, environ: Any, start_response: Any) -> Any:
        raise NotImplementedError


class AnswersEverything:
    """Fails when anything is asked of the object itself."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError("an attribute was looked up on the object")


def predict_price(rooms: int) -> int:
    raise NotImplementedError


def add(a: int, b: int) -> int:
    raise NotImplementedError


@pytest.mark.parametrize(
    ("value", "hints"),
    [
        (Model(), ["`x` has `predict`: `serve(x)`"]),
        (Asgi(), ["`x` is an ASGI app: `serve(x)`"]),
        (Flaskish(), ["`x` is a WSGI app: `serve(x)`"]),
        (predict_price, []),
        (add, []),
        (Model, []),
        (socket, []),
        (3, []),
    ],
)
def test_a_name_is_told_by_what_it_holds(value: Any, hints: list[str]) -> None:
    """A model, an app under another name; no class, no module, no function of any kind."""
    assert servable_in({"x": value}) == hints


def test_nothing_is_asked_of_the_objects_themselves() -> None:
    """Some answer to every name, and by some work."""
    assert servable_in({"x": AnswersEverything()}) == []


def test_a_function_is_told_by_its_name() -> None:
    """Most functions of a notebook are not meant to be served."""
    found = servable_in({"predict_price": predict_price, "add": add})
    assert found == ["`predict_price` is a function: `serve(predict_price)`"]


def test_a_few_are_named() -> None:
    """Names that IPython keeps for itself are none of them."""
    names = {f"{start}model{number}": Model() for start in ("_", "") for number in range(9)}
    assert [hint[:8] for hint in servable_in(names)] == ["`model0`", "`model1`", "`model2`"]


@pytest.mark.parametrize("value", [None, 3, "app", dict, Asgi, lambda: None])
def test_what_cannot_be_served_is_no_app(value: Any) -> None:
    """Nor is a class whose instances might be."""
    assert not is_app(value)
