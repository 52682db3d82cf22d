"""What this process has open.

Tests share the process: what an earlier one left is closed whenever it is collected. So ask what
has come since, never how many there are.
"""

from __future__ import annotations

from pathlib import Path


def open_files() -> set[tuple[str, Path]]:
    """Return descriptors with what they lead to; sockets and pipes as ``socket:[inode]``."""
    found = set()
    for each in Path("/proc/self/fd").iterdir():
        try:
            found.add((each.name, each.readlink()))
        except FileNotFoundError:  # closed meanwhile, as what lists the folder is
            continue
    return found
