"""Carry out what `runner doctor` is asked: examine, mend, run, show, and tell of errors."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Callable
from pathlib import Path

from runner.doctor import dry_run, examine, fixes, report
from runner.doctor.findings import Finding, Severity
from runner.doctor.notebook_file import read_notebook
from runner.doctor.rules_run import NOTHING_IS_SERVED
from runner.errors import ConfigurationError, FindingsError

# What these have read from the source, a run decides: a cell may never be run, or be run well.
_DECIDED_BY_A_RUN = ("syntax-error", "asks-a-person", "no-sign-of-serving")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """Say what to check, and how.

    Attributes:
        files: What to examine; everything in the working folder if it is empty.
        ignored: Rules to leave out.
        is_strict: Let warnings count as errors do.
        fixes: Mend what can be mended by machine.
        runs: Have the notebooks served once.
        deadline: Seconds that each of them has until it serves.
        as_json: Show it to a machine.
    """

    files: tuple[Path, ...] = ()
    ignored: frozenset[str] = frozenset()
    is_strict: bool = False
    fixes: bool = False
    runs: bool = False
    deadline: float = 120.0
    as_json: bool = False

    @property
    def counting(self) -> set[Severity]:
        """Which findings end in an error."""
        return {Severity.ERROR, Severity.WARNING} if self.is_strict else {Severity.ERROR}


def rules(*, as_json: bool) -> str:
    """List all rules."""
    shown = report.rules_as_json if as_json else report.rules_as_text
    return shown(examine.ALL_RULES)


def check(options: Options, show: Callable[[str], None], remark: Callable[[str], None]) -> None:
    """Examine, and show what was found.

    Args:
        options: What to check, and how.
        show: Takes the result.
        remark: Takes what is said beside it.

    Raises:
        ConfigurationError: A file or a rule that was named does not exist.
        FindingsError: Something was found that would break.
    """
    _check_names(options.ignored)
    files = examine.files_to_examine(options.files)
    found = [finding for path in files for finding in _found(path, options, remark)]
    if options.as_json:
        show(report.as_json(found))
    elif found:
        show(f"{report.as_text(found)}\n")
    if any(one.rule.severity in options.counting for one in found):
        fixable = sum(one.is_fixable for one in found)
        hint = f"--fix mends {fixable} by machine" if fixable else ""
        raise FindingsError(report.summary(found, len(files)), hint)
    if not options.as_json:
        show(report.summary(found, len(files)))


def _found(path: Path, options: Options, remark: Callable[[str], None]) -> list[Finding]:
    found = _examined(path, options)
    if options.fixes and _mended(path, found, remark):
        found = _examined(path, options)
    is_readable = not any(one.rule.name == "not-a-notebook" for one in found)
    if options.runs and is_readable and path.suffix == ".ipynb":
        return _after_a_run(path, found, options)
    return found


def _after_a_run(path: Path, found: list[Finding], options: Options) -> list[Finding]:
    """Add what a dry run finds; what serves has no error, whatever its source looks like."""
    notebook = read_notebook(path)
    ran = examine.without_silenced(notebook, dry_run.dry_run(notebook, options.deadline))
    if not any(one.rule.severity is Severity.ERROR for one in ran):
        found = [one for one in found if one.rule.name not in _DECIDED_BY_A_RUN]
    elif any(one.rule is NOTHING_IS_SERVED for one in ran):
        found = [one for one in found if one.rule.name != "no-sign-of-serving"]
    return found + _without_ignored(ran, options)


def _mended(path: Path, found: list[Finding], remark: Callable[[str], None]) -> bool:
    """Mend a file, and say what was mended, or why nothing was; the other files go on."""
    try:
        mended = fixes.mend(path, found)
    except ConfigurationError as error:
        remark(f"not mended: {error}{f'; {error.hint}' if error.hint else ''}")
        return False
    for one in mended:
        remark(f"mended: {one.place()} {one.rule.name}")
    return bool(mended)


def _examined(path: Path, options: Options) -> list[Finding]:
    return _without_ignored(examine.examine(path), options)


def _without_ignored(found: list[Finding], options: Options) -> list[Finding]:
    return [finding for finding in found if finding.rule.name not in options.ignored]


def _check_names(ignored: frozenset[str]) -> None:
    known = [rule.name for rule in examine.ALL_RULES]
    for name in sorted(ignored - set(known)):
        close = difflib.get_close_matches(name, known, n=1)
        guess = f"; did you mean {close[0]!r}?" if close else ""
        raise ConfigurationError(f"no rule is named {name!r}{guess}", hint="runner doctor --rules")
