"""What is counted of keys, over all workers."""

from __future__ import annotations

import pytest

from runner.access.counts import MOST_NAMES, OTHER, AccessCounts
from runner.access.key_file import line_of
from runner.errors import ConfigurationError


def test_each_worker_counts_and_any_tells_the_sum() -> None:
    """Also of one that has ended; who takes its place goes on from its numbers."""
    counts = AccessCounts(slots=2)
    for name in ("alice", "alice", "bob"):
        counts.admit(name)
    counts.publish()
    counts.take_slot(1)
    counts.admit("alice")
    counts.refuse(401)
    assert counts.total().admitted == {"alice": 3, "bob": 1}
    counts.take_slot(0)
    counts.admit("bob")
    total = counts.total()
    assert total.admitted == {"alice": 3, "bob": 2}
    assert total.refused == {"401": 1}


def test_names_are_bounded() -> None:
    """The rest are counted as one, and all fits, however long the names."""
    counts = AccessCounts(slots=2)
    names = [f"{number:x<64}" for number in range(MOST_NAMES + 20)]
    for _ in range(2):
        for name in names:
            counts.admit(name)
    counts.publish()
    counts.take_slot(1)
    total = counts.total().admitted
    assert total == dict.fromkeys(names[:MOST_NAMES], 2) | {OTHER: 40}


def test_the_rest_is_counted_by_no_keys_name() -> None:
    """Whatever somebody calls a key, its requests are its own."""
    with pytest.raises(ConfigurationError):
        line_of(OTHER, "a-key")


def test_names_are_bounded_over_all_workers() -> None:
    """Each may have let in others; no request is lost."""
    counts = AccessCounts(slots=3)
    for slot in range(3):
        counts.take_slot(slot)
        for number in range(MOST_NAMES):
            counts.admit(f"{slot}-{number}")
        counts.publish()
    total = counts.total().admitted
    assert len(total) == MOST_NAMES + 1
    assert total.total() == 3 * MOST_NAMES


def test_what_is_half_written_is_not_read() -> None:
    """A sum is never that of torn bytes."""
    counts = AccessCounts(slots=2)
    counts.admit("alice")
    counts.publish()
    counts.take_slot(1)
    counts._shared[20] ^= 1
    assert counts.total().admitted == {}
