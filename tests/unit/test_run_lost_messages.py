"""Messages that never arrived are counted, and none that did."""

from __future__ import annotations

from typing import Any

import pytest

from runner.run.lost_messages import MessageCounter


def message(number: int, sender: str = "session_1") -> Any:
    return {"header": {"msg_id": f"{sender}_{number}"}}


def arrivals_of(*numbers: int) -> MessageCounter:
    """Those of a cell whose first message is the first one given."""
    arrivals = MessageCounter()
    arrivals.begin(message(numbers[0]))
    for number in numbers[1:]:
        arrivals.note(message(number))
    return arrivals


@pytest.mark.parametrize(
    ("numbers", "missing"),
    [
        ((5, 6, 8), 0),  # 7 is the reply
        ((5, 8), 1),
        ((5, 20), 13),
        ((5, 6, 4, 3, 8), 0),  # older ones came late
        ((5, 6, 9, 8), 0),  # another thread's overtook the last
        ((5, 9, 8), 1),
    ],
)
def test_the_gaps_are_counted(numbers: tuple[int, ...], missing: int) -> None:
    """Every number from a cell's first to its last has to come by, but for its reply's."""
    assert arrivals_of(*numbers).missing(message(8 if 8 in numbers else 20)) == missing


def test_a_forked_process_counts_for_itself() -> None:
    """What a child of the kernel prints has numbers of its own."""
    arrivals = arrivals_of(5, 6)
    arrivals.note(message(7, sender="session_2"))
    arrivals.note(message(8))
    assert arrivals.missing(message(8)) == 0


def test_ids_without_numbers_tell_nothing() -> None:
    """Other kernels than Python's name their messages as they like."""
    arrivals = MessageCounter()
    arrivals.begin({"header": {"msg_id": "8b5a"}})
    assert arrivals.missing({"header": {"msg_id": "77aa"}}) == 0
