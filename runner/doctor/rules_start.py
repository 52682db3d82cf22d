"""Rules for what refuses a run before its first cell."""

from __future__ import annotations

from collections.abc import Iterator

from runner.doctor.findings import Breach, Rule, Severity
from runner.doctor.notebook_file import NotebookFile
from runner.errors import ConfigurationError


def _masked(notebook: NotebookFile) -> Iterator[Breach]:
    if names := notebook.document.masked_values:
        yield Breach(what=f"it has the value of {' and of '.join(names)} masked")


def _no_kernel(notebook: NotebookFile) -> Iterator[Breach]:
    from runner.run import kernelspecs  # whose library takes a moment to be imported

    try:
        kernelspecs.read(notebook.document.kernel_name)
    except ConfigurationError as error:
        yield Breach(what=str(error))


RULES: tuple[Rule[NotebookFile], ...] = (
    Rule(
        name="masked-record",
        severity=Severity.WARNING,
        why="it is the record of a run, and is not run with what stands for a secret",
        mend="run the notebook that it is a record of, or give the values by -p",
        check=_masked,
    ),
    Rule(
        name="no-kernel",
        severity=Severity.WARNING,
        why="where its kernel is not there, or cannot be started, the notebook is not run",
        mend="install it, or choose one of those that `jupyter kernelspec list` shows",
        check=_no_kernel,
    ),
)
