"""Rules for requirements.txt."""

from __future__ import annotations

from collections.abc import Iterator

from packaging.utils import canonicalize_name

from runner.doctor.environment import Requirements
from runner.doctor.findings import Rule, Severity, Spot


def _sklearn(asked: Requirements) -> Iterator[Spot]:
    for line in asked.lines:
        if line.wanted and canonicalize_name(line.wanted.name) == "sklearn":
            yield Spot(
                line=line.number, what=f"`{line.text}` names no package that can be installed"
            )


def _unreadable(asked: Requirements) -> Iterator[Spot]:
    for line in asked.lines:
        is_place = (
            "://" in line.text
            or line.text.startswith((".", "/", "$"))
            or line.text.endswith((".whl", ".tar.gz", ".zip"))
        )
        if line.wanted is None and not is_place:
            yield Spot(line=line.number, what=f"`{line.text[:60]}` is no requirement")


RULES: tuple[Rule[Requirements], ...] = (
    Rule(
        name="sklearn-name",
        severity=Severity.ERROR,
        why="pip refuses the name sklearn since December 2023, and nothing is installed",
        mend="scikit-learn is its name; it is imported as sklearn",
        check=_sklearn,
        is_fixable=True,
    ),
    Rule(
        name="requirement-unreadable",
        severity=Severity.ERROR,
        why="pip stops at this line, and nothing is installed",
        mend="write NAME==VERSION",
        check=_unreadable,
    ),
)
