"""A client is told in the words of JSON what is wrong."""

from __future__ import annotations

import enum
from typing import Any, Literal

import pytest

from runner.predict.type_descriptions import (
    comma_separated,
    describe_kind,
    describe_type,
    describe_value,
)


class Colour(enum.Enum):
    """What an enum allows."""

    RED = "red"
    BLUE = "blue"


@pytest.mark.parametrize(
    ("hint", "words"),
    [
        (float, "a number"),
        (int | float, "a number"),
        (float | None, "a number or null"),
        (Colour, 'one of "red", "blue"'),
    ],
)
def test_a_type_is_said_in_words(hint: Any, words: str) -> None:
    """For a field that is missing."""
    assert describe_type(hint) == words


@pytest.mark.parametrize(
    ("value", "kind", "said"),
    [
        (None, "null", "null"),
        (1.5, "a number", "1.5"),
        ("a", "a string", '"a"'),
        ("a" * 99, "a string", "a string"),
        (10**30, "an integer", "1000000000000000000000000000000"),
        (-(10**40), "an integer", "an integer"),
        ([1, 2], "an array", "one of 2"),
        ({}, "an object", "an object"),
    ],
)
def test_a_value_is_said_in_words(value: Any, kind: str, said: str) -> None:
    """A short one is shown itself, of a long one its kind."""
    assert (describe_kind(value), describe_value(value)) == (kind, said)


def test_a_long_list_of_names_is_cut() -> None:
    """A type of a hundred fields does not make an answer of a hundred names."""
    assert comma_separated(["a", 1]) == '"a", 1'
    assert comma_separated(range(99)).endswith(" 19, …")


def test_types_that_are_equal_are_not_the_same() -> None:
    """A choice is told in the order in which it is written, whatever was looked at before."""
    for choices, said in ((Literal["a", "b"], '"a", "b"'), (Literal["b", "a"], '"b", "a"')):
        assert describe_type(choices) == f"one of {said}"
