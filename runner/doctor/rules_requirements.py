"""The rule for requirements.txt."""

from __future__ import annotations

from collections.abc import Iterator

from packaging.utils import canonicalize_name

from runner.doctor.findings import Breach, Rule, Severity
from runner.doctor.requirements_file import RequirementsFile


def _sklearn(requirements: RequirementsFile) -> Iterator[Breach]:
    for line in requirements.lines:
        if line.wanted and canonicalize_name(line.wanted.name) == "sklearn":
            what = f"`{line.text}` names no package that can be installed"
            yield Breach(line=line.number, what=what)


RULES: tuple[Rule[RequirementsFile], ...] = (
    Rule(
        name="sklearn-name",
        severity=Severity.ERROR,
        why="pip refuses the name sklearn since December 2023, and nothing is installed",
        mend="scikit-learn is its name; it is imported as sklearn",
        check=_sklearn,
        is_fixable=True,
    ),
)
