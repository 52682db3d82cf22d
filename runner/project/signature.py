"""Sign the files that we write, so that one which somebody has changed is told from ours."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

_SIGNED = re.compile(
    r"# By `runner image`, and replaced by it while the lines below are (\w{16})\.\n"
)
_MOST = 1_000_000


def signed(text: str) -> str:
    """Put a first line above a text, with the hash of the rest."""
    return (
        f"# By `runner image`, and replaced by it while the lines below are {_hash(text)}.\n{text}"
    )


def is_ours(path: Path) -> bool:
    """Tell whether a file is as we have written it."""
    try:
        if path.stat().st_size > _MOST:
            return False
        text = path.read_bytes().decode("utf-8", "replace")
    except OSError:
        return False
    found = _SIGNED.match(text)
    return found is not None and found[1] == _hash(text[found.end() :])


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
