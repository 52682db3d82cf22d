"""Say what a rule is and what it finds."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Generic, TypeVar

Subject = TypeVar("Subject")


class Severity(enum.StrEnum):
    """Tell what would break from what is only unwise."""

    ERROR = "error"
    WARNING = "warning"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Spot:
    """Say where a rule is broken, and how.

    Attributes:
        what: The breach itself, in one sentence without a full stop.
        cell: The cell's id, or its number where it has none; empty if it is in no cell.
        line: The line within the cell, or within a file that has no cells; 0 if there is none.
    """

    what: str
    cell: str = ""
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
    check: Callable[[Subject], Iterable[Spot]]
    is_fixable: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Finding:
    """Say that a rule is broken in a file."""

    file: Path
    rule: Rule[Any]
    spot: Spot
    is_fixable: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Give what ``--format json`` shows; null where there is no cell or line."""
        return {
            "file": str(self.file),
            "cell": self.spot.cell or None,
            "line": self.spot.line or None,
            "rule": self.rule.name,
            "severity": str(self.rule.severity),
            "what": self.spot.what,
            "why": self.rule.why,
            "mend": self.rule.mend,
            "fixable": self.is_fixable,
        }


def nothing(subject: object) -> Iterable[Spot]:
    """Find nothing: for rules that something else than a check reports."""
    return ()
