"""Use of papermill what its documentation does not promise; nobody else here does.

Tried on 2.6 and 2.7; `tests/contract/test_papermill_internals.py` names what is gone. Nothing of
it is imported before it is used: papermill takes a while, and may be half imported.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.notebook.parameter_types import Constructed

if TYPE_CHECKING:
    from nbformat import NotebookNode


def register_engine(name: str, engine: type) -> None:
    """Let papermill find an engine, whatever entry points are installed."""
    from papermill.engines import papermill_engines

    papermill_engines.register(name, engine)


def language_of(nb: NotebookNode, language: str | None) -> str:
    """Name a notebook's language as papermill does; Python's, if the notebook says nothing."""
    from papermill.utils import nb_language

    try:
        return str(nb_language(nb, language))
    except ValueError:  # some editors and libraries write no kernelspec
        return "python"


def parameters_cell(kernel_name: str, language: str, values: dict[str, Any]) -> str:
    """Write the source of the cell that papermill puts in."""
    from papermill.translators import translate_parameters

    return str(translate_parameters(kernel_name, language, values, "Parameters"))


def python_parameters_cell(values: dict[str, Any]) -> str:
    """Write the source of that cell in Python, with types that papermill would write as text."""
    from papermill.translators import PythonTranslator

    class Translator(PythonTranslator):  # type: ignore[misc] # papermill has no types
        """Write values as the types that they are."""

        @classmethod
        def translate(cls, val: Any) -> str:
            match val:
                case Constructed():
                    return val.source
                case dict():
                    pairs = (f"{cls.translate(k)}: {cls.translate(v)}" for k, v in val.items())
                    return f"{{{', '.join(pairs)}}}"
                case tuple():
                    shown = ", ".join(map(cls.translate, val))
                    return f"({shown},)" if len(val) == 1 else f"({shown})"
                case set() | frozenset():
                    inner = ", ".join(sorted(map(cls.translate, val)))
                    shown = f"{{{inner}}}" if inner else "set()"
                    return f"frozenset({shown})" if isinstance(val, frozenset) else shown
                case complex() | bytes():
                    return repr(val)
            return str(super().translate(val))

    return str(Translator.codify(values, "Parameters"))


def without_error_markers(nb: NotebookNode) -> Any:
    """Give a notebook's cells without those that papermill has put in to show an error."""
    from papermill.execute import remove_error_markers

    return remove_error_markers(nb).cells


def local_folder(output_path: str) -> Path | None:
    """Give the folder to which papermill takes a path as relative; None if it is no local one."""
    from papermill.iorw import LocalHandler, papermill_io

    local = papermill_io.get_handler(output_path)
    if not isinstance(local, LocalHandler):
        return None
    home = local.cwd(None)  # papermill writes relative to where it was started
    local.cwd(home)
    return Path(home or ".")


def is_stream(output_path: str) -> bool:
    """Tell whether a path stands for the standard output."""
    from papermill.iorw import StreamHandler, papermill_io

    return isinstance(papermill_io.get_handler(output_path), StreamHandler)


class _NextUse:
    """Be papermill's way to one path for its next use, and withdraw."""

    def __init__(self, write: Callable[[str], None], path: str) -> None:
        self._write, self._path = write, path

    def write(self, text: str, path: str) -> Any:
        """Write the whole file; another path, which only begins as ours does, by papermill."""
        io = self._withdraw()
        return self._write(text) if path == self._path else io.write(text, path)

    def read(self, path: str) -> Any:
        """Read by papermill."""
        return self._withdraw().read(path)

    def listdir(self, path: str) -> Any:
        """List by papermill."""
        return self._withdraw().listdir(path)

    def pretty_path(self, path: str) -> Any:
        """Name a file by papermill."""
        return self._withdraw().pretty_path(path)

    def _withdraw(self) -> Any:
        from papermill.iorw import papermill_io

        with contextlib.suppress(ValueError):
            papermill_io._handlers.remove((self._path, self))  # noqa: SLF001 - nothing removes one
        return papermill_io


def write_next_by(write: Callable[[str], None], output_path: str) -> None:
    """Have papermill's next write to a path, the last of a run, done by a function of ours."""
    from papermill.iorw import papermill_io

    papermill_io.register(output_path, _NextUse(write, output_path))


def literal_path(path: str) -> str:
    """Write a path so that papermill takes no braces in it for parameters, nor it for stdin."""
    path = f"./{path}" if path.startswith("-") else path
    return path.replace("{", "{{").replace("}", "}}")


def write(nb: NotebookNode, output_path: str) -> None:
    """Write a notebook by papermill, which knows more places than files."""
    from papermill.iorw import write_ipynb

    write_ipynb(nb, output_path)
