"""Keep secrets out of the record: the kernel gets them, a reader does not.

Whether a parameter is a secret is told by its name: ``db_password``, ``apiKey``,
``token``. A password within a URL is masked whatever the name.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from runner.notebook.document import tags
from runner.notebook.papermill_internals import parameters_cell

if TYPE_CHECKING:
    from nbformat import NotebookNode

MASK = "***"

# Whole words of a name; and what makes a secret of a name wherever it stands in a word.
_WORDS = {"auth", "key", "keys", "passphrase", "pin", "pwd", "secret", "token"}
_PARTS = ("apikey", "credential", "passwd", "password", "secret")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_IN_URL = re.compile(r"(?<=://)[^/\s@]*:[^/\s@]*(?=@)")


def is_secret(name: str) -> bool:
    """Tell whether a name is one that a secret would have."""
    words = [word.lower() for word in _WORD.findall(name)]
    return any(
        word in _WORDS or word.endswith("token") or any(part in word for part in _PARTS)
        for word in (*words, "".join(words))
    )


def masked(value: Any, name: str = "") -> Any:
    """Give a copy of a parameter's value without secrets, also of those inside of it."""
    if is_secret(name) and value is not None and not isinstance(value, bool):
        return MASK
    if isinstance(value, dict):
        return {key: masked(inner, str(key)) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [masked(inner) for inner in value]
    if isinstance(value, str):
        return _IN_URL.sub(MASK, value)
    return value


def mask_parameters(nb: NotebookNode, kernel_name: str, language: str) -> dict[str, str]:
    """Mask the secrets that papermill has put into a notebook and its metadata.

    Returns:
        The true sources of the cells that were masked, by the cells' ids.
    """
    given = nb.metadata.papermill.get("parameters", {})
    shown = masked(given)
    if shown == given:
        return {}
    nb.metadata.papermill["parameters"] = shown
    sources = {}
    for cell in nb.cells:
        if "injected-parameters" in tags(cell):
            sources[cell.id] = cell.source
            cell.source = parameters_cell(kernel_name, language, shown)
    return sources
