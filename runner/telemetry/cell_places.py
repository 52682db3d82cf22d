"""Know of which cell of the notebook a line of code is, by the name of its file.

A run says before its first cell how a reader counts the cells that it executes. IPython names the
file of each by how many came before.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from typing import Any, NamedTuple


class CellPlace(NamedTuple):
    """Be a cell.

    Attributes:
        number: As a reader counts it; 0 of one that was put in, or if nobody has said it.
        above: Empty lines at its beginning, which IPython does not count.
    """

    number: int
    above: int


_executed: list[CellPlace] = []
_files: dict[str, int] = {}


def begin(executed: Sequence[tuple[int, int]]) -> None:
    """Take the cells that are executed, in their order.

    Args:
        executed: The fields of each place.
    """
    _executed[:] = [CellPlace(*each) for each in executed]


def name_file(file: str) -> None:
    """Take a file's name for that of the cell that runs."""
    callers = (frame.f_code.co_filename for frame, _ in traceback.walk_stack(None))
    _files[file] = next(filter(None, map(_count_of, callers)), 0)


def place_of(file: str) -> CellPlace | None:
    """Find the cell that a file is; None if it is none."""
    count = _files.get(file) or _count_of(file)
    if not count:
        return None
    return _executed[count - 1] if count <= len(_executed) else CellPlace(0, 0)


def _count_of(file: str) -> int:
    """Ask IPython which execution a file is of; 0 if of none."""
    shell = _shell()
    named = None if shell is None else shell.compile.format_code_name(file)  # ("Cell", "In[3]")
    count = named[1].removeprefix("In[").removesuffix("]") if named else ""
    return int(count) if count.isdecimal() else 0


def _shell() -> Any:
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython is not None else None
