"""Mend what can be mended by machine, and change nothing else in the file.

A notebook is written back only if writing it unchanged gives the very bytes that were read:
then the mend is all that differs. One of another formatting is left alone.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from runner.doctor.findings import Finding, Rule
from runner.doctor.notebook_file import NotebookFile
from runner.doctor.rules_cells import parameters_candidate
from runner.errors import ConfigurationError
from runner.files import write_atomically
from runner.notebook.document import PARAMETERS_TAG

_INDENTS: tuple[int | str | None, ...] = (1, 2, 4, "\t", None, 0, 3, 8)
# The name sklearn at the start of a line; 0.0 is a version that only the placeholder had.
_SKLEARN = re.compile(
    rb"^([ \t]*)sklearn(?![\w.-])([ \t]*==[ \t]*0\.0[\w.]*)?", re.MULTILINE | re.IGNORECASE
)


def can_mend(rule: Rule[Any], subject: Any) -> bool:
    """Tell whether a breach of this rule can be mended in this file."""
    if rule.name == "no-parameters":
        return isinstance(subject, NotebookFile) and parameters_candidate(subject) is not None
    return rule.is_fixable


def mend(path: Path, found: Iterable[Finding]) -> list[Finding]:
    """Mend a file in one step.

    Returns:
        What was mended.

    Raises:
        ConfigurationError: The file cannot be written, or not without changing more.
    """
    wanted = [finding for finding in found if finding.is_fixable]
    if not wanted:
        return []
    try:
        before = path.read_bytes()
        is_notebook = any(finding.rule.name != "sklearn-name" for finding in wanted)
        after = _mended_notebook(path, before, wanted) if is_notebook else _renamed(before)
        write_atomically(path.resolve(), after.decode("utf-8"))
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be mended: {error.strerror}") from error
    return wanted


def _renamed(text: bytes) -> bytes:
    return _SKLEARN.sub(rb"\1scikit-learn", text)


def _mended_notebook(path: Path, before: bytes, found: list[Finding]) -> bytes:
    document = json.loads(before)
    style = _style(document, before)
    if style is None:
        raise ConfigurationError(
            f"{path}: is formatted in an unusual way, so that a mend would change more",
            hint="open and save it in Jupyter first",
        )
    for finding in found:  # of the rule no-parameters
        cell = document["cells"][finding.breach.cell - 1]
        cell.setdefault("metadata", {}).setdefault("tags", []).append(PARAMETERS_TAG)
    return _written(document, style)


def _style(document: Any, text: bytes) -> dict[str, Any] | None:
    """Find the formatting by which a document becomes these bytes."""
    ends = text[len(text.rstrip(b"\n")) :].decode()
    for indent, is_ascii in itertools.product(_INDENTS, (False, True)):
        style = {"indent": indent, "ensure_ascii": is_ascii, "ends": ends}
        if _written(document, style) == text:
            return style
    return None


def _written(document: Any, style: dict[str, Any]) -> bytes:
    text = json.dumps(document, indent=style["indent"], ensure_ascii=style["ensure_ascii"])
    written: str = text + style["ends"]
    return written.encode("utf-8", "surrogatepass")
