"""Rules for what refuses a run before its first cell."""

from __future__ import annotations

from collections.abc import Iterator

from runner.doctor.findings import Breach, Rule, Severity
from runner.doctor.notebook_file import NotebookFile


def _masked(notebook: NotebookFile) -> Iterator[Breach]:
    if names := notebook.document.masked_values:
        yield Breach(what=f"it has the value of {' and of '.join(names)} masked")


def _no_kernel(notebook: NotebookFile) -> Iterator[Breach]:
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    try:
        KernelSpecManager().get_kernel_spec(notebook.document.kernel_name)
    except NoSuchKernel:
        yield Breach(what=f"no kernel named {notebook.document.kernel_name!r} is installed")


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
        why="where there is no such kernel the notebook is not run",
        mend="install it, or choose one of those that `jupyter kernelspec list` shows",
        check=_no_kernel,
    ),
)
