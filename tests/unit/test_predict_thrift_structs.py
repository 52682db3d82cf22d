"""Structs of Thrift's compact protocol, and what is none."""

from __future__ import annotations

import pytest

from runner.predict.thrift_structs import INT32, INT64, LIST, STRUCT, BadStructError, StructReader

# Field 1: 150 in 32 bits; 2: true; 4: a list of -1 and 1 in 64 bits; 5: a list of three booleans;
# 6: a text; 7: a double; 8: a struct whose field 1 is a byte; 300: 1 in 64 bits.
_ALL = bytes.fromhex("15ac02 11 2926 01 02 1931 010201 180161 17") + bytes(8)
_ALL += bytes.fromhex("1c 13 7f 00 06 d804 02 00")


def test_fields_are_known_by_their_number_and_type() -> None:
    """What is neither a number, a list nor a struct is skipped."""
    found, end = StructReader(_ALL + b"more", 100).struct(0)
    assert end == len(_ALL)
    assert {key: value for key, value in found.items() if value is not None} == {
        (1, INT32): 150,
        (4, LIST): [-1, 1],
        (5, LIST): [None, None, None],
        (8, STRUCT): {(1, 3): None},
        (300, INT64): 1,
    }


@pytest.mark.parametrize(
    "data",
    [
        *(_ALL[:end] for end in range(len(_ALL))),
        bytes.fromhex("1502 0502 02 00"),  # a field twice: which of them would another read?
        bytes.fromhex("15" + "ff" * 11),
        bytes.fromhex("1b 00 00"),  # a map
        bytes.fromhex("19f5 ffffffff0f") + bytes(200),
        b"\x1c" * 50,
    ],
)
def test_what_is_unclear_is_refused(data: bytes) -> None:
    """Cut, twice the same, without end, of no known type, too large, or nested too deep."""
    with pytest.raises(BadStructError):
        StructReader(data, 100).struct(0)
