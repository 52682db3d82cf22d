"""Say what a rule is and what it finds."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Generic, TypeVar

Subject = TypeVar("Subject")


class Severity(enum.StrEnum):
    """Tell what would break, what may, and what is only worth knowing."""

    ERROR = "error"
    WARNING = "warning"
    HINT = "hint"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Breach:
    """Say where a rule is broken, and how.

    Attributes:
        what: In one sentence without a full stop.
        cell: The cell's number, counted from 1 over all cells as a reader sees them; 0 if none.
        cell_id: The cell's id; empty where it has none.
        line: The line within the cell, or within a file that has no cells; 0 if there is none.
    """

    what: str
    cell: int = 0
    cell_id: str = ""
    line: int = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rule(Generic[Subject]):
    """Describe one rule, and how to look for what breaks it.

    Attributes:
        name: Words in kebab-case.
        severity: Whether a breach would break something.
        why: What goes wrong.
        mend: What to do about it.
        check: Finds the breaches.
        is_fixable: Whether ``--fix`` can mend it where it is plain how.
    """

    name: str
    severity: Severity
    why: str
    mend: str
    check: Callable[[Subject], Iterable[Breach]]
    is_fixable: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Finding:
    """Say that a rule is broken in a file."""

    file: Path
    rule: Rule[Any]
    breach: Breach
    is_fixable: bool = False

    def place(self) -> str:
        """Say where it is, such as ``a.ipynb [cell 5 (load-data), line 3]``."""
        name = f" ({self.breach.cell_id})" if self.breach.cell_id else ""
        cell = f"cell {self.breach.cell}{name}" if self.breach.cell else ""
        line = f"line {self.breach.line}" if self.breach.line else ""
        within = ", ".join(part for part in (cell, line) if part)
        return f"{self.file} [{within}]" if within else str(self.file)

    def as_dict(self) -> dict[str, Any]:
        """Give what ``--format json`` shows; null where there is no cell or line."""
        return {
            "file": str(self.file),
            "cell": self.breach.cell or None,
            "cell_id": self.breach.cell_id or None,
            "line": self.breach.line or None,
            "rule": self.rule.name,
            "severity": str(self.rule.severity),
            "what": self.breach.what,
            "why": self.rule.why,
            "mend": self.rule.mend,
            "fixable": self.is_fixable,
        }


def nothing(subject: object) -> Iterable[Breach]:
    """Find nothing: for rules that something else than a check reports."""
    return ()
