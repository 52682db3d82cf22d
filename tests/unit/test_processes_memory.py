"""What lasts is left alone, and what this process holds alone is counted."""

from __future__ import annotations

import ctypes
import gc
import mmap
import threading

import pytest

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


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="needs glibc")
def test_what_was_freed_in_a_thread_goes_back_to_the_system() -> None:
    """The C library keeps it, and at the end of a thread's heap even when it is asked for all."""
    kept: list[int] = []

    def work() -> None:
        for _ in range(2):  # from the second time on it is not taken from the system by itself
            pieces = [b"x" * 15_000_000 for _ in range(2)]
            del pieces
        processes.return_memory()
        kept.append(processes.own_memory())

    before = processes.own_memory()
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert kept[0] - before < 10_000_000
