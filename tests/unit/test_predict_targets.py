"""Targets and their options: what makes no sense is refused, apps are told apart."""

from __future__ import annotations

from typing import Any

import pytest
from support.apps import AsgiObject, WsgiObject, asgi, wsgi

from runner.predict.targets import EndpointOptions, batched, endpoint, is_target


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"answer": 3}, TypeError),
        ({"max_batch": 0}, ValueError),
        ({"threads": 0}, ValueError),
        ({"threads": "8"}, TypeError),
        ({"threads": 2.5}, TypeError),
        ({"exmaple": 1}, TypeError),
    ],
)
def test_a_wrong_option_is_an_error(options: Any, error: type[Exception]) -> None:
    """Also one that does not exist."""
    with pytest.raises(error):
        endpoint(len, **options)


def test_options_are_kept_with_their_target() -> None:
    """For one of several."""
    wanted = endpoint(len, answer="val", max_batch=1)
    assert wanted.target is len
    assert wanted.options == EndpointOptions(answer="val", max_batch=1)


def test_a_batch_has_at_least_one_item() -> None:
    """Else nothing would ever be asked."""
    with pytest.raises(ValueError, match="must be 1 or more"):
        batched(max_size=0)


def test_a_batched_without_parentheses_says_so() -> None:
    """It would take the function for a size."""
    with pytest.raises(TypeError, match=r"@batched\(\), with its parentheses"):
        batched(len)  # type: ignore[arg-type] # what the test is about


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


@pytest.mark.parametrize(
    "target", [two, three, rows, Model(), {"a": two}, endpoint(two), lambda: 1, lambda a, b: 1]
)
def test_what_is_answered_for(target: Any) -> None:
    """A typed function of two or three parameters is no WSGI or ASGI app."""
    assert is_target(target)


@pytest.mark.parametrize(
    "target",
    [asgi, wsgi, AsgiObject(), WsgiObject(), lambda environ, start: [], Model, None],
)
def test_what_answers_by_itself(target: Any) -> None:
    """An app may have type hints too; classes are neither."""
    assert not is_target(target)
