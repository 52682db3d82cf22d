"""Weigh this process, and have what it forks share its pages for as long as can be."""

from __future__ import annotations

import ctypes
import gc
import os
from pathlib import Path


def settle() -> None:
    """Take all that was made until now for lasting.

    It is neither walked by the collector again and again, nor are the pages that forked
    processes share written to for that. What was only passed through goes back to the system.
    """
    gc.collect()
    gc.freeze()
    if hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
        libc.malloc_trim(0)


def own() -> int:
    """Count the bytes that this process holds alone: resident, not shared. Source: statm(5)."""
    _, resident, shared = (int(word) for word in Path("/proc/self/statm").read_text().split()[:3])
    return (resident - shared) * os.sysconf("SC_PAGE_SIZE")
