"""Keep secrets out of the record: the kernel gets them, a reader does not.

The rules of this file:

1. A parameter is a secret if ``--secret`` names it, if its comment in the cell tagged
   ``parameters`` says so (``login = ""  # secret``), or if its name has a well-known word as a
   whole word: ``db_password``, ``apiKey``, ``HF_TOKEN``. ``sort_key`` and ``max_token`` are none.
2. The same holds for the keys of a dictionary, and a password within a URL is masked whatever
   the name.
3. A cell whose values were masked says of which. It is never executed as it stands.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from runner.masking.names import MASK
from runner.notebook.code import lines_of

if TYPE_CHECKING:
    from nbformat import NotebookNode

_MARK = re.compile(
    r"(?:^|[,;:(\[\u2013\u2014-]\s*)secret\s*(?:$|[,;:.)\]\u2013\u2014-])", re.IGNORECASE
)


def marked_secrets(text: str, tree: ast.Module) -> frozenset[str]:
    """Name the assigned variables whose comment, at the end of their line, calls them a secret."""
    lines = lines_of(text)
    found = set()
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        end = (node.end_lineno or 0) - 1
        line = lines[end] if end < len(lines) else ""
        rest = line.encode()[node.end_col_offset or 0 :].decode(errors="replace").strip()
        if rest.startswith("#") and _MARK.search(rest.strip("# \t")):
            found |= {target.id for target in targets if isinstance(target, ast.Name)}
    return frozenset(found)


def keys_within(value: Any) -> set[str]:
    """List the keys of a value's dictionaries, at any depth."""
    inner = list(value.values()) if isinstance(value, dict) else value
    found = {str(key) for key in value} if isinstance(value, dict) else set()
    if isinstance(inner, list | tuple):
        found = found.union(*map(keys_within, inner))
    return found


def mark(cell: NotebookNode, names: Collection[str]) -> None:
    """Note on a cell which values it holds masked."""
    cell.metadata["runner"] = {"masked": sorted(names)}


def marked(cell: Any) -> list[str]:
    """Name the values that a cell holds masked; none if it was edited since."""
    noted = cell.get("metadata", {}).get("runner", {})
    names = noted.get("masked") if isinstance(noted, dict) else None
    is_masked = MASK in "".join(cell["source"])
    return [str(name) for name in names] if is_masked and isinstance(names, list) else []
