"""What lasts is left alone, and what this process holds alone is counted."""

from __future__ import annotations

import gc
import mmap

from runner import processes


def test_what_was_made_is_never_walked_again() -> None:
    """The collector would write to every page of it."""
    made = [{} for _ in range(1000)]
    try:
        processes.freeze_memory()
        assert gc.get_freeze_count() > len(made)
    finally:
        gc.unfreeze()


def test_only_what_is_resident_counts_as_our_own() -> None:
    """Memory that nobody wrote to takes no room."""
    before = processes.own_memory()
    with mmap.mmap(-1, 50_000_000, flags=mmap.MAP_PRIVATE) as room:
        assert processes.own_memory() - before < 10_000_000
        room.write(b"x" * 50_000_000)
        assert processes.own_memory() - before > 40_000_000
