"""A cockpit of a process of its own, as its users start it."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

from support import RUNNER, Service, until

TOKEN = "0123456789abcdef0123"


@contextlib.contextmanager
def cockpit_of(folder: Path, shown: str = ".") -> Iterator[str]:
    """Start one in a folder, of that or of what is named; give where it is. ``TOKEN`` signs in."""
    token = folder / "token"
    token.write_text(TOKEN)
    token.chmod(0o600)
    words = ["cockpit", shown, "--port", "0", "--cockpit-token-file", "token"]
    cockpit = Service(*words, cwd=folder, program=RUNNER)
    try:
        found = until(lambda: re.search(r"http://[\d.:]+", cockpit.said()))
        yield str(found[0])
        cockpit.stop()
    finally:
        assert cockpit.end() == []
