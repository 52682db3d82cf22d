"""Show findings to people and to machines."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from runner.doctor.findings import Finding, Rule, Severity


def as_json(found: Iterable[Finding]) -> str:
    """Show findings as a list of objects."""
    return json.dumps([finding.as_dict() for finding in found], indent=2)


def as_text(found: Sequence[Finding]) -> str:
    """Show findings in lines, file by file."""
    groups = itertools.groupby(found, key=lambda finding: finding.file)
    return "\n\n".join("\n".join(map(_line, group)) for _, group in groups)


def _line(finding: Finding) -> str:
    rule = finding.rule
    said = f"{rule.severity} {rule.name}: {finding.breach.what}"
    return f"{finding.place()} {said} — {rule.why}. mend: {rule.mend}"


def summary(found: Sequence[Finding], files: int) -> str:
    """Count what was found, in one line."""
    counts = Counter(finding.rule.severity for finding in found)
    parts = [_counted(counts[severity], severity) for severity in Severity]
    if not counts[Severity.HINT]:
        del parts[-1]
    *first, last = parts
    looked = _counted(files, "file")
    return f"{', '.join(first)} and {last} in {looked}" if found else f"nothing found in {looked}"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def rules_as_text(rules: Iterable[Rule[Any]]) -> str:
    """List rules with why and mend."""
    return "\n".join(
        f"{rule.name} ({rule.severity}{', --fix' if rule.is_fixable else ''})\n"
        f"  why:  {rule.why}\n  mend: {rule.mend}"
        for rule in rules
    )


def rules_as_json(rules: Iterable[Rule[Any]]) -> str:
    """List rules as objects."""
    return json.dumps(
        [
            {
                "rule": rule.name,
                "severity": str(rule.severity),
                "why": rule.why,
                "mend": rule.mend,
                "fixable": rule.is_fixable,
            }
            for rule in rules
        ],
        indent=2,
    )
