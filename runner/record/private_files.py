"""Write what is left of runs so that only who ran them may read it, unless they say otherwise.

Records hold what cells printed, and kept notebooks their code. ``RUNNER_RECORD_MODE`` gives them to
others; a file that is replaced keeps the permissions that somebody gave it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

from runner.config import record_folder_mode, record_mode
from runner.files import make_folders, write_atomically


def write_private(path: Path, content: str | bytes, *, durable: bool = False) -> None:
    """Replace a file in one step, as `runner.files.write_atomically` does."""
    write_atomically(path, content, durable=durable, mode=record_mode())


def append_to_private(path: Path) -> BinaryIO:
    """Open a file to write at its end, and make it if it is not there."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, record_mode()), "ab")


def make_private_folder(path: Path) -> None:
    """Make a folder that is missing, and those above it: who may read a file may enter them."""
    make_folders(path, record_folder_mode())
