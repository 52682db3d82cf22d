"""Models and functions are told from apps."""

from __future__ import annotations

from typing import Any

import pytest
from support.apps import AsgiObject, WsgiObject, asgi, wsgi

from runner.predict.targets import batched, endpoint, is_target


def two(a: int, b: int) -> int:
    return a + b


def three(a: int, b: int, c: int) -> int:
    return a + b + c


@batched()
def rows(rows):  # type: ignore[no-untyped-def] # the author forgot; that is told later
    return rows


class Model:
    """What predicts."""

    def predict(self, rows: Any) -> Any:
        """Predict."""
        return rows


@pytest.mark.parametrize("target", [two, three, rows, Model(), {"a": two}, endpoint(two)])
def test_what_is_answered_for(target: Any) -> None:
    """A typed function of two or three parameters is no WSGI or ASGI app."""
    assert is_target(target)


@pytest.mark.parametrize(
    "target",
    [asgi, wsgi, AsgiObject(), WsgiObject(), lambda environ, start: [], Model, None, lambda: 1],
)
def test_what_answers_by_itself(target: Any) -> None:
    """An app may have type hints too; classes are neither."""
    assert not is_target(target)
