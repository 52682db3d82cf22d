"""Do what `runner doctor` is asked: examine, mend, run, show, and end with an exit code."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Callable
from pathlib import Path

from runner.doctor import dry_run, examine, fixes, page, report
from runner.doctor.findings import Finding, Severity
from runner.errors import ConfigurationError, FindingsError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Wish:
    """Say what the doctor is asked.

    Attributes:
        files: What to examine; everything in the working folder if it is empty.
        ignored: Rules to leave out.
        is_strict: Let warnings count as errors do.
        mends: Mend what can be mended by machine.
        runs: Execute the notebooks up to what serves.
        deadline: Seconds that each such run has.
        as_json: Show it to a machine.
    """

    files: tuple[Path, ...] = ()
    ignored: frozenset[str] = frozenset()
    is_strict: bool = False
    mends: bool = False
    runs: bool = False
    deadline: float = 120.0
    as_json: bool = False


def rules(*, as_json: bool) -> str:
    """List all rules."""
    shown = report.rules_as_json if as_json else report.rules_as_text
    return shown(examine.ALL_RULES)


def consult(wish: Wish, show: Callable[[str], None], remark: Callable[[str], None]) -> None:
    """Examine, and show what was found.

    Args:
        wish: What is asked.
        show: Takes the result.
        remark: Takes what is said beside it.

    Raises:
        ConfigurationError: A file or a rule that was named does not exist.
        FindingsError: Something was found that would break.
    """
    _check_names(wish.ignored)
    files = examine.files_to_examine(wish.files)
    found = [finding for path in files for finding in _found(path, wish, remark)]
    if wish.as_json:
        show(report.as_json(found))
    elif found:
        show(f"{report.as_text(found)}\n")
    counted = [one for one in found if wish.is_strict or one.rule.severity is Severity.ERROR]
    if counted:
        fixable = sum(one.is_fixable for one in found)
        hint = f"--fix mends {fixable} by machine" if fixable else ""
        raise FindingsError(report.summary(found, len(files)), hint)
    if not wish.as_json:
        show(report.summary(found, len(files)))


def _found(path: Path, wish: Wish, remark: Callable[[str], None]) -> list[Finding]:
    found = _examined(path, wish)
    if wish.mends and _mended(path, found, remark):
        found = _examined(path, wish)
    is_readable = not any(one.rule.name in ("not-a-notebook", "syntax-error") for one in found)
    if wish.runs and is_readable and path.suffix == ".ipynb":
        read = page.read(path)
        found += _heeded(examine.heeding(read, dry_run.dry_run(read, wish.deadline)), wish)
    return found


def _mended(path: Path, found: list[Finding], remark: Callable[[str], None]) -> bool:
    """Mend a file, and say what was mended, or why nothing was; the other files go on."""
    try:
        mended = fixes.mend(path, found)
    except ConfigurationError as error:
        remark(f"not mended: {error}{f'; {error.hint}' if error.hint else ''}")
        return False
    for one in mended:
        cell = f" [cell {one.spot.cell}]" if one.spot.cell else ""
        remark(f"mended: {path}{cell} {one.rule.name}")
    return bool(mended)


def _examined(path: Path, wish: Wish) -> list[Finding]:
    return _heeded(examine.examine(path), wish)


def _heeded(found: list[Finding], wish: Wish) -> list[Finding]:
    return [finding for finding in found if finding.rule.name not in wish.ignored]


def _check_names(ignored: frozenset[str]) -> None:
    known = [rule.name for rule in examine.ALL_RULES]
    for name in sorted(ignored - set(known)):
        close = difflib.get_close_matches(name, known, n=1)
        guess = f"; did you mean {close[0]!r}?" if close else ""
        raise ConfigurationError(f"no rule is named {name!r}{guess}", hint="runner doctor --rules")
