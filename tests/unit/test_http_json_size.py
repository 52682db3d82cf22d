"""JSON is counted before it is parsed."""

from __future__ import annotations

import pytest

from runner.http.json_size import JsonBound, bound_of_body

BOUND = JsonBound(values=5, containers=2)


@pytest.mark.parametrize(
    ("body", "is_exceeded"),
    [
        (b"[1,2,3,4]", False),
        (b"[1,2,3,4,5]", True),
        (b"[[],[]]", True),
        (b'{"a":{}}', False),
        (b'["[[[,,,,,,,{{{"]', False),
        (rb'["\"[[[,,,,,,,{{{"]', False),
        (rb'["\\",[],[],1,1,1]', True),
        (b'["a', False),
        (b"\\" * 9, False),
    ],
)
def test_values_are_counted_outside_of_strings(body: bytes, is_exceeded: bool) -> None:
    """Whatever stands in these; what is no JSON is for the parser to say."""
    assert BOUND.is_exceeded_by(body) is is_exceeded


@pytest.mark.parametrize("before", range(65_530, 65_540))
def test_a_string_is_not_cut_by_the_pieces_of_the_count(before: int) -> None:
    """Nor is an escape in it."""
    text = b'["' + b"a" * before + rb"\"\\" + b'",' + b'"[[[[,,,,,"]'
    assert not BOUND.is_exceeded_by(text)
    assert BOUND.is_exceeded_by(text[:-1] + b",[],[]]")


def test_the_bound_grows_with_the_body() -> None:
    """A body of 16 MB may hold the picture of a phone in numbers, not millions of lists."""
    assert bound_of_body(16_777_216) == JsonBound(values=2_097_152, containers=262_144)
